"""The raw texts of a project's files, and which of them hold a word."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rewriter.python.grounds import Ground, Grounds
from rewriter.python.private_names import spellings
from rewriter.python.text_questions import (
    ASSIGNING,
    AT_MARGIN,
    DEFINING,
    DERIVING,
    HOLDING,
    MATCHING,
    WORDS_OF,
    says,
)

# Looking for a word in all texts is quick, but not for thousands of words: then all words are noted once.
MANY_WORDS = 200
_COMMENT_LINE = re.compile(rb"^[ \t]*#.*$", re.MULTILINE)
_SKIPPED = frozenset({"node_modules", "site-packages", "build", "dist", "venv", "__pycache__"})


@dataclass(eq=False)
class Texts:
    """The files under some folders, or beside some files."""

    scopes: Sequence[Path]
    listed: Sequence[Path] | None = None
    """The files, where they are not all that the scopes hold."""
    grounds: Grounds = field(default_factory=Grounds)
    """What answers about the files hang on: whatever is asked of these is noted."""
    _texts: dict[Path, bytes] = field(default_factory=dict)
    _digests: dict[Path, bytes] = field(default_factory=dict)
    said: dict[Ground, list[Path]] = field(default_factory=dict)
    """The files of which a question has yes for an answer."""
    _scans: int = 0
    _indices: dict[str, dict[str, list[Path]]] = field(default_factory=dict)

    def only(self, paths: Sequence[Path]) -> Texts:
        """Some of the files; what has been read of them is shared."""
        return Texts(self.scopes, sorted(paths, key=lambda path: path.parts), Grounds(), self._texts, self._digests)

    @cached_property
    def paths(self) -> Sequence[Path]:
        if self.listed is not None:
            return self.listed
        found = {path for scope in self.scopes for path in _python_files(scope)}
        return sorted(found, key=lambda path: path.parts)

    def __contains__(self, path: Path) -> bool:
        return path in self._known

    @cached_property
    def _known(self) -> frozenset[Path]:
        return frozenset(self.paths)

    def holding(self, word: str) -> list[Path]:
        """The files in whose text the identifier, or the sign, stands by itself."""
        also = [path for other in spellings(word)[1:] for path in self.holding(other)]
        said = self.saying(HOLDING, word)
        found = {*also, *said}
        return [path for path in self.paths if path in found] if also else said

    def defining(self, name: str) -> list[Path]:
        """The files that have a function or method of that name."""
        return [path for spelled in spellings(name) for path in self.saying(DEFINING, spelled)]

    def deriving(self, word: str) -> list[Path]:
        """The files that may have a class with a base of that name."""
        return self.saying(DERIVING, word)

    def matching(self, pattern: str) -> list[Path]:
        """The files in whose text the pattern is found."""
        return self.saying(MATCHING, pattern)

    def having_at_margin(self, name: str) -> list[Path]:
        """The files with a function or class of that name at the left margin."""
        return self.saying(AT_MARGIN, name)

    def assigning(self, name: str) -> list[Path]:
        """The files that may assign the name at the left margin, or import something by that name."""
        return self.saying(ASSIGNING, name)

    def saying(self, kind: str, about: str) -> list[Path]:
        """The files of which the question has yes for an answer."""
        self.grounds.note(kind, about)
        asked = (kind, about)
        if asked not in self.said:
            self.said[asked] = self._saying(kind, about)
        return self.said[asked]

    def answered(self, ground: Ground) -> tuple[Ground, Any]:
        """A ground, with the numbers of the files that say yes, or with the answer and what it hangs on."""
        if ground in self.grounds.lasting:
            return ground, self.grounds.lasting[ground]
        return ground, tuple(self._numbers[path] for path in self.said.get(ground, ()))

    @cached_property
    def _numbers(self) -> dict[Path, int]:
        return {path: number for number, path in enumerate(self.paths)}

    def _saying(self, kind: str, about: str) -> list[Path]:
        self._scans += kind == HOLDING
        if kind in WORDS_OF and (kind != HOLDING or (self._scans > MANY_WORDS and about.isidentifier())):
            return self._index(kind).get(about, [])
        among = self.holding(about) if kind in (AT_MARGIN, ASSIGNING) else self.paths
        return [path for path in among if says(self.text(path), kind, about)]

    def _index(self, kind: str) -> dict[str, list[Path]]:
        """The files by the names that each one's text has in that role."""
        if kind not in self._indices:
            found: dict[str, list[Path]] = {}
            for path in self.paths:
                for name in WORDS_OF[kind](self.text(path).decode(errors="replace")):
                    found.setdefault(name, []).append(path)
            self._indices[kind] = found
        return self._indices[kind]

    def text(self, path: Path) -> bytes:
        """The text without lines that are nothing but a comment: names in those mean nothing."""
        if path not in self._texts:
            content = content_of(path) or b""
            self._texts[path] = _COMMENT_LINE.sub(b"", content) if b"#" in content else content
            self._digests[path] = hashlib.blake2b(content, digest_size=16).digest()
        return self._texts[path]

    def digest(self, path: Path) -> bytes:
        """Of the whole content; a file that cannot be read is as good as an empty one."""
        self.text(path)
        return self._digests[path]


def content_of(path: str | Path) -> bytes | None:
    """None where there is no such file that can be read."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  pathlib takes twice as long
            return file.read()
    except OSError:
        return None


def _python_files(scope: Path) -> Iterator[Path]:
    if not scope.is_dir():  # a single file: its neighbours may import it
        yield from (p for p in scope.parent.glob("*.py") if p.is_file())
        return
    try:
        with os.scandir(scope) as found:
            entries = [(entry, entry.is_dir()) for entry in sorted(found, key=lambda entry: entry.name)]
    except OSError:  # whoever walks the folder to rewrite it says so
        return
    for entry, is_folder in entries:
        if not is_folder and entry.name.endswith(".py") and entry.name != ".py" and entry.is_file():
            yield scope / entry.name
        elif is_folder and not entry.is_symlink() and not entry.name.startswith(".") and entry.name not in _SKIPPED:
            yield from _python_files(scope / entry.name)
