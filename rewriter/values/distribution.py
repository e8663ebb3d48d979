"""Objects of torch.distributions: what they compute is code of torch's own, of which the source shows nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from rewriter.values.base import UNKNOWN, Call, Machine, Unknown, Value
from rewriter.values.one_of import join_all
from rewriter.values.tensor import TENSOR, holds_tensor

OF_DISTRIBUTIONS = "torch.distributions."
_COMPUTING = frozenset("cdf entropy icdf log_prob perplexity rsample".split())
"""Methods that compute of the tensors that the object was made of, or of those that they are given."""
_DRAWING = frozenset({"sample", "sample_n"})


@dataclass(frozen=True, slots=True)
class Distribution(Unknown):
    """`Normal(mean, deviation)`"""

    of: Value
    """The tensors that it was made of."""

    rank: ClassVar[int] = 87

    def joined(self, other: Value) -> Value:
        return Distribution(join_all([self.of, other.of])) if isinstance(other, Distribution) else UNKNOWN

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        return TENSOR if node.attr in ("mean", "mode", "stddev", "variance") else UNKNOWN

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        if func.attr in _COMPUTING:
            machine.note_unknown_call(call.node, [self.of, *call.arguments.values()])
        return TENSOR if func.attr in _COMPUTING | _DRAWING else UNKNOWN


def distribution_of(values: Iterable[Value]) -> Distribution:
    return Distribution(join_all(_tensors_in(values)))


def of_function(machine: Machine, call: Call) -> Value:
    """`kl_divergence(p, q)`"""
    machine.note_unknown_call(call.node, _tensors_in(call.arguments.values()))
    return TENSOR


def _tensors_in(values: Iterable[Value]) -> list[Value]:
    """The tensors that are given, by themselves or in a distribution: `Independent(Normal(mean, deviation), 1)`."""
    found = [part.of if isinstance(part, Distribution) else part for value in values for part in value.parts]
    return [value for value in found if holds_tensor(value)] or [UNKNOWN]
