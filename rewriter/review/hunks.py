"""The diff of a file in hunks, each with the findings that need it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from rewriter.python.source import Source
from rewriter.results import Edit, FileResult

CONTEXT = 3
_HEADING = re.compile(r"\s*(?:async\s+def|def|class)\s+\w+")


@dataclass(frozen=True)
class Hunk:
    start: int
    """The first line of the old text that is shown, from 1."""
    end: int
    """The line behind the last one."""
    text: str
    """As in a patch, with its `@@` line."""
    findings: tuple[int, ...]
    """Those that need it, as indices of the file's findings."""


def hunks(result: FileResult) -> list[Hunk]:
    if not result.changed:
        return []
    before, after = (Source.parse(side).lines for side in (result.before, result.after))
    groups = SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(CONTEXT)
    return [_hunk(before, after, group, result.edits) for group in groups]


def _hunk(
    before: Sequence[str],
    after: Sequence[str],
    group: Sequence[tuple[str, int, int, int, int]],
    edits: Sequence[Edit],
) -> Hunk:
    (_, start, _, new_start, _), (_, _, end, _, new_end) = group[0], group[-1]
    lines = [f"@@ -{start + 1},{end - start} +{new_start + 1},{new_end - new_start} @@{_heading(before, start)}\n"]
    for tag, old, old_end, new, upto in group:
        if tag == "equal":
            lines += _marked(" ", before[old:old_end])
        else:
            lines += [*_marked("-", before[old:old_end]), *_marked("+", after[new:upto])]
    inside = [edit for edit in edits if edit.span.line - 1 < end and edit.span.end_line > start]
    findings = sorted({finding for edit in inside for finding in edit.findings})
    return Hunk(start + 1, end + 1, "".join(lines), tuple(findings))


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line.rstrip("\r\n") + "\n"


def _heading(lines: Sequence[str], start: int) -> str:
    """The class or function that the hunk begins in, as git shows it."""
    found = next((line for line in reversed(lines[:start]) if _HEADING.match(line)), "")
    return f" {found.strip()}" if found else ""
