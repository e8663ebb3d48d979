"""Where a text that somebody has edited still holds what `fix` wrote."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import accumulate

from rewriter.targets.record import Entry, Written

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_MADE = re.compile(r"\.(\w+) = |add_operation\(\"(\w+)\"|\bclass (\w+)|(\w+)(?:: \w+ = |=)[\w.]+\.shared\(")


@dataclass(frozen=True)
class Group:
    """What goes back together: the call, the line that makes its module, and all that shares an edit with them."""

    written: tuple[Written, ...]
    findings: tuple[int, ...]

    def names(self, after: str) -> frozenset[str]:
        """The attributes and classes that it brought."""
        found = (_MADE.findall(after[w.start : w.end]) for w in self.written)
        return frozenset(name for matches in found for match in matches for name in match if name)


def groups(entry: Entry) -> Iterator[Group]:
    """Edits that belong together; the imports are in none."""
    leader: dict[int, int] = {}

    def find(finding: int) -> int:
        while leader.setdefault(finding, finding) != finding:
            finding = leader[finding]
        return finding

    for written in entry.written:
        for finding in written.findings[1:]:
            leader[find(finding)] = find(written.findings[0])
    held: dict[int, list[Written]] = {}
    for written in entry.written:
        if written.findings:
            held.setdefault(find(written.findings[0]), []).append(written)
    for edits in held.values():
        yield Group(tuple(edits), tuple(sorted({finding for w in edits for finding in w.findings})))


@dataclass(frozen=True)
class Comparison:
    """A text that `fix` wrote, and what has become of it."""

    written: str
    now: str

    def place(self, edit: Written) -> tuple[int, int] | None:
        """Where an edit stands now; None where somebody has touched a line of it."""
        first = self._line(edit.start)
        last = max(first, self._line(edit.end) if edit.end > edit.start else first)
        if last > first and edit.end == self._starts[0][last]:
            last -= 1  # whole lines: the next one is not part of it
        begins, ends = self._moved.get(first), self._moved.get(last)
        if begins is None or ends is None or ends - begins != last - first:
            return None
        shift = self._starts[1][begins] - self._starts[0][first]
        return edit.start + shift, edit.end + shift

    def touched_words(self, places: Iterable[tuple[int, int]]) -> set[str]:
        """All words on the lines that are not what was written, where those may speak of what stands at the places."""
        around = {self._top_level(start) for start, _ in places}
        names = {node.name for node in around if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        words: set[str] = set()
        for node, touched in self._touched:
            if node is None or node in around or names & _words(ast.get_source_segment(self.now, node) or ""):
                words |= touched
        return words

    @cached_property
    def _touched(self) -> list[tuple[ast.stmt | None, set[str]]]:
        kept = set(self._moved.values())
        lines = [(i, line) for i, line in enumerate(self._lines[1]) if i not in kept and line.strip()]
        return [(self._top_level(self._starts[1][i]), _words(line)) for i, line in lines]

    def _top_level(self, offset: int) -> ast.stmt | None:
        """The class, function or other statement of the file that the place is in."""
        line = bisect_right(self._starts[1], offset, hi=len(self._lines[1]))
        return next((s for s in self._tree.body if s.lineno <= line <= (s.end_lineno or s.lineno)), None)

    @cached_property
    def _tree(self) -> ast.Module:
        return ast.parse(self.now)

    @cached_property
    def _lines(self) -> tuple[list[str], list[str]]:
        return _LINE.findall(self.written), _LINE.findall(self.now)

    @cached_property
    def _starts(self) -> tuple[list[int], list[int]]:
        old, new = self._lines
        return [0, *accumulate(map(len, old))], [0, *accumulate(map(len, new))]

    @cached_property
    def _moved(self) -> dict[int, int]:
        """Line of the written text -> the same line now."""
        old, new = self._lines
        return {block.a + i: block.b + i for block in _matching(old, new) for i in range(block.size)}

    def _line(self, offset: int) -> int:
        return bisect_right(self._starts[0], offset, hi=len(self._lines[0])) - 1


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


@dataclass(frozen=True)
class _Block:
    a: int
    b: int
    size: int


def _matching(old: Sequence[str], new: Sequence[str]) -> Iterable[_Block]:
    """The stretches of equal lines. What is equal at both ends is taken off first, since the rest takes long."""
    head = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    most = min(len(old), len(new)) - head
    tail = next((i for i in range(most) if old[-1 - i] != new[-1 - i]), most)
    middle = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    yield _Block(0, 0, head)
    for block in middle.get_matching_blocks():
        yield _Block(block.a + head, block.b + head, block.size)
    yield _Block(len(old) - tail, len(new) - tail, tail)
