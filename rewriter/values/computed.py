"""What torch computes: tensors that a quantizer has to do with, and sizes, indices, masks and constants."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from collections.abc import Sequence as Values
from dataclasses import dataclass
from typing import Protocol

from rewriter.torch_api import tensors, whole
from rewriter.values.base import UNKNOWN, Call, Value
from rewriter.values.fixed import all_fixed, origins_of
from rewriter.values.plain import Fact, Nothing, String

_CONVERTING = frozenset({"torch.Tensor.to", "torch.Tensor.type"})


class Place(Protocol):
    """What is asked of the run that has met the call."""

    def global_name(self, node: ast.expr) -> str | None: ...
    def made_here(self, node: ast.expr) -> frozenset[str]: ...
    def written(self, value: Value, *sources: Value) -> None: ...


@dataclass(frozen=True, slots=True)
class Nature:
    """What a result of torch's is like, beyond being a tensor."""

    is_whole: bool
    origins: frozenset[str]


def nature_of(place: Place, name: str, call: Call, operands: Values[Value]) -> Nature:
    """Of what the call of the function or method returns for the operands, its receiver's among them."""
    _note_writing(place, name, call, operands)
    origins = frozenset[str]()
    if all_fixed(operands) and not whole.draws(name):
        origins = origins_of(operands) or place.made_here(call.node)
    return Nature(_is_whole(place, name, call, operands), origins)


def is_idle(operands: Values[Value]) -> bool:
    """Whether computing from these is no business of a quantizer: nothing given flows in, or nothing has fractions."""
    return all_fixed(operands) or all(map(has_no_fractions, operands))


def has_no_fractions(value: Value) -> bool:
    return value.is_whole or value.is_only(Nothing, String, Fact)


def _note_writing(place: Place, name: str, call: Call, operands: Values[Value]) -> None:
    """`x.copy_(y)` and `torch.add(x, y, out=z)`"""
    if name.endswith("_") and operands:
        random = (UNKNOWN,) if whole.draws(name) else ()
        place.written(operands[0], *operands[1:], *random)
    for keyword in call.node.keywords:
        if keyword.arg == "out":
            place.written(call.arguments[keyword.value], *operands)


def _is_whole(place: Place, name: str, call: Call, operands: Values[Value]) -> bool:
    if types := list(_types(place, name, call)):
        return all(whole.is_type(place.global_name(node)) or call.arguments[node].is_whole for node in types)
    if name in _CONVERTING:
        return operands[0].is_whole
    return whole.always(name) or (whole.of_whole(name) and all(map(has_no_fractions, operands)))


def _types(place: Place, name: str, call: Call) -> Iterator[ast.expr]:
    """The arguments that say a dtype, or may say one."""
    for node in call.node.args:
        is_device = isinstance(node, ast.Attribute) and node.attr == "device"
        if tensors.is_constant(place.global_name(node) or "") or (name in _CONVERTING and not is_device):
            yield node
    yield from (keyword.value for keyword in call.node.keywords if keyword.arg == "dtype")
