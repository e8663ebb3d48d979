"""Methods that learn which of their calls is running: a parameter, and a number at every call but the first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rewriter.changes.change import NamedChange, numberings
from rewriter.changes.turns import NumberedCall
from rewriter.emit.naming import Importer
from rewriter.emit.signatures import parameter_splices
from rewriter.emit.splice import Splice
from rewriter.emit.style import Style
from rewriter.facts.source import Source


def numbered_calls(changes: Iterable[NamedChange], importer: Importer) -> list[NumberedCall]:
    """The calls that get a number, which are written together with what else stands in their statements."""
    found = [call for numbering in numberings(changes) for call in numbering.calls]
    return [call if call.by_keyword else replace(call, via=_spelled(call, importer)) for call in found]


def _spelled(call: NumberedCall, importer: Importer) -> str:
    return importer.spell("runtime.modules.nth", call.caller.locals)


def number_splices(source: Source, changes: Iterable[NamedChange], style: Style) -> list[Splice]:
    return [
        splice
        for numbering in numberings(changes)
        for splice in parameter_splices(source, numbering.method.node, numbering.parameter, "int", "0", style)
    ]
