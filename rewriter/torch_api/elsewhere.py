"""Functions of other libraries that take tensors, known by their full names: what they do and what they return."""

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

_RETURNS = {"einops.unpack": "tensors", "einops.pack": "packed"}


def result(full_name: str) -> str:
    """`tensor`, `tensors`, or `packed`: a tensor and the shapes that went into it."""
    return _RETURNS.get(full_name, "tensor")
