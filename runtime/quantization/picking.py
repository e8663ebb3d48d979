"""Modules that frame an image, or repeat its elements: what they give is elements that they were given, or zeros."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.padding import _CircularPadNd, _ConstantPadNd, _ReflectionPadNd, _ReplicationPadNd

import runtime.modules as wrappers
from runtime.modules.base import Operation
from runtime.quantization.known import is_a

_REPEATING = (wrappers.Interpolate, wrappers.FunctionalUpsample)
_MIRRORING = (_CircularPadNd, _ReflectionPadNd, _ReplicationPadNd)
PICKING = (nn.Upsample, *_REPEATING, *_MIRRORING, _ConstantPadNd, wrappers.Pad)


def picks(module: nn.Module, args: Any, kwargs: Any) -> bool:
    """Whether a call, with these arguments behind the image, gives elements of the image alone."""
    if is_a(module, wrappers.Pad):
        return bool(_settings(module, args, kwargs).get("mode", "constant") != "constant")
    if is_a(module, nn.Upsample):
        return module.mode.startswith("nearest")
    if is_a(module, _REPEATING):
        return str(_settings(module, args, kwargs).get("mode", "nearest")).startswith("nearest")
    return is_a(module, _MIRRORING)


def zeros_around(module: nn.Module, args: Any, kwargs: Any) -> list[int] | None:
    """The widths of a frame of zeros, as torch.nn.functional.pad takes them; None for anything else."""
    if is_a(module, _ConstantPadNd):
        return list(module.padding) if module.value == 0 else None
    if not is_a(module, wrappers.Pad):
        return None
    settings = _settings(module, args, kwargs)
    of_zeros = settings.get("mode", "constant") == "constant" and not settings.get("value")
    return list(settings["pad"]) if of_zeros else None


def gives_what_is_there(module: nn.Module, args: Any, kwargs: Any) -> bool:
    """Whether a call gives elements of the image, or zeros."""
    return picks(module, args, kwargs) or zeros_around(module, args, kwargs) is not None


def _settings(module: Operation, args: Any, kwargs: Any) -> dict[str, Any]:
    return {**module.fixed, **dict(zip(module.takes, args, strict=False)), **kwargs}
