"""Modules that frame an image, or repeat its elements: what they return is elements that they were given, or zeros."""

from __future__ import annotations

from typing import Any

from torch import nn

from rewriter.torch_api.traits import Trait
from runtime.quantization.known import has, settings

PICKING = Trait.FRAME | Trait.RESIZE


def picks(module: nn.Module, args: Any, kwargs: Any) -> bool:
    """Whether a call, with these arguments behind the image, returns elements of the image alone."""
    if has(module, Trait.FRAME):
        return bool(settings(module, args, kwargs)["mode"] != "constant")
    return has(module, Trait.RESIZE) and str(settings(module, args, kwargs)["mode"]).startswith("nearest")


def zeros_around(module: nn.Module, args: Any, kwargs: Any) -> list[int] | None:
    """The widths of a frame of zeros, as torch.nn.functional.pad takes them; None for anything else."""
    if not has(module, Trait.FRAME):
        return None
    told = settings(module, args, kwargs)
    return list(told["pad"]) if told["mode"] == "constant" and not told["value"] else None


def gives_what_is_there(module: nn.Module, args: Any, kwargs: Any) -> bool:
    """Whether a call returns elements of the image, or zeros."""
    return picks(module, args, kwargs) or zeros_around(module, args, kwargs) is not None
