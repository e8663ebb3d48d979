"""Where a new import goes: where isort and ruff put it, in a block that they have sorted, else behind the last one."""

from __future__ import annotations

import ast
import itertools
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rewriter.emit.splice import Splice
from rewriter.emit.style import Formatter
from rewriter.python.code import File
from rewriter.python.import_roots import holds_installed, import_root

Import = ast.Import | ast.ImportFrom
Key = tuple[object, ...]

FUTURE, STANDARD, THIRD_PARTY, FIRST_PARTY, LOCAL = range(5)


@dataclass(frozen=True)
class Order:
    """What a file's imports are sorted by."""

    file: File
    formatter: Formatter

    def splice(self, line: str) -> Splice:
        statement = ast.parse(line).body[0]
        assert isinstance(statement, Import)
        block, key = self._block(self._kind(statement)), None
        if block:
            key = next((k for k in self._keys() if [k(s) for s in block] == sorted(map(k, block))), None)
        if key is None:
            return self._behind_last(line)
        place = sum(key(s) < key(statement) for s in block)
        return self._between(block, place, statement, line)

    def _keys(self) -> Iterator[Callable[[Import], Key]]:
        """The orders that are in use: `import a` before `from a import b` in each section, or both by their modules."""

        def apart(statement: Import) -> Key:
            return (self._kind(statement), isinstance(statement, ast.ImportFrom), *_natural(statement))

        def together(statement: Import) -> Key:
            return (self._kind(statement), *_natural(statement), isinstance(statement, ast.ImportFrom))

        return iter((together, apart) if self.formatter.sorts_by_name else (apart, together))

    def _kind(self, statement: Import) -> int:
        module = _module(statement)
        top = module.split(".")[0]
        if module.startswith("."):
            return LOCAL
        if top == "__future__":
            return FUTURE
        if top in sys.stdlib_module_names:
            return STANDARD
        return FIRST_PARTY if self._is_own(top) else THIRD_PARTY

    def _is_own(self, top: str) -> bool:
        root = import_root(self.file.path)
        own = top in self.formatter.first_party or top == self.file.module.split(".")[0]
        is_beside = (root / top).is_dir() or (root / f"{top}.py").is_file()
        return own or (is_beside and not holds_installed(root) and self.file.path.exists())

    def _block(self, kind: int) -> list[Import]:
        """The imports in a row that the new one belongs to: those with torch among them, or the last."""
        body = self.file.source.tree.body
        defined = (i for i, s in enumerate(body) if isinstance(s, ast.ClassDef | ast.FunctionDef))
        top = body[: next(defined, len(body))]
        runs = [list(g) for imports, g in itertools.groupby(top, lambda s: isinstance(s, Import)) if imports]
        blocks = [[s for s in run if isinstance(s, Import)] for run in runs]
        with_torch = [b for b in blocks if any(_module(s).split(".")[0] == "torch" for s in b)]
        chosen = with_torch if with_torch and kind == THIRD_PARTY else blocks
        return chosen[-1] if chosen and self._has_lines_of_its_own(chosen[-1]) else []

    def _has_lines_of_its_own(self, block: list[Import]) -> bool:
        """Whether no import shares its line with another statement."""
        body = self.file.source.tree.body
        return all(sum(s.lineno <= i.lineno <= (s.end_lineno or s.lineno) for s in body) == 1 for i in block) and all(
            not self.file.source.lines[(i.end_lineno or i.lineno) - 1].rstrip().endswith((";", "\\")) for i in block
        )

    def _between(self, block: list[Import], place: int, statement: Import, line: str) -> Splice:
        source, newline, kind = self.file.source, self.file.source.newline, self._kind(statement)
        before = block[place - 1] if place else None
        after = block[place] if place < len(block) else None
        if before is not None and (after is None or self._kind(before) == kind or self._kind(after) != kind):
            assert before.end_lineno is not None
            offset = source.line_end(before.end_lineno)
            gap = newline if self._kind(before) != kind else ""
            if source.text[offset - 1] not in "\r\n":
                return Splice(offset, offset, newline + gap + line)
            return Splice(offset, offset, gap + line + newline)
        assert after is not None
        number = after.lineno
        while number > 1 and source.lines[number - 2].lstrip().startswith("#"):
            number -= 1
        number = number if number > 1 else after.lineno  # what heads the file stays its head
        offset = source.line_end(number - 1) if number > 1 else 0
        parted = self._kind(after) != kind or number < after.lineno
        return Splice(offset, offset, line + newline + (newline if parted else ""))

    def _behind_last(self, line: str) -> Splice:
        source = self.file.source
        offset, begins = _import_place(self.file)
        return Splice(offset, offset, line + source.newline if begins else source.newline + line)


def _module(statement: Import) -> str:
    if isinstance(statement, ast.Import):
        return statement.names[0].name
    return "." * statement.level + (statement.module or "")


def _natural(statement: Import) -> Key:
    """What is furthest above comes first. Case does not count, and numbers count as numbers."""
    module = _module(statement)
    name = module.lstrip(".")
    parts = re.split(r"(\d+)", name.lower())
    return len(name) - len(module), tuple((part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)


def _import_place(file: File) -> tuple[int, bool]:
    """Where a new import goes, and whether a new line begins there."""
    source = file.source
    last: ast.stmt | None = None
    for statement in source.tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            last = statement
        elif isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            break
    if last is None:  # names come from a star import in a branch, or from nowhere
        first = source.tree.body[0]
        is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        line = first.end_lineno if is_docstring else first.lineno - 1
    else:
        line = last.end_lineno
    assert line is not None
    following = [s for s in source.tree.body if s.lineno == line and s is not last]
    if any(s.col_offset > 0 for s in following):  # `import a; x = 1` on one line
        line = max(s.end_lineno or line for s in following)
    offset = source.line_end(line) if line else 0
    begins = offset == 0 or source.text[offset - 1] in "\r\n"
    return offset, begins
