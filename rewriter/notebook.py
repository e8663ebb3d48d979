"""Notebooks: their cells are judged as one program, and nothing is written to them.

What would be rewritten in a file is said of the cell it stands in, so that a notebook never passes in silence.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rewriter.engine import judge
from rewriter.python.project import Project
from rewriter.results import Failure, FileResult, Finding, Refusal, Span
from rewriter.rules.listing import NOTEBOOK
from rewriter.settings import Settings

ADVICE = "move the model into a module, import it from the notebook, and let `rewriter fix` rewrite the module"
# What runs its cell as Python, with something around it; any other %% magic makes of its cell what it likes.
_PYTHON_MAGICS = re.compile(r"%%(?:time|timeit|capture|prun|python3?|debug)\b")
_MAGIC = re.compile(r"(\s*)(?:[%!?]|[\w.]+\?{1,2}\s*$|\w+\s*=\s*[%!])")


@dataclass(frozen=True)
class _Cell:
    number: int
    """Among all cells, from 1, as editors count them."""
    first: int
    """The line of the whole program that it begins on, from 1."""
    lines: tuple[str, ...]
    readable: bool = True


def judged(content: bytes, path: Path, settings: Settings, project: Project | None = None) -> FileResult:
    """What the engine says of a notebook's cells, each finding as one that a person has to see to."""
    if b"torch" not in content:
        return FileResult(path, content, content)
    try:
        cells = list(_cells(json.loads(content)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"this is not a notebook of format 4 ({type(error).__name__}: {error})"
        return FileResult(path, content, content, failure=Failure("notebook", why))
    program = "".join(line for cell in cells for line in cell.lines)
    result = judge(program.encode("utf-8", "surrogatepass"), path, settings, project)
    if (failure := result.failure) is not None:
        span = failure.span and _in_cell(cells, failure.span)
        return FileResult(path, content, content, failure=replace(failure, span=span))
    found = [_by_hand(cells, finding) for finding in result.findings if settings.selects(NOTEBOOK.code, path)]
    found += [replace(refusal, span=_in_cell(cells, refusal.span)) for refusal in result.refusals]
    found += [_unread(cell) for cell in cells if not cell.readable and settings.selects(NOTEBOOK.code, path)]
    return FileResult(path, content, content, refusals=tuple(found), suppressed=result.suppressed)


def _unread(cell: _Cell) -> Refusal:
    what = "the cell is not Python that can be parsed, and was passed over"
    return Refusal(NOTEBOOK.code, what, Span(1, 0, 1, 0, cell.number), "mend the cell, or move its code into a module")


def _by_hand(cells: Sequence[_Cell], finding: Finding) -> Refusal:
    message = f"{finding.message}, in a file ({finding.code}); nothing is written to notebooks"
    return Refusal(NOTEBOOK.code, message, _in_cell(cells, finding.span), ADVICE)


def _in_cell(cells: Sequence[_Cell], span: Span) -> Span:
    cell = next(cell for cell in reversed(cells) if cell.first <= span.line)
    before = cell.first - 1
    return Span(span.line - before, span.column, span.end_line - before, span.end_column, cell.number)


def _cells(notebook: Any) -> Iterator[_Cell]:
    """The code cells of a notebook in Python; none where it is in another language."""
    language = notebook.get("metadata", {}).get("language_info", {}).get("name", "python")
    first = 1
    for number, cell in enumerate(notebook["cells"] if language == "python" else [], 1):
        if cell["cell_type"] == "code":
            source = cell["source"]
            lines = ("".join(source) if isinstance(source, list) else str(source)).split("\n")
            python = _as_python(lines)
            yield _Cell(number, first, tuple(python or ["\n"] * len(lines)), python is not None)
            first += len(lines)


def _as_python(lines: list[str]) -> list[str] | None:
    """As many lines, with what only IPython understands made harmless; None where the rest does not parse."""
    start = next((line for line in lines if line.strip()), "")
    if start.startswith("%%") and not _PYTHON_MAGICS.match(start):
        return ["\n"] * len(lines)
    if not _parses(lines):
        lines = [f"{match[1]}pass" if (match := _MAGIC.match(line)) else line for line in lines]
    return [f"{line}\n" for line in lines] if _parses(lines) else None


def _parses(lines: Sequence[str]) -> bool:
    try:
        ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
