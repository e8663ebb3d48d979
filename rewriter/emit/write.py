"""From the plans of a file's classes to its new text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rewriter.changes.change import Change, NamedChange, Substitution
from rewriter.emit.added import Added, added_splices
from rewriter.emit.calls import rewrite_unit
from rewriter.emit.constructors import constructor_splices
from rewriter.emit.headers import header_splices
from rewriter.emit.naming import Importer
from rewriter.emit.numbers import number_splices, spelled
from rewriter.emit.private import with_short_names
from rewriter.emit.removal import Unused, removal_splices
from rewriter.emit.splice import Splice, apply
from rewriter.emit.style import Style
from rewriter.emit.substitutions import substitution_splices
from rewriter.emit.units import Edit, by_unit, edits_of
from rewriter.emit.unused_imports import unused_imports
from rewriter.emit.unused_names import unused_names
from rewriter.planning.plan import Owner, Plan
from rewriter.python.code import File
from rewriter.python.project import Project


@dataclass(frozen=True)
class Reasoned:
    """A splice with the changes that need it; the imports stand for no change of their own."""

    splice: Splice
    changes: tuple[Change | Substitution, ...] = ()


@dataclass
class Written:
    """The new text, with what went into it."""

    text: str
    dropped: list[NamedChange] = field(default_factory=list)
    """Changes that could not be written without losing a comment: nothing is written before they are taken out."""
    imports: list[str] = field(default_factory=list)
    unused: list[Unused] = field(default_factory=list)
    """What went since nothing reads it any more."""
    splices: list[Reasoned] = field(default_factory=list)

    def take_in(self, new: Reasoned) -> None:
        """Adds a splice, which has what stands inside of it written already."""
        start, end = new.splice.start, new.splice.end
        inside = [r for r in self.splices if start < r.splice.start and r.splice.end < end] if start < end else []
        if inside:
            reasons = {id(change): change for reasoned in (new, *inside) for change in reasoned.changes}
            new = Reasoned(new.splice, tuple(reasons.values()))
            self.splices = [r for r in self.splices if r not in inside]
        self.splices.append(new)


def write(file: File, plans: Iterable[tuple[Owner, Plan]], runtime: str, style: Style, project: Project) -> Written:
    importer = Importer(file, runtime, style.formatter)
    plans = list(plans)
    changes = [named for _, plan in plans for named in plan.changes]
    told = {id(s.node): s for _, plan in plans for s in plan.substitutions if s.number is not None}
    numbers = [found.number for found in told.values() if found.number is not None]
    crowded: list[Edit] = []
    written = Written(file.source.text)
    for unit in by_unit(file.source, spelled([*edits_of(changes), *numbers], importer)):
        text = rewrite_unit(file.source, unit, style)
        if text is None:
            crowded += unit.changes
            continue
        splice = Splice(file.source.start(unit.unit), file.source.end(unit.unit), text)
        sites = [named.change for named in unit.changes if isinstance(named, NamedChange)]
        also = [told[id(edit.node)] for edit in unit.changes if id(edit.node) in told]
        written.splices.append(Reasoned(splice, (*sites, *also)))
    if crowded:
        return Written(file.source.text, needing(changes, crowded))
    added: list[tuple[Added, Plan]] = []
    for _, plan in plans:
        if plan.changes:
            splices, lines = constructor_splices(file, plan.changes, importer, style)
            added += [(line, plan) for line in lines]
            splices += header_splices(file, plan.changes, style, [reasoned.splice for reasoned in written.splices])
            splices += number_splices(file.source, plan.changes, style)
            needed_by = tuple(named.change for named in plan.changes)
            for splice in splices:
                written.take_in(Reasoned(splice, needed_by))
    written.splices += _added(file, added, style)
    others = [reasoned.splice for reasoned in written.splices]
    substituted = [s for _, plan in plans for s in plan.substitutions if s.number is None]
    # In front of the others: where a file ends without a line end, new lines begin where its last statement ends.
    found = substitution_splices(file.source, substituted, importer, style, others)
    written.splices[:0] = [Reasoned(splice, reason) for splice, reason in found]
    written.imports = importer.needed
    written.splices[:0] = [Reasoned(splice) for splice in importer.splices()]
    written.splices = [Reasoned(with_short_names(file.source, r.splice), r.changes) for r in written.splices]
    written.text = apply(file.source.text, [reasoned.splice for reasoned in written.splices])
    if written.text != file.source.text:
        _remove(file, written, unused_names(file, written.text))
        _remove(file, written, unused_imports(file, written.text, project))
    return written


def _remove(file: File, written: Written, unused: list[Unused]) -> None:
    if unused:
        others = [reasoned.splice for reasoned in written.splices]
        written.unused += unused
        written.splices += [Reasoned(splice) for splice in removal_splices(file, unused, others)]
        written.text = apply(file.source.text, [reasoned.splice for reasoned in written.splices])


def _added(file: File, added: list[tuple[Added, Plan]], style: Style) -> Iterator[Reasoned]:
    """The new lines of constructors, each of which may make the modules of several classes."""
    for function in {line.function.node: line.function for line, _ in added}.values():
        here = [(line, plan) for line, plan in added if line.function.node is function.node]
        plans = {id(plan): plan for _, plan in here}.values()
        needed_by = tuple(named.change for plan in plans for named in plan.changes)
        for splice in added_splices(file.source, function, [line for line, _ in here], style):
            yield Reasoned(splice, needed_by)


def without_room(file: File, changes: list[NamedChange], runtime: str, style: Style) -> list[NamedChange]:
    """The changes that cannot be written without losing a comment, so that they need a unit that has one."""
    units = by_unit(file.source, spelled(edits_of(changes), Importer(file, runtime, style.formatter)))
    crowded = (unit for unit in units if "#" in file.source.segment(unit.unit))
    found = (edit for unit in crowded if rewrite_unit(file.source, unit, style) is None for edit in unit.changes)
    return needing(changes, list(found))


def needing(changes: list[NamedChange], edits: list[Edit]) -> list[NamedChange]:
    """The changes that cannot do without some of the edits: those themselves, and whatever they number or walk for."""
    nodes = {id(edit.node) for edit in edits}
    if found := [named for named in changes if id(named.node) in nodes]:
        return found  # without them, others may need less
    return [named for named in changes if any(id(edit.node) in nodes for edit in edits_of([named]))]
