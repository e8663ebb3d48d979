"""Operations on two tensors of codes, and joins of several."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

import runtime.modules as wrappers
from rewriter.torch_api.traits import Trait
from runtime import kernels
from runtime.int8.codes import Codes
from runtime.int8.counterparts.base import Int8Module
from runtime.quantization.arithmetic import multiplier, sum_multipliers
from runtime.quantization.contraction import contraction_of
from runtime.quantization.known import has
from runtime.quantization.quantized.base import QuantizedModule


class Pair(Int8Module):
    """Two operands, both codes."""

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        self.low, self.high = simulated.code_bounds()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != 2 or not all(isinstance(operand, Tensor) for operand in args):
            return self.in_float(*args, **kwargs)
        return super().forward(*args)


class Add(Pair):
    """`a + b` or `a - b`."""

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        made, sign = simulated.output_params, -1.0 if has(simulated.inner, Trait.DIFFERENCE) else 1.0
        first, second = (params for params in simulated.input_params if params is not None)
        assert made is not None
        left, right = sum_multipliers(first, second, made)
        self.multipliers = (left.item(), sign * right.item())

    def on_codes(self, a: Tensor, b: Tensor) -> Tensor:
        (left, of_left), (right, of_right) = self.given(0, a), self.given(1, b)
        zeros = (of_left.zero, of_right.zero, self.made().zero)
        return kernels.add(left, right, *self.multipliers, *zeros, self.low, self.high)


class Product(Pair):
    """`a * b`, or `a @ b` and what an equation makes of it."""

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        made = simulated.output_params
        scales = [params.scale for params in simulated.input_params if params is not None]
        assert made is not None
        self.multiplier = multiplier(scales, made.scale).item()
        self.elementwise = has(simulated.inner, Trait.PRODUCT)
        self.equation = contraction_of(simulated.inner)

    def on_codes(self, a: Tensor, b: Tensor) -> Tensor | None:
        (left, of_left), (right, of_right) = self.given(0, a), self.given(1, b)
        told = (self.multiplier, of_left.zero, of_right.zero, self.made().zero, self.low, self.high)
        if self.elementwise:
            return kernels.mul(left, right, *told)
        if self.equation is not None:
            rows, columns = self.equation.matrices(left, right)
            return self.equation.unfolded(kernels.matmul(rows, columns, *told), a, b)
        return None if min(a.dim(), b.dim()) < 2 else kernels.matmul(left, right, *told)


class Join(Int8Module):
    """Concatenation, stacking, maximum: each tensor moved to the common grid, then joined as torch does."""

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        made = simulated.output_params
        assert made is not None
        low, high = simulated.code_bounds()
        self.multipliers: list[float] = []
        for position, params in enumerate(simulated.input_params):
            assert params is not None
            factor, zero = multiplier([params.scale], made.scale).item(), int(params.zero_point.item())
            self.multipliers.append(factor)
            moved = kernels.rescale_table(factor, zero, self.made().zero, low, high)
            self.register_buffer(f"table{position}", moved)

    def on_codes(self, *args: Any, **kwargs: Any) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if len(tensors) != len(self.inputs):
            return None
        given = [self.given(position, tensor) for position, tensor in enumerate(tensors)]
        dim = self._concatenated_along(args, kwargs)
        if dim is not None and self.made().high == 255:
            codes, of = [x for x, _ in given], [codes.zero for _, codes in given]
            return kernels.concat(codes, self.multipliers, of, self.made().zero, dim)
        waiting = [self._moved(position, *pair) for position, pair in enumerate(given)]
        joined_args, joined_kwargs = tree_map_only(Tensor, lambda _: waiting.pop(0), (args, kwargs))
        return self.simulated.inner(*joined_args, **joined_kwargs)

    def alike(self, x: Tensor) -> Tensor:
        """What becomes of tensors that all lie on one grid and are joined in `x` already."""
        return cast(Tensor, self.given_back(self._moved(0, *self.given(0, x))))

    def _concatenated_along(self, args: Any, kwargs: Any) -> int | None:
        """The dimension of a plain concatenation."""
        inner = self.simulated.inner
        sequence = len(args) == 1 and not isinstance(args[0], Tensor)
        if not isinstance(inner, wrappers.Concat) or not (sequence or all(isinstance(x, Tensor) for x in args)):
            return None
        settings = {**inner.fixed, **kwargs}
        dim = settings.pop("dim", 0)
        return dim if not settings and isinstance(dim, int) else None

    def _moved(self, position: int, codes: Tensor, of: Codes) -> Tensor:
        if of == self.output:
            return codes
        table: torch.Tensor = self.get_buffer(f"table{position}")
        return kernels.lookup(codes, table)
