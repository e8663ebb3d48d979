"""What `convert` and `compile` are given, looked at before any work."""

from __future__ import annotations

from torch import nn

from runtime.int8.counterparts.base import Int8Module
from runtime.quantization.asked import check_model
from runtime.quantization.quantized.base import QuantizedModule


def check_converted(model: nn.Module) -> None:
    """A model that `convert` has made."""
    check_model(model)
    modules = list(model.modules())
    if any(isinstance(module, Int8Module) for module in modules):
        return
    if any(isinstance(module, QuantizedModule) for module in modules):
        raise ValueError("compile takes a converted model, and this one only simulates integers: convert it first")
    raise ValueError(
        f"compile takes a converted model, and {type(model).__name__} has no int8 module: "
        "compile(convert(runtime.quantize(model, data)), example)"
    )
