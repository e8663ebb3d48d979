"""Functions of one tensor of codes: tables, softmax and layer norm."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from runtime import kernels
from runtime.int8.counterparts.base import Int8Module
from runtime.quantization.quantized.base import QuantizedModule


class Table(Int8Module):
    """Any function of one number: what the simulated module makes of each of the codes that there are."""

    table: Tensor

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        given = self._known(self.inputs[0])
        with torch.no_grad():
            made = simulated(given.dequantize(torch.arange(256, dtype=torch.uint8)))
        self.register_buffer("table", self.made().quantize(made))

    def on_codes(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
        return None if args or kwargs else kernels.lookup(self.given(0, x)[0], self.table)


class Softmax(Int8Module):
    """Within one code of what was simulated."""

    def on_codes(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
        codes, of = self.given(0, x)
        inner, made = self.simulated.inner, self.made()
        settings = {"dim": inner.dim} if isinstance(inner, nn.Softmax) else dict(getattr(inner, "fixed", {}))
        settings.update(zip(("dim",), args, strict=False))
        settings.update(kwargs)
        dim = settings.pop("dim", None)
        if settings or len(args) > 1 or not isinstance(dim, int):
            return None
        return made.held(kernels.softmax(codes, dim, of.scale, made.scale, made.zero))


class LayerNorm(Int8Module):
    """Within one code of what was simulated."""

    weight: Tensor | None
    bias: Tensor | None

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        inner = simulated.inner
        assert isinstance(inner, nn.LayerNorm)
        self.shape, self.eps = list(inner.normalized_shape), inner.eps
        for name, parameter in (("weight", inner.weight), ("bias", inner.bias)):
            self.register_buffer(name, None if parameter is None else parameter.detach().to(torch.float32))

    def on_codes(self, x: Tensor) -> Tensor:
        codes, of = self.given(0, x)
        made = self.made()
        scales = (of.scale, of.zero, made.scale, made.zero)
        return made.held(kernels.layer_norm(codes, self.shape, self.weight, self.bias, self.eps, *scales))
