"""The parts of a project that no import connects: nothing in one calls, derives from or changes what is in another.

Each is judged on its own, so that many packages in one tree cost the sum of what each costs. Whatever may be an import
of a file counts as one: a module of that name anywhere in the tree is enough.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rewriter.python.file_texts import Texts

_IMPORT = re.compile(
    rb"(?:^|[:;])[ \t]*(?:from[ \t]+(\.*)[ \t]*([\w.]*)|import[ \t]+([^\n#]+))"
    rb"|(?:import_module|__import__)\([ \t]*[\"'](\.*)([\w.]+)",
    re.MULTILINE,
)
_ELSEWHERE = sys.stdlib_module_names | {"torch"}
"""What an import of such a name means stands in no project, unless beside the file that runs."""


def parts_of(texts: Texts) -> list[Texts]:
    """The parts, in order; all that neither uses torch nor is connected with what does is one of them."""
    using = set(texts.holding("torch"))
    units = _units(texts) if using else []
    if len(units) < 2:
        return [texts]
    links = _Links(units)
    for number, unit in enumerate(units):
        links.join(number, links.imported_by(unit, texts))
    parts: dict[int | None, list[Path]] = {}
    with_torch = {links.part(number) for number, unit in enumerate(units) if not using.isdisjoint(unit.files)}
    for number, unit in enumerate(units):
        part = links.part(number)
        parts.setdefault(part if part in with_torch else None, []).extend(unit.files)
    return [texts.only(paths) for paths in parts.values()]


@dataclass(frozen=True)
class _Unit:
    """A whole package, or a file that is in none."""

    top: Path
    names: frozenset[str]
    """What an import of it may begin with."""
    files: list[Path]

    @cached_property
    def is_package(self) -> bool:
        return self.files != [self.top]

    @property
    def inner_names(self) -> set[str]:
        """What an import may begin with where somebody has put folders of the package on the path."""
        return {name for file in self.files for name in file.relative_to(self.top.parent).with_suffix("").parts}


def _units(texts: Texts) -> list[_Unit]:
    packages = {path.parent for path in texts.paths if path.name == "__init__.py"}
    scopes = [scope if scope.is_dir() else scope.parent for scope in texts.scopes]
    tops: dict[Path, Path | None] = {scope.parent: None for scope in scopes}

    def top(folder: Path) -> Path | None:
        """The outermost package that the folder is in."""
        if folder not in tops:
            tops[folder] = top(folder.parent) or (folder if folder in packages else None)
        return tops[folder]

    found: dict[Path, list[Path]] = {}
    for path in texts.paths:
        found.setdefault(top(path.parent) or path, []).append(path)
    return [_Unit(unit, _names(unit, scopes), files) for unit, files in found.items()]


def _names(top: Path, scopes: list[Path]) -> frozenset[str]:
    below = [top.relative_to(scope.parent) for scope in scopes if top.is_relative_to(scope)]
    return frozenset(part for path in below for part in path.with_suffix("").parts)


@dataclass
class _Links:
    units: list[_Unit]
    _above: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._above = list(range(len(self.units)))

    def part(self, number: int) -> int:
        while self._above[number] != number:
            self._above[number] = number = self._above[self._above[number]]
        return number

    def join(self, number: int, others: Iterable[int]) -> None:
        for other in others:
            one, two = sorted((self.part(number), self.part(other)))
            self._above[two] = one

    @cached_property
    def _named(self) -> dict[str, list[int]]:
        return _by_name((number, unit.names) for number, unit in enumerate(self.units))

    @cached_property
    def _named_inside(self) -> dict[str, list[int]]:
        return _by_name((number, unit.inner_names - _ELSEWHERE) for number, unit in enumerate(self.units))

    def imported_by(self, unit: _Unit, texts: Texts) -> set[int]:
        """The units that a file of this one may import."""
        found: set[int] = set()
        anywhere = not unit.is_package or any(b"sys.path" in texts.text(path) for path in unit.files)
        for path in unit.files:
            for dots, name in set(_imports(texts.text(path))):
                found.update(self._named.get(name, ()))
                found.update(self._named_inside.get(name, ()) if anywhere else ())
                if dots and not unit.is_package:
                    found.update(self._below(path.parents[min(dots, len(path.parents)) - 1]))
        return found

    def _below(self, folder: Path) -> list[int]:
        return [number for number, unit in enumerate(self.units) if unit.top.is_relative_to(folder)]


def _by_name(named: Iterable[tuple[int, Iterable[str]]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, names in named:
        for name in names:
            found.setdefault(name, []).append(number)
    return found


def _imports(text: bytes) -> Iterator[tuple[int, str]]:
    """What each import of the text begins with: how many dots, and the first name."""
    for dots, module, names, more_dots, called in _IMPORT.findall(text):
        for name in re.findall(rb"[\w.]+", names) if names else [module or called]:
            yield len(dots or more_dots), name.decode(errors="replace").partition(".")[0]
