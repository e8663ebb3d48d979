"""What Tensor's attributes and methods, and torch's functions, give: a tensor unless these tables say otherwise.

Kinds: `tensor`, `tensors` (a tuple or list of them), `number`, `whole` (a whole one), `shape`, `string`, `sequence`,
`fact` (a dtype, a device), `other`.
"""

from __future__ import annotations

from rewriter.torch_api.tensor_names import TENSOR_NAMES

_ATTRIBUTES = {
    **dict.fromkeys(["shape", "names"], "shape"),
    **dict.fromkeys(["grad_fn", "name"], "other"),
    **dict.fromkeys(
        ["ndim", "nbytes", "itemsize", "requires_grad", "retains_grad", "volatile", "output_nr"], "whole",
    ),
    **dict.fromkeys(["dtype", "device", "layout"], "fact"),
}  # fmt: skip

_METHODS = {
    **dict.fromkeys(
        ["dim", "ndimension", "numel", "nelement", "element_size", "get_device", "storage_offset", "data_ptr",
         "sparse_dim", "dense_dim", "__len__"], "whole",
    ),
    **dict.fromkeys(
        ["item", "is_contiguous", "is_floating_point", "is_complex", "is_signed", "is_pinned", "is_shared",
         "is_nonzero", "is_coalesced", "is_inference", "is_same_size", "is_set_to", "is_conj", "is_neg", "equal",
         "allclose", "q_scale", "q_zero_point"], "number",
    ),
    **dict.fromkeys(
        ["chunk", "split", "split_with_sizes", "tensor_split", "hsplit", "vsplit", "dsplit", "unbind", "unsafe_chunk",
         "unsafe_split", "unsafe_split_with_sizes", "topk", "sort", "kthvalue", "mode", "cummax", "cummin", "aminmax",
         "frexp", "slogdet", "svd", "qr", "lu", "geqrf", "histogram"], "tensors",
    ),
    **dict.fromkeys(["tolist", "stride", "dim_order"], "sequence"),
    **dict.fromkeys(
        ["numpy", "type", "storage", "untyped_storage", "backward", "register_hook", "retain_grad", "storage_type",
         "qscheme", "record_stream", "module_load", "register_post_accumulate_grad_hook"], "other",
    ),
}  # fmt: skip

_OPERATORS = frozenset(
    f"__{kind}{name}__"
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
    for kind in ("", "r", "i")
) | {"__neg__", "__pos__", "__abs__", "__getitem__"}

_TAKES_NUMBERS = frozenset(
    {
        "view", "reshape", "expand", "repeat", "permute", "transpose", "unsqueeze", "squeeze", "flatten", "unflatten",
        "narrow", "new_zeros", "new_ones", "new_empty", "new_full", "size", "tile", "swapaxes", "swapdims", "movedim",
        "moveaxis", "resize_", "select", "unfold", "diagonal",
    }
)  # fmt: skip

_FUNCTIONS = {
    **dict.fromkeys(
        ["numel", "is_tensor", "is_floating_point", "is_complex", "is_grad_enabled", "is_autocast_enabled", "equal",
         "allclose", "get_num_threads", "is_nonzero", "is_storage", "is_inference_mode_enabled", "seed",
         "initial_seed", "is_anomaly_enabled", "is_same_size", "get_float32_matmul_precision"], "number",
    ),
    **dict.fromkeys(
        ["chunk", "split", "tensor_split", "hsplit", "vsplit", "dsplit", "unbind", "meshgrid", "broadcast_tensors",
         "topk", "sort", "kthvalue", "mode", "cummax", "cummin", "aminmax", "split_with_sizes", "unsafe_chunk",
         "unsafe_split", "frexp", "slogdet", "svd", "qr", "atleast_1d", "atleast_2d", "atleast_3d", "align_tensors"],
        "tensors",
    ),
    **dict.fromkeys(["broadcast_shapes"], "shape"),
    **dict.fromkeys(
        ["finfo", "iinfo", "device", "dtype", "get_default_dtype", "result_type", "promote_types"], "fact",
    ),
    **dict.fromkeys(["_make_subclass", "_make_wrapper_subclass", "vmap", "compile"], "unknown"),
    **dict.fromkeys(
        ["no_grad", "enable_grad", "inference_mode", "set_grad_enabled", "save", "autocast", "manual_seed",
         "Generator", "set_default_dtype", "typename", "set_num_threads", "set_default_device", "load"], "other",
    ),
}  # fmt: skip

# Parts of torch whose functions do not compute on tensors.
_OTHER_MODULES = (
    "torch.jit.", "torch.cuda.", "torch.backends.", "torch.distributed.", "torch.onnx.", "torch.utils.", "torch.fx.",
    "torch.autograd.", "torch.amp.", "torch.random.", "torch.compiler.", "torch.nn.init.", "torch.nn.utils.",
    "torch.overrides.", "torch.library.", "torch.profiler.", "torch.ops.", "torch.hub.", "torch.mps.", "torch.xpu.",
)  # fmt: skip

_NUMBERS = frozenset({"torch.pi", "torch.e", "torch.inf", "torch.nan"})
_CONSTANTS = frozenset(
    f"torch.{name}"
    for name in [
        "float",
        "float16",
        "float32",
        "float64",
        "half",
        "double",
        "bfloat16",
        "int",
        "int8",
        "int16",
        "int32",
        "int64",
        "long",
        "short",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
        "complex64",
        "complex128",
        "cfloat",
        "cdouble",
        "quint8",
        "qint8",
        "qint32",
        "strided",
        "sparse_coo",
        "preserve_format",
        "contiguous_format",
        "channels_last",
        "channels_last_3d",
        "float8_e4m3fn",
        "float8_e5m2",
    ]
)

TAKES_NUMBERS = frozenset(
    f"torch.{name}" for name in ("arange", "zeros", "ones", "empty", "full", "rand", "randn", "linspace", "eye")
)


def attribute(name: str) -> str:
    if name.startswith("__"):
        return "other"
    if name not in TENSOR_NAMES:
        return "unknown"
    return "number" if name.startswith("is_") else _ATTRIBUTES.get(name, "tensor")


def method(name: str, arguments: int) -> str:
    """What `x.name(...)` gives; `size` depends on whether a dimension is asked for."""
    if name == "size":
        return "whole" if arguments else "shape"
    if name.startswith("__") and name not in _METHODS:
        return "tensor" if name in _OPERATORS else "other"
    return _METHODS.get(name, "tensor" if name in TENSOR_NAMES else "unknown")


def takes_numbers(name: str) -> bool:
    """Whether the method's arguments are sizes and dimensions."""
    return name in _TAKES_NUMBERS


def function(full_name: str) -> str:
    """What calling a function of torch gives."""
    if full_name.startswith(_OTHER_MODULES):
        return "number" if full_name.rpartition(".")[2].startswith("is_") else "unknown"
    return _FUNCTIONS.get(full_name.rpartition(".")[2], "tensor")


def is_constant(full_name: str) -> bool:
    """A name of torch that is not a function: a dtype, a memory format, a number."""
    return full_name in _CONSTANTS or full_name in _NUMBERS


def is_number(full_name: str) -> bool:
    return full_name in _NUMBERS
