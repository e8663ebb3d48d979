"""Lists of modules: nn.ModuleList, and what derives from it in `runtime.modules`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rewriter.values.base import Value
from rewriter.values.modules import MODULE
from rewriter.values.one_of import join_all
from rewriter.values.sequence import Sequence


@dataclass(frozen=True, slots=True)
class ModuleList(Sequence):
    """Whatever is put in there is a module: torch takes nothing else."""

    def member(self) -> Value:
        found = Sequence.member(self)
        return found if found.known else MODULE

    def joined(self, other: Value) -> Value:
        return self._as_list(Sequence.joined(self, other)) if isinstance(other, ModuleList) else other.joined(self)

    def widened(self, value: Value) -> Value:
        return self._as_list(Sequence.widened(self, value))

    def _as_list(self, found: Value) -> Value:
        return ModuleList(found.element, found.items) if isinstance(found, Sequence) else found


def module_list(given: Iterable[Value]) -> ModuleList:
    """`nn.ModuleList(given)`; an empty one is filled later, if at all."""
    found = [value for value in given if isinstance(value, Sequence)]
    if len(found) == 1 and found[0].items:
        return ModuleList(items=found[0].items)
    held = [member for value in found for member in value.held]
    return ModuleList(join_all(held) if held else None)
