"""Functions and classes of other libraries, known by their full names: what they do and what they return."""

from __future__ import annotations

MOVING = frozenset({"einops.rearrange", "einops.repeat", "einops.unpack"})
"""They move, repeat or part what they are given, and compute nothing."""

COMPUTING = frozenset({"einops.reduce", "einops.einsum", "einops.pack"})
"""They compute on tensors, or join them, by operations of torch that nobody sees in the source."""

MODULES_THAT_MOVE = frozenset({"einops.layers.torch.Rearrange"})
"""Modules without parameters that compute nothing."""

MODULES_THAT_COMPUTE = frozenset({"einops.layers.torch.Reduce"})
"""Modules without parameters that do."""

OF_THEIR_OWN = frozenset({"numpy", "scipy", "pandas", "PIL", "cv2", "skimage", "sklearn", "matplotlib"})
"""Libraries that compute on arrays, images and tables of their own, which no quantizer has to do with."""

READING_SIZES = frozenset({"numpy.shape", "numpy.ndim", "numpy.size"})
"""They say how large a tensor is, which is a number or, for its shape, several."""

_HOMES = (
    ("distiller.modules.", "distiller.modules."),
    ("aimet_torch.nn.modules.custom.", "aimet_torch.nn.modules.custom."),
    ("aimet_torch._base.nn.modules.custom.", "aimet_torch.nn.modules.custom."),
    ("aimet_torch.v2.nn.modules.custom.", "aimet_torch.nn.modules.custom."),
    ("aimet_torch.elementwise_ops.", "aimet_torch.nn.modules.custom."),
    ("brevitas.nn.", "brevitas.nn."),
)
"""Where quantizers have their modules: each has them in several places, of which the second is the one to name."""

HOMES = {
    "distiller": "distiller.modules.", "aimet": "aimet_torch.nn.modules.custom.", "brevitas": "brevitas.nn.",
}  # fmt: skip
"""Where each library has the modules that take the place of operations and layers."""

WITH_MODULES = frozenset({"torch", *(home.partition(".")[0] for _, home in _HOMES)})
"""What a file may have no use for once its operations are modules of ours."""

_CONVOLUTION = "in_channels out_channels kernel_size stride padding dilation groups | bias padding_mode device dtype"
_TRANSPOSED = "in_channels out_channels kernel_size stride padding | output_padding dilation groups bias device dtype"
QUANTIZED_LAYERS = {
    **{f"brevitas.nn.QuantConv{n}d": (f"torch.nn.Conv{n}d", _CONVOLUTION) for n in (1, 2, 3)},
    **{f"brevitas.nn.QuantConvTranspose{n}d": (f"torch.nn.ConvTranspose{n}d", _TRANSPOSED) for n in (1, 2, 3)},
    "brevitas.nn.QuantLinear": ("torch.nn.Linear", "in_features out_features bias | device dtype"),
    "brevitas.nn.QuantEmbedding": (
        "torch.nn.Embedding",
        "num_embeddings embedding_dim padding_idx | max_norm norm_type",
    ),
    "brevitas.nn.QuantReLU": ("torch.nn.ReLU", "|"),
    "brevitas.nn.QuantSigmoid": ("torch.nn.Sigmoid", "|"),
    "brevitas.nn.QuantTanh": ("torch.nn.Tanh", "|"),
    "brevitas.nn.QuantHardSwish": ("torch.nn.Hardswish", "|"),
    "brevitas.nn.QuantIdentity": ("torch.nn.Identity", "|"),
}
"""Layers that quantize what they compute: torch's own layer, and the arguments that both take, by place until `|`."""


_CALLED = {f"EltWise{kind}": f"Eltwise{kind}" for kind in ("Add", "Sub", "Mult", "Div")}
"""Distiller's own documentation spells its classes so."""


def at_home(full_name: str) -> str:
    """The name by which the catalogue knows a module of another quantizer, whatever place it was taken from."""
    for place, home in _HOMES:
        if full_name.startswith(place):
            return home + _CALLED.get(name := full_name.rpartition(".")[2], name)
    return full_name


_RETURNS = {"einops.unpack": "tensors", "einops.pack": "packed"}


def result(full_name: str) -> str:
    """`tensor`, `tensors`, or `packed`: a tensor and the shapes that went into it."""
    return _RETURNS.get(full_name, "tensor")
