"""Python's operators as modules: numbers, broadcasting and reflected operands are welcome."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import reduce
from itertools import product
from typing import Any, ClassVar

import torch
from torch import Tensor

from runtime.modules.base import InplaceOperation
from runtime.modules.scripting.signatures import Parameter, Signature

_NUMBERS = ("int", "float", "complex")


class Eltwise(InplaceOperation):
    """`a op b`, and with more operands from left to right; in place `a op= b`, which changes `a` for all who hold it.

    What only the torch function takes (`alpha`, `rounding_mode`, `out`) goes to the torch function.
    """

    symbol: ClassVar[Callable[[Any, Any], Any]]
    symbol_: ClassVar[Callable[[Any, Any], Any]]
    sign: ClassVar[str]
    takes: ClassVar[tuple[str, ...]] = ("inplace",)

    def forward(self, *operands: Any, **given: Any) -> Any:
        if self.fixed or given:
            return super().forward(*operands, **given)
        if len(operands) < 2:
            raise TypeError(f"{type(self).__name__} expects two operands or more, got {len(operands)}")
        return reduce(type(self).symbol_ if self.in_place else type(self).symbol, operands)

    def signatures(self) -> Iterable[Signature]:
        yield from super().signatures()
        if not self.fixed:
            for left, right in (*product(("int", "float"), repeat=2), *product(_NUMBERS, ("Tensor",))):
                operands = Parameter("input", left), Parameter("other", right)
                yield Signature(self.function, operands, callee="", separator=f" {self.sign} ")


class EltWiseAdd(Eltwise):
    """`a + b`, or `torch.add(a, b, alpha=...)`."""

    takes = ("inplace", "alpha")
    symbol, symbol_ = operator.add, operator.iadd
    sign = "+"
    function, function_ = torch.add, Tensor.add_


class EltWiseSub(Eltwise):
    """`a - b`, or `torch.sub(a, b, alpha=...)`."""

    takes = ("inplace", "alpha")
    symbol, symbol_ = operator.sub, operator.isub
    sign = "-"
    function, function_ = torch.sub, Tensor.sub_


class EltWiseMult(Eltwise):
    """`a * b`."""

    symbol, symbol_ = operator.mul, operator.imul
    sign = "*"
    function, function_ = torch.mul, Tensor.mul_


class EltWiseDiv(Eltwise):
    """`a / b`, or `torch.div(a, b, rounding_mode=...)`."""

    takes = ("inplace", "rounding_mode")
    symbol, symbol_ = operator.truediv, operator.itruediv
    sign = "/"
    function, function_ = torch.div, Tensor.div_


class FloorDivide(Eltwise):
    """`a // b`."""

    symbol, symbol_ = operator.floordiv, operator.ifloordiv
    sign = "//"
    function, function_ = torch.floor_divide, Tensor.floor_divide_


class Remainder(Eltwise):
    """`a % b`."""

    symbol, symbol_ = operator.mod, operator.imod
    sign = "%"
    function, function_ = torch.remainder, Tensor.remainder_


class Pow(Eltwise):
    """`a ** b`."""

    symbol, symbol_ = operator.pow, operator.ipow
    sign = "**"
    function, function_ = torch.pow, Tensor.pow_


class Neg(InplaceOperation):
    """`-x`."""

    takes = ("inplace",)
    function, function_ = torch.neg, Tensor.neg_

    def forward(self, *operands: Any, **given: Any) -> Any:
        if len(operands) == 1 and not given and not self.in_place:
            return -operands[0]
        return super().forward(*operands, **given)

    def signatures(self) -> Iterable[Signature]:
        yield from super().signatures()
        for number in _NUMBERS:
            yield Signature(self.chosen(), (Parameter("input", number),), callee="-")


class Matmul(Eltwise):
    """`a @ b`."""

    symbol, symbol_ = operator.matmul, operator.imatmul
    sign = "@"
    function = function_ = torch.matmul
