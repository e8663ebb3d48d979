"""Functions of one tensor of codes: tables, softmax and normalizations."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from runtime import kernels
from runtime.int8.codes import Codes
from runtime.int8.counterparts.base import Int8Module
from runtime.modules.base import Operation
from runtime.quantization.arithmetic import multiplier
from runtime.quantization.known import row_of, settings
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.others import QuantizedPReLU

_MOST_TABLES = 64


class Tables(Int8Module):
    """An operation on one tensor and numbers that each call has: a table for each that has come."""

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        self._tables: dict[str, Tensor] = {}

    def on_codes(self, *operands: Any, **told: Any) -> Tensor | None:
        places = [place for place, operand in enumerate(operands) if isinstance(operand, Tensor)]
        numbers = tuple(None if isinstance(operand, Tensor) else operand for operand in operands)
        if len(places) != 1 or not all(map(_is_plain, (*numbers, *told.values()))):
            return None
        (place,) = places
        codes, of = self.given(0, operands[place])
        table = self.table_for(numbers, told, place, of)
        return None if table is None else kernels.lookup(codes, table)

    def table_for(self, numbers: tuple[Any, ...], told: dict[str, Any], place: int, of: Codes) -> Tensor | None:
        """None where a number comes for the first time while the model is captured, when nothing can be computed."""
        key = repr((numbers, told))  # in which zeros have a sign, and what is not a number is itself
        if key not in self._tables and not torch.compiler.is_compiling():
            if len(self._tables) == _MOST_TABLES:
                self._tables.clear()
            self._tables[key] = self._made_by(numbers, told, place, of)
        return self._tables.get(key)

    def _made_by(self, numbers: tuple[Any, ...], told: dict[str, Any], place: int, of: Codes) -> Tensor:
        operands = [*numbers[:place], of.dequantize(torch.arange(256, dtype=torch.uint8)), *numbers[place + 1 :]]
        with torch.no_grad():
            return self.made().quantize(self.simulated(*operands, **told))


class Table(Tables):
    """Any function of one number: what the simulated module makes of each of the codes that there are."""

    table: Tensor

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        self.register_buffer("table", self._made_by((None,), {}, 0, self._known(self.inputs[0])))

    def table_for(self, numbers: tuple[Any, ...], told: dict[str, Any], place: int, of: Codes) -> Tensor | None:
        return self.table if len(numbers) == 1 and not told else super().table_for(numbers, told, place, of)


def table(simulated: QuantizedModule) -> Tables:
    """One table, if the module needs to be told nothing but the tensor."""
    row, fixed = row_of(simulated.inner), getattr(simulated.inner, "fixed", {})
    function = row.function if row is not None and isinstance(simulated.inner, Operation) else None
    missing = [p for p in function.parameters[1:] if p.required and p.name not in fixed] if function else []
    return Tables(simulated) if missing else Table(simulated)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (int, float, str))


class PReLU(Int8Module):
    """One slope a channel."""

    negative: Tensor

    def __init__(self, simulated: QuantizedPReLU) -> None:
        super().__init__(simulated)
        given, made = simulated.input_params[0], simulated.output_params
        assert given is not None and made is not None
        self.multiplier = multiplier([given.scale], made.scale).item()
        self.register_buffer("negative", simulated.negative())

    def on_codes(self, x: Tensor) -> Tensor | None:
        if x.dim() < 2:
            return None
        codes, of = self.given(0, x)
        made = self.made()
        return made.held(kernels.prelu(codes, self.multiplier, self.negative, of.zero, made.zero))


class Softmax(Int8Module):
    """Within one code of what was simulated."""

    def on_codes(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
        codes, of = self.given(0, x)
        made, told = self.made(), settings(self.simulated.inner, args, kwargs)
        dim = told["dim"]
        if told.get("dtype") is not None or not isinstance(dim, int):
            return None
        return made.held(kernels.softmax(codes, dim, of.scale, made.scale, made.zero))


class LayerNorm(Int8Module):
    """Within one code of what was simulated. Its weights are the module's, or those that each call passes."""

    weight: Tensor | None
    bias: Tensor | None

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        own = {} if isinstance(simulated.inner, Operation) else settings(simulated.inner)
        for name in ("weight", "bias"):
            self.register_buffer(name, _as_real(own.get(name)))

    def on_codes(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        codes, of = self.given(0, x)
        told, made = settings(self.simulated.inner, args, kwargs), self.made()
        affine = (self.weight, self.bias)
        if isinstance(self.simulated.inner, Operation):
            affine = (_as_real(told["weight"]), _as_real(told["bias"]))
        scales = (of.scale, of.zero, made.scale, made.zero)
        return made.held(kernels.layer_norm(codes, list(told["normalized_shape"]), *affine, told["eps"], *scales))


class RMSNorm(Int8Module):
    """Within one code of what was simulated. Its weight is the module's, or that which each call passes."""

    weight: Tensor | None

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        own = None if isinstance(simulated.inner, Operation) else settings(simulated.inner)["weight"]
        self.register_buffer("weight", _as_real(own))

    def on_codes(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
        codes, of = self.given(0, x)
        told, made = settings(self.simulated.inner, args, kwargs), self.made()
        if len(told["normalized_shape"]) != 1:
            return None
        weight = _as_real(told["weight"]) if isinstance(self.simulated.inner, Operation) else self.weight
        eps = torch.finfo(torch.float32).eps if told["eps"] is None else told["eps"]
        return made.held(kernels.rms_norm(codes, weight, eps, of.scale, of.zero, made.scale, made.zero))


class Normalize(Int8Module):
    """Each row over its length, which is the root of its mean square times that of the number of its elements."""

    def on_codes(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
        codes, of = self.given(0, x)
        told, made = settings(self.simulated.inner, args, kwargs), self.made()
        dim = told["dim"]
        if told["p"] != 2 or not isinstance(dim, int) or not isinstance(x.shape[dim], int):
            return None
        number = x.shape[dim]
        scales = (of.scale, of.zero, made.scale * math.sqrt(number), made.zero)
        rows = kernels.rms_norm(codes.movedim(dim, -1), None, told["eps"] ** 2 / number, *scales)
        return made.held(rows.movedim(-1, dim))


def _as_real(weight: Tensor | None) -> Tensor | None:
    return None if weight is None else weight.detach().to(torch.float32)


OF_ROWS: dict[str, type[Int8Module]] = {
    "softmax": Softmax,
    "layer_norm": LayerNorm,
    "rms_norm": RMSNorm,
    "normalize": Normalize,
}
"""The kernels that compute on real numbers inside, by the operation."""
