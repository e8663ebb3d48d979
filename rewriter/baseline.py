"""What was there before: findings that a project has taken note of, so that only new ones are reported.

A finding is known by its file, its class and function, its code and its line of source. Lines above it may move it;
the same line written once more in the same function counts as known.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rewriter.python.source import Source
from rewriter.results import FileResult, Span

Known = tuple[str, str, str]
"""The class and function, the code, and the line without its indentation."""


class BaselineError(Exception):
    """A baseline that cannot be read; the message says why."""


@dataclass(frozen=True, eq=False, repr=False)  # told apart as objects: settings are known by their repr
class Baseline:
    file: Path
    places: Mapping[Path, frozenset[Known]]
    """By the real path of the file."""

    def holds(self, path: Path, source: Source, code: str, span: Span) -> bool:
        places = self.places.get(path.resolve())
        return places is not None and known(source, code, span) in places

    def stale(self, results: Iterable[FileResult]) -> int:
        """How many entries, of the files that were looked at, stand for nothing any more.

        A finding that needs another one, as a function that is stored needs its own operations, is not found where that
        one is left: an entry whose line is still there holds.
        """
        count = 0
        for result in results:
            places = self.places.get(result.path.resolve(), frozenset())
            if places and result.failure is None:
                source = Source.parse(result.before)
                missing = places - {known(source, item.code, item.span) for item in result.suppressed}
                count += sum(not _is_there(source, entry) for entry in missing)
        return count

    @classmethod
    def read(cls, file: Path) -> Baseline:
        try:
            files = json.loads(file.read_bytes())["files"]
            places = {(file.parent / path).resolve(): frozenset(_read(nested)) for path, nested in files.items()}
            return cls(file, places)
        except OSError as error:
            raise BaselineError(f"--baseline {file}: cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"this is not a baseline that `rewriter baseline` wrote ({type(error).__name__}: {error})"
            raise BaselineError(f"--baseline {file}: {why}") from error


def known(source: Source, code: str, span: Span) -> Known:
    """How a finding is known."""
    return scope_at(source.tree, span.line), code, source.lines[span.line - 1].strip()


def _is_there(source: Source, entry: Known) -> bool:
    """Whether the function still has the line."""
    scope, _, text = entry
    lines = (number for number, line in enumerate(source.lines, 1) if line.strip() == text)
    return any(scope_at(source.tree, number) == scope for number in lines)


def scope_at(tree: ast.Module, line: int) -> str:
    """`Net.forward`; empty at file level."""
    names: list[str] = []
    body = list(tree.body)
    while True:
        inner = next((s for s in body if s.lineno <= line <= (s.end_lineno or 0)), None)
        if inner is None:
            return ".".join(names)
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(inner.name)
        body = list(_inside(inner))


def _inside(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements right below, also through handlers and cases."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            yield from _inside(child)


def _read(nested: Mapping[str, Mapping[str, list[str]]]) -> Iterator[Known]:
    for scope, codes in nested.items():
        for code, lines in codes.items():
            yield from ((scope, code, line) for line in lines)
