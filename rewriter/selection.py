"""The findings that a person picked out of a review, and that `fix --selection` applies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from rewriter.results import FileResult, Span

Place = tuple[str, Span]
"""A code, and where its finding stands."""


class SelectionError(Exception):
    """A selection that cannot be used; the message says why and what to do."""


@dataclass(frozen=True, eq=False, repr=False)  # told apart as objects: settings are known by their repr
class Selection:
    places: Mapping[Path, frozenset[Place]] = field(default_factory=dict)
    """By the real path of the file."""
    digests: Mapping[Path, str] = field(default_factory=dict)
    """What the files held when the findings were picked."""
    paths: tuple[Path, ...] = ()
    """What the review was made of."""

    def holds(self, path: Path, code: str, span: Span) -> bool:
        return (code, span) in self.places.get(path.resolve(), ())

    def stale(self, path: Path, content: bytes) -> bool:
        """Whether the file is not the one that the findings were picked from."""
        expected = self.digests.get(path.resolve())
        return expected is not None and expected != digest(content)

    def missing(self, results: Iterable[FileResult]) -> list[tuple[Path, str, Span]]:
        """The findings picked that were not applied, of files that did not fail."""
        found = {(result.path.resolve(), item.code, item.span) for result in results for item in result.findings}
        failed = {result.path.resolve() for result in results if result.failure}
        wanted = ((path, *place) for path, places in self.places.items() if path not in failed for place in places)
        return sorted(place for place in wanted if place not in found)

    @classmethod
    def read(cls, file: Path) -> Selection:
        """What the review page saved. Its paths are relative to where the review was made, and is applied."""
        try:
            document = json.loads(file.read_bytes())
            entries = [(Path(entry["path"]), entry) for entry in document["files"]]
            places = {path.resolve(): frozenset(map(_place, entry["findings"])) for path, entry in entries}
            paths = tuple(map(Path, document["paths"]))
            digests = {path.resolve(): str(entry["sha256"]) for path, entry in entries}
        except OSError as error:
            raise SelectionError(f"--selection {file}: cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"this is not a selection that the page of `rewriter report` saved ({type(error).__name__}: {error})"
            raise SelectionError(f"--selection {file}: {why}") from error
        missing = [path for path, _ in entries if not path.is_file()]
        if missing:
            why = f"there is no {missing[0]} here; run it in the folder in which `rewriter report` ran"
            raise SelectionError(f"--selection {file}: {why}")
        return cls(places, digests, paths)


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _place(finding: Mapping[str, Any]) -> Place:
    """From the columns of reports, which count from 1."""
    place = finding["range"]
    return str(finding["code"]), Span(
        int(place["line"]), int(place["column"]) - 1, int(place["end_line"]), int(place["end_column"]) - 1
    )
