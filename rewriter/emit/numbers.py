"""Methods that learn which of their calls is running: a parameter, and a keyword at every call but the first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rewriter.emit.signatures import parameter_splices
from rewriter.emit.splice import Splice
from rewriter.facts.numbering import Numbering
from rewriter.facts.project import Function
from rewriter.facts.source import Source
from rewriter.rules.change import Number
from rewriter.rules.plan import Named


def numberings(changes: Iterable[Named]) -> list[tuple[Numbering, Named]]:
    """Each with one of the changes that need it."""
    found: dict[Function, tuple[Numbering, Named]] = {}
    for named in changes:
        for turn in named.change.turns:
            if turn.numbering is not None:
                found.setdefault(turn.numbering.method, (turn.numbering, named))
    return list(found.values())


def numbered_calls(changes: Iterable[Named]) -> list[Named]:
    """The calls that get a number, as changes that are written together with what else stands in their statements."""
    calls = []
    for numbering, named in numberings(changes):
        for number, call in enumerate(numbering.calls[1:], 1):
            site = replace(named.change.site, node=call)
            change = replace(named.change, site=site, make=Number(numbering.parameter, number), turns=(), given=())
            calls.append(Named(change, numbering.method.node.name))
    return calls


def number_splices(source: Source, changes: Iterable[Named]) -> list[Splice]:
    return [
        splice
        for numbering, _ in numberings(changes)
        for splice in parameter_splices(source, numbering.method.node, numbering.parameter, "int", "0")
    ]
