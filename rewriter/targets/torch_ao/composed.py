"""Two steps of changes as one: what was done to a rewritten text, told by the places of the text before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rewriter.emit.splice import Splice, apply
from rewriter.python.source import Source
from rewriter.results import Edit, Span


@dataclass
class _First:
    """An edit of the first step: where it stood, where its text stands now, and what the second step does to that."""

    start: int
    end: int
    place: int
    text: str
    findings: tuple[int, ...]
    within: list[Splice] = field(default_factory=list)

    def holds(self, splice: Splice) -> bool:
        return self.place <= splice.start and splice.end <= self.place + len(self.text)


@dataclass(frozen=True)
class Added:
    """A stretch of the rewritten text that changes, for the findings of those numbers."""

    splice: Splice
    findings: tuple[int, ...] = ()


class Composed:
    """The edits of a first step, into which those of a second are put."""

    def __init__(self, before: Source, edits: Sequence[Edit]) -> None:
        self.before = before
        self.first: list[_First] = []
        moved = 0
        for edit in edits:
            start = before.line_end(edit.span.line - 1) + edit.span.column
            end = before.line_end(edit.span.end_line - 1) + edit.span.end_column
            self.first.append(_First(start, end, start + moved, edit.text, edit.findings))
            moved += len(edit.text) - (end - start)

    def back(self, place: int) -> int:
        """Where a place of the rewritten text was before; the start of the edit that brought it, if one did."""
        moved = 0
        for edit in self.first:
            if place < edit.place:
                break
            if place < edit.place + len(edit.text):
                return edit.start
            moved = edit.end - (edit.place + len(edit.text))
        return place + moved

    def with_added(self, added: Iterable[Added]) -> tuple[Edit, ...]:
        own: list[_First] = []
        for item in added:
            splice = item.splice
            edit = next((e for e in self.first if e.holds(splice)), None)
            if edit is not None:
                edit.within.append(Splice(splice.start - edit.place, splice.end - edit.place, splice.new))
                edit.findings = tuple(sorted({*edit.findings, *item.findings}))
            else:
                own.append(_First(self.back(splice.start), self.back(splice.end), 0, splice.new, item.findings))
        found = sorted([*self.first, *own], key=lambda e: (e.start, e.end))
        return tuple(Edit(self._span(e.start, e.end), apply(e.text, e.within), e.findings) for e in found)

    def span(self, start: int, end: int) -> Span:
        """What a stretch of the rewritten text was before."""
        first = self.back(start)
        return self._span(first, max(first, self.back(end)))

    def _span(self, start: int, end: int) -> Span:
        return Span(*self.before.position(start), *self.before.position(end))
