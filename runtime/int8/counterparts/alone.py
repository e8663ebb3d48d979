"""Functions of one tensor of codes: tables, softmax and layer norm."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from runtime import kernels
from runtime.int8.codes import Codes
from runtime.int8.counterparts.base import Int8Module
from runtime.quantization.quantized.base import QuantizedModule

_MOST_TABLES = 64


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


class TableForNumbers(Int8Module):
    """An operation on one tensor and numbers that each call gives: a table for each that has come."""

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        self._tables: dict[str, Tensor] = {}

    def on_codes(self, *operands: Any, **settings: Any) -> Tensor | None:
        numbers = tuple(None if isinstance(operand, Tensor) else operand for operand in operands)
        if settings or numbers.count(None) != 1 or not all(map(_is_number, numbers)):
            return None
        place = numbers.index(None)
        codes, of = self.given(0, operands[place])
        table = self._table(numbers, place, of)
        return None if table is None else kernels.lookup(codes, table)

    def _table(self, numbers: tuple[Any, ...], place: int, of: Codes) -> Tensor | None:
        """None where a number comes for the first time while the model is captured, when nothing can be computed."""
        key = repr(numbers)  # in which zeros have a sign, and what is no number is itself
        if key not in self._tables and not torch.compiler.is_compiling():
            if len(self._tables) == _MOST_TABLES:
                self._tables.clear()
            operands = [*numbers[:place], of.dequantize(torch.arange(256, dtype=torch.uint8)), *numbers[place + 1 :]]
            with torch.no_grad():
                self._tables[key] = self.made().quantize(self.simulated(*operands))
        return self._tables.get(key)


def _is_number(operand: Any) -> bool:
    return operand is None or isinstance(operand, (int, float))


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
