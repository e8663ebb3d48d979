"""Sums, products and matrix products of two activations, and joins of several."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from rewriter.torch_api.traits import Trait
from runtime.quantization.arithmetic import QParams, multiplier, sum_multipliers
from runtime.quantization.contraction import contraction_of
from runtime.quantization.known import has
from runtime.quantization.quantized.base import QuantizedModule, centred

_EXACT_IN_FLOAT32 = 2**24


class _TwoOperands(QuantizedModule):
    """Two tensors, both on integers; called in any other way, the operation runs in floating point."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = self.output_params
        params = [given for given in self.input_params if given is not None]
        if output is None or len(params) != 2 or len(args) != 2 or kwargs or not _are_floats(args):
            return self.in_float(*args, **kwargs)
        return self.given_back(self._operate(args[0], args[1], params[0], params[1], output), args)

    def _operate(self, a: Tensor, b: Tensor, a_params: QParams, b_params: QParams, output: QParams) -> Tensor:
        raise NotImplementedError


class QuantizedAdd(_TwoOperands):
    """`a + b` or `a - b`: each side times its own multiplier, then one addition in float32."""

    def _operate(self, a: Tensor, b: Tensor, a_params: QParams, b_params: QParams, output: QParams) -> Tensor:
        left, right = sum_multipliers(a_params, b_params, output)
        total, other = centred(a, a_params) * left, centred(b, b_params) * right
        both = total - other if has(self.inner, Trait.DIFFERENCE) else total + other
        return self.requantized(both, torch.ones_like(output.scale), output)


class QuantizedMul(_TwoOperands):
    """`a * b`: the exact product of the integers, requantized."""

    def _operate(self, a: Tensor, b: Tensor, a_params: QParams, b_params: QParams, output: QParams) -> Tensor:
        factor = multiplier([a_params.scale, b_params.scale], output.scale)
        return self.requantized(_wide(a, a_params, b_params, 1) * _wide(b, b_params, a_params, 1), factor, output)


class QuantizedMatmul(_TwoOperands):
    """`a @ b`, batched as torch has it, or by an equation: exact sums of products of integers, requantized."""

    def _operate(self, a: Tensor, b: Tensor, a_params: QParams, b_params: QParams, output: QParams) -> Tensor:
        factor = multiplier([a_params.scale, b_params.scale], output.scale)
        equation = contraction_of(self.inner)
        terms = a.shape[-1] if equation is None else equation.terms(a)
        total = self.inner(_wide(a, a_params, b_params, terms), _wide(b, b_params, a_params, terms))
        return self.requantized(total, factor, output)


class QuantizedJoin(QuantizedModule):
    """Concatenation, stacking, maximum: each tensor moved to the common grid, then joined."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output, waiting = self.output_params, list(self.input_params)
        if output is None:
            return self.in_float(*args, **kwargs)

        def moved(tensor: Tensor) -> Tensor:
            given = waiting.pop(0) if waiting else None
            if not tensor.is_floating_point() or given is None:
                return tensor
            return self.requantized(centred(tensor, given), multiplier([given.scale], output.scale), output)

        joined_args, joined_kwargs = tree_map_only(Tensor, moved, (args, kwargs))
        return self.inner(*joined_args, **joined_kwargs)


def _are_floats(operands: Any) -> bool:
    return all(isinstance(operand, Tensor) and operand.is_floating_point() for operand in operands)


def _wide(x: Tensor, params: QParams, other: QParams, terms: int) -> Tensor:
    """The integers of `x` in a format that holds every sum of so many products with the other side's exactly."""
    exact = terms * params.grid.steps * other.grid.steps < _EXACT_IN_FLOAT32
    return centred(x, params).to(torch.float32 if exact else torch.float64)
