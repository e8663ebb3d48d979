"""Methods that learn which of their calls is running: a parameter, and a number at every call but the first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeGuard

from rewriter.changes.change import NamedChange, numberings
from rewriter.changes.turns import NumberedCall
from rewriter.emit.naming import Importer
from rewriter.emit.signatures import parameter_splices
from rewriter.emit.splice import Splice
from rewriter.emit.style import Style
from rewriter.emit.units import Edit
from rewriter.python.source import Source
from rewriter.sites.site import HandedModule


def spelled(edits: Iterable[Edit], importer: Importer) -> list[Edit]:
    """The edits, which know how their file spells what hands on a number, or a module."""
    return [_spelled(edit, importer) for edit in edits]


def _spelled(edit: Edit, importer: Importer) -> Edit:
    if isinstance(edit, NamedChange) and isinstance(edit.change.site, HandedModule):
        function = edit.change.site.function
        return replace(edit, via=importer.spell("runtime.modules.handed", function.locals))
    return replace(edit, via=_nth(edit, importer)) if _is_handed_on(edit) else edit


def _is_handed_on(edit: Edit) -> TypeGuard[NumberedCall]:
    return isinstance(edit, NumberedCall) and not edit.by_keyword


def _nth(call: NumberedCall, importer: Importer) -> str:
    return importer.spell("runtime.modules.nth", call.caller.locals)


def number_splices(source: Source, changes: Iterable[NamedChange], style: Style) -> list[Splice]:
    return [
        splice
        for n in numberings(changes)
        for splice in parameter_splices(source, n.method.node, n.parameter, "int", "0", n.document, style)
    ]
