"""What `rewriter observe` has seen: which kinds of values expressions had while a program ran.

An entry belongs to one text of a file, by its digest: of a file that has changed since, nothing is known.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rewriter.console import warn
from rewriter.python.source import Source
from rewriter.results import FileResult, Span
from rewriter.selection import digest

Shape = tuple[int, ...]


class EvidenceError(Exception):
    """A file of evidence that cannot be read; the message says why."""


@dataclass
class Seen:
    """One kind of value that an expression had: how often, and in which shapes if it is a kind of tensor."""

    count: int = 0
    shapes: set[Shape] = field(default_factory=set)


Kinds = Mapping[str, Seen]
"""By kind, as `tensor float32`, `int`, `list[tensor float32]` or `function torch.nn.functional.relu`."""


@dataclass
class Observed:
    """What was seen in one file."""

    sha256: str
    places: dict[Span, dict[str, Seen]] = field(default_factory=dict)

    def add(self, span: Span, kind: str, count: int, shapes: Iterable[Shape]) -> None:
        seen = self.places.setdefault(span, {}).setdefault(kind, Seen())
        seen.count += count
        seen.shapes.update(shapes)


@dataclass(frozen=True, eq=False, repr=False)  # told apart as objects: settings are known by their repr
class Evidence:
    file: Path
    files: Mapping[Path, Observed] = field(default_factory=dict)
    """By the real path."""

    def at(self, path: Path, source: Source, node: ast.expr) -> Kinds:
        """What the expression was seen to be; nothing where it was not reached, or the file has changed since."""
        observed = self.files.get(path.resolve())
        if observed is None or observed.sha256 != digest(source.encode(source.text)):
            return {}
        return observed.places.get(source.span(node), {})

    def knows(self, path: Path) -> bool:
        return path.resolve() in self.files

    def stale(self, results: Iterable[FileResult]) -> list[Path]:
        """The files among the results that are not what they were when they were observed."""
        return [result.path for result in results if self._is_stale(result)]

    def _is_stale(self, result: FileResult) -> bool:
        observed = self.files.get(result.path.resolve())
        return observed is not None and observed.sha256 != digest(result.before)

    @classmethod
    def read(cls, file: Path) -> Evidence:
        try:
            files = json.loads(file.read_bytes())["files"]
            return cls(file, {(file.parent / path).resolve(): _observed(entry) for path, entry in files.items()})
        except OSError as error:
            raise EvidenceError(f"{file}: cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"this is not evidence that `rewriter observe` wrote ({type(error).__name__}: {error})"
            raise EvidenceError(f"{file}: {why}") from error


def say_stale(evidence: Evidence | None, results: Iterable[FileResult]) -> None:
    for path in evidence.stale(results) if evidence is not None else ():
        warn(f"{path}: its evidence is not used: the file has changed since; `rewriter observe` takes it anew")


def in_words(kinds: Kinds) -> str:
    """`tensor float32 (12 times), int (once)`, the most frequent first."""
    counts = Counter({kind: seen.count for kind, seen in kinds.items()})
    return ", ".join(f"{kind} ({_times(count)})" for kind, count in counts.most_common())


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def written(files: Mapping[Path, Observed], folder: Path) -> bytes:
    """A file of evidence that goes to that folder; its paths are relative to it, where that can be."""
    document = {_shown(path, folder): _plain(observed) for path, observed in files.items()}
    whole = {"version": 1, "files": dict(sorted(document.items()))}
    return (json.dumps(whole, indent=1) + "\n").encode("utf-8", "surrogateescape")


def _shown(path: Path, folder: Path) -> str:
    root = folder.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _plain(observed: Observed) -> dict[str, Any]:
    """Columns count from 1, as in reports."""
    return {
        "sha256": observed.sha256,
        "places": [
            {
                "line": span.line,
                "column": span.column + 1,
                "end_line": span.end_line,
                "end_column": span.end_column + 1,
                "kinds": {kind: {"count": seen.count, **_shapes(seen)} for kind, seen in sorted(kinds.items())},
            }
            for span, kinds in sorted(observed.places.items())
        ],
    }


def _shapes(seen: Seen) -> dict[str, Any]:
    return {"shapes": sorted(map(list, seen.shapes))} if seen.shapes else {}


def _observed(entry: Mapping[str, Any]) -> Observed:
    observed = Observed(str(entry["sha256"]))
    for place, kind, seen in _entries(entry["places"]):
        observed.add(place, kind, int(seen["count"]), (tuple(map(int, shape)) for shape in seen.get("shapes", ())))
    return observed


def _entries(places: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Span, str, Mapping[str, Any]]]:
    for place in places:
        span = Span(place["line"], place["column"] - 1, place["end_line"], place["end_column"] - 1)
        yield from ((span, str(kind), seen) for kind, seen in place["kinds"].items())
