"""Methods that learn which of their calls is running: a parameter, and a keyword at every call but the first."""

from __future__ import annotations

from collections.abc import Iterable

from rewriter.changes.change import NamedChange, NumberedCall, numberings
from rewriter.emit.signatures import parameter_splices
from rewriter.emit.splice import Splice
from rewriter.emit.style import Style
from rewriter.facts.source import Source


def numbered_calls(changes: Iterable[NamedChange]) -> list[NumberedCall]:
    """The calls that get a number, which are written together with what else stands in their statements."""
    return [
        NumberedCall(call, numbering.parameter, number)
        for numbering in numberings(changes)
        for number, call in enumerate(numbering.calls[1:], 1)
    ]


def number_splices(source: Source, changes: Iterable[NamedChange], style: Style) -> list[Splice]:
    return [
        splice
        for numbering in numberings(changes)
        for splice in parameter_splices(source, numbering.method.node, numbering.parameter, "int", "0", style)
    ]
