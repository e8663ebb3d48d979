"""Which files of a project hold what is looked for; the others are not even parsed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rewriter.python.code import Class, File, Function
from rewriter.python.grounds import TEXT

if TYPE_CHECKING:
    from rewriter.python.file_texts import Texts


class Searched:
    """What a project is asked about all of its files."""

    texts: Texts
    _outside: dict[Path, File]

    def file(self, path: Path) -> File | None:
        raise NotImplementedError

    def find(self, full_name: str) -> Class | Function | None:
        raise NotImplementedError

    def files_meaning(self, function: Function) -> Iterator[File]:
        """The files in which the function's name may mean it: its own, and those where it means nothing else.

        Its own comes first, then those that say the name of its module, as whoever imports it does.
        """
        name, own = function.node.name, function.file
        near = set(self.texts.holding(own.module.rpartition(".")[2]))
        defining = set(self.texts.having_at_margin(name))
        for path in sorted(self.texts.holding(name), key=lambda path: (path != own.path, path not in near)):
            if path != function.file.path and path in defining:
                continue
            file = self.file(path)
            if file is not None and (file is function.file or self._may_mean(file, function)):
                yield file
        if function.file.path not in self.texts:
            yield function.file

    def _may_mean(self, file: File, function: Function) -> bool:
        name = function.node.name
        meaning = file.names.meaning(name) if name in file.names.bindings else None
        found = self.find(meaning) if meaning else None
        return found is None or found is function

    def paths_mentioning(self, word: str) -> list[Path]:
        """Every file that has the word in its text."""
        return [*self.texts.holding(word), *(file.path for file in self._those_outside(lambda text: word in text))]

    def files_mentioning(self, word: str, other: str = "") -> Iterator[File]:
        """Every file that has the words in its text; the others are not even parsed."""
        wanted = set(self.texts.holding(other)) if other else set()
        yield from self._parsed([path for path in self.texts.holding(word) if not other or path in wanted])
        yield from self._those_outside(lambda text: word in text and other in text)

    def may_use(self, word: str) -> bool:
        """Whether any file has the word in its text; none is parsed."""
        return bool(self.texts.holding(word)) or bool(self._those_outside(lambda text: word in text))

    def files_matching(self, pattern: str) -> Iterator[File]:
        """Every file in whose text the pattern is found."""
        yield from self._parsed(self.paths_matching(pattern))

    def paths_matching(self, pattern: str) -> list[Path]:
        outside = self._those_outside(lambda text: re.search(pattern, text) is not None)
        return [*self.texts.matching(pattern), *(file.path for file in outside)]

    def files_defining(self, name: str) -> Iterator[File]:
        """Every file that may have a function or method of that name."""
        yield from self._parsed(self.texts.defining(name))
        yield from self._those_outside(lambda text: name in text)

    def may_define(self, name: str) -> bool:
        """Whether any file may have a function or method of that name; none is parsed."""
        return bool(self.texts.defining(name)) or bool(self._those_outside(lambda text: f"def {name}" in text))

    def files_deriving(self, word: str) -> Iterator[File]:
        """Every file that may have a class with a base of that name."""
        yield from self._parsed(self.texts.deriving(word))
        yield from self._those_outside(lambda text: word in text)

    def _those_outside(self, holds: Callable[[str], bool]) -> list[File]:
        for path in self._outside:
            self.texts.grounds.note(TEXT, str(path))
        return [file for file in self._outside.values() if holds(file.source.text)]

    def _parsed(self, paths: Sequence[Path]) -> Iterator[File]:
        for path in paths:
            if file := self.file(path):
                yield file
