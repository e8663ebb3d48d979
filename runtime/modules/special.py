"""Wrapper modules whose forward does more than call the function of their row, and bases of such."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import product
from typing import Any, ClassVar

import torch
from torch import Tensor

from runtime.modules.base import PLAIN, InplaceOperation, Operation, has_own_method
from runtime.modules.scripting.signatures import Parameter, Signature

_NUMBERS = ("int", "float", "complex")


class Eltwise(InplaceOperation):
    """`a op b`, and with more operands from left to right; in place `a op= b`, which changes `a` for all who hold it.

    Numbers, broadcasting and reflected operands are as Python has them. What only the torch function takes (`alpha`,
    `rounding_mode`, `out`) goes to the torch function.
    """

    symbol: ClassVar[Callable[[Any, Any], Any]]
    symbol_: ClassVar[Callable[[Any, Any], Any]]
    sign: ClassVar[str]

    def forward(self, *operands: Any, **given: Any) -> Any:
        if self.fixed or given:
            return super().forward(*operands, **given)
        if len(operands) < 2:
            raise TypeError(f"{type(self).__name__} expects two operands or more, got {len(operands)}")
        if type(operands[0]) not in PLAIN and self._is_method_of(operands[0]):
            return reduce(self._own_method, operands)
        return reduce(self._joined_in_place if self.in_place else type(self).symbol, operands)

    def _joined_in_place(self, left: Any, right: Any) -> Any:
        """A stand-in of torch.fx has no operator that works in place, though what it stands for, a number also, may."""
        if isinstance(left, torch.fx.Proxy):
            return left.tracer.create_proxy("call_function", type(self).symbol_, (left, right), {})
        return type(self).symbol_(left, right)

    def _is_method_of(self, operand: Any) -> bool:
        """Whether only `x.add(y)` can have been written for it, as of an object that has no operators."""
        operator = f"__{type(self).symbol.__name__}__"
        return not hasattr(type(operand), operator) and has_own_method(operand, self.chosen().__name__)

    def signatures(self) -> Iterable[Signature]:
        yield from super().signatures()
        if not self.fixed:
            for left, right in (*product(("int", "float"), repeat=2), *product(_NUMBERS, ("Tensor",))):
                operands = Parameter("input", left), Parameter("other", right)
                yield Signature(self.function, operands, callee="", separator=f" {self.sign} ")


class Join(Operation):
    """Takes its tensors one by one, `concat(a, b)`, or as one sequence, `concat([a, b])`."""

    def forward(self, *tensors: Any, **given: Any) -> Any:
        if len(tensors) == 1 and not isinstance(tensors[0], Tensor):
            return super().forward(*tensors, **given)
        return super().forward(tensors, **given) if tensors else super().forward(**given)

    def signatures(self) -> Iterable[Signature]:
        """TorchScript makes a list of the last arguments by itself, if only keywords can follow."""
        for signature in super().signatures():
            tensors, *others = signature.parameters
            yield replace(signature, parameters=(tensors, *(replace(p, keyword_only=True) for p in others)))


class Neg(InplaceOperation):
    def forward(self, *operands: Any, **given: Any) -> Any:
        if len(operands) == 1 and not given and not self.in_place:
            return -operands[0]
        return super().forward(*operands, **given)

    def signatures(self) -> Iterable[Signature]:
        yield from super().signatures()
        for number in _NUMBERS:
            yield Signature(self.chosen(), (Parameter("input", number),), callee="-")


class Abs(InplaceOperation):
    def forward(self, *args: Any, **given: Any) -> Any:
        if len(args) == 1 and not given and not self.in_place:
            return abs(args[0])
        return super().forward(*args, **given)


class Einsum(Operation):
    def forward(self, *operands: Any) -> Any:
        return torch.einsum(*self.fixed.values(), *operands)


class Split(Operation):
    """The method calls the size `split_size`."""

    def forward(self, tensor: Tensor, *args: Any, **given: Any) -> Sequence[Tensor]:
        arguments = {**self.fixed, **given}
        if "split_size" in arguments:
            arguments["split_size_or_sections"] = arguments.pop("split_size")
        parts: Sequence[Tensor] = torch.split(tensor, *args, **arguments)
        return parts

    def signatures(self) -> Iterable[Signature]:
        """TorchScript knows one name for the size, Python two."""
        for signature in super().signatures():
            tensor, size, dim = signature.parameters
            for name in ("split_size_or_sections", "split_size"):
                yield replace(signature, parameters=(tensor, replace(size, name=name), dim))
