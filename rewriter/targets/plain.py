"""The way back to operators and functions: what `fix` wrote becomes what stood there, byte for byte.

Where somebody has edited the file since, what he touched stays, together with all that belongs to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rewriter.emit.splice import Splice, apply
from rewriter.python.project import Project
from rewriter.python.source import Source, SourceError
from rewriter.results import Edit, Failure, FileResult, Finding, Refusal, Span
from rewriter.settings import Settings
from rewriter.targets.record import Entry, Written, entries
from rewriter.targets.untouched import Comparison, Group, groups

CODE = "RW402"


def taken_back(source: bytes, path: Path, settings: Settings, project: Project | None = None) -> FileResult:
    """What the file becomes; an engine like `rewriter.engine.rewrite`."""
    try:
        parsed = Source.parse(source)
        text, findings, refusals = _taken_back(parsed, path, settings)
        after = parsed.encode(text)
        Source.parse(after)
    except SourceError as error:
        return FileResult(path, source, source, failure=error.failure)
    except Exception as error:  # a fault of ours: this file fails, the run goes on
        return FileResult(path, source, source, failure=Failure("internal", f"{type(error).__name__}: {error}"))
    edits = (_whole(parsed, text),) if after != source else ()
    return FileResult(path, source, after, tuple(findings), tuple(refusals), edits=edits)


def _whole(source: Source, text: str) -> Edit:
    return Edit(Span(1, 0, *source.position(len(source.text))), text)


def _taken_back(source: Source, path: Path, settings: Settings) -> tuple[str, list[Finding], list[Refusal]]:
    text, findings = source.text, list[Finding]()
    for entry in entries(path, text):
        step = _Step(entry, Comparison(entry.after, text))
        findings += step.findings(source)
        text = step.text()
    refusals = [_left(source, match) for match in _uses(text, settings.runtime_import)]
    return text, findings, refusals


def _uses(text: str, runtime: str) -> list[str]:
    """The lines that still need the runtime."""
    named = re.compile(rf"\b{re.escape(runtime)}\.modules\.\w|\bruntime_modules\d*\.\w")
    return [line for line in text.splitlines() if named.search(line)]


def _left(source: Source, line: str) -> Refusal:
    number = next((i for i, known in enumerate(source.lines, 1) if known.strip() == line.strip()), 1)
    length = len(source.lines[number - 1].rstrip())
    message = "this stays: there is no record of what stood here, or the lines that belong to it were edited since"
    return Refusal(CODE, message, Span(number, 0, number, length), "write the operation in its place by hand")


def _site(places: list[tuple[Written, tuple[int, int]]]) -> tuple[int, int]:
    """The first place at which something stood before."""
    return next((place for written, place in places if written.old), places[0][1])


class _Step:
    """What one entry of the record takes back."""

    def __init__(self, entry: Entry, comparison: Comparison) -> None:
        self.entry = entry
        self.comparison = comparison
        found = [(group, self._places(group)) for group in groups(entry)]
        self.going = [(g, places) for g, places in found if places and not self._used(g, places)]
        self.complete = len(self.going) == len(found)

    def _used(self, group: Group, places: list[tuple[Written, tuple[int, int]]]) -> bool:
        """Whether somebody has written lines that name what the group brought."""
        return bool(group.names(self.entry.after) & self.comparison.touched_words(place for _, place in places))

    def _places(self, group: Group) -> list[tuple[Written, tuple[int, int]]]:
        """Where each edit of the group stands now; nothing where one of them was touched."""
        found = [(written, self.comparison.place(written)) for written in group.written]
        return [(w, p) for w, p in found if p is not None] if all(p for _, p in found) else []

    def findings(self, source: Source) -> list[Finding]:
        return [
            Finding(CODE, self._message(finding), self._span(source, _site(places)))
            for group, places in self.going
            for finding in group.findings
        ]

    def _message(self, finding: int) -> str:
        code, message = self.entry.findings[finding]
        return f"taken back: {code} {message}"

    def _span(self, source: Source, place: tuple[int, int]) -> Span:
        start, end = (min(offset, len(source.text)) for offset in place)
        return Span(*source.position(start), *source.position(end))

    def text(self) -> str:
        splices = [Splice(*place, written.old) for _, places in self.going for written, place in places]
        if self.going:
            splices += self._imports()
        return apply(self.comparison.now, splices)

    def _imports(self) -> Iterator[Splice]:
        """Imports that went come back; those that came go with the last use, unless new lines name what they bring."""
        found = [(w, self.comparison.place(w)) for w in self.entry.written if not w.findings]
        touched = self.comparison.touched_words(place for _, place in found if place is not None)
        for written, place in found:
            brought = set(re.findall(r"\w+", self.entry.after[written.start : written.end])[-1:])
            if place is not None and (not brought or (self.complete and not touched & brought)):
                yield Splice(*place, written.old)
