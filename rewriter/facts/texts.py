"""The raw texts of a project's files, and which of them hold a word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

# Looking for a word in all texts is quick, but not for thousands of words: then all words are noted once.
MANY_WORDS = 200
_WORD = re.compile(r"[^\W\d]\w*")
_COMMENT_LINE = re.compile(rb"^[ \t]*#.*$", re.MULTILINE)
_SKIPPED = frozenset({"node_modules", "site-packages", "build", "dist", "venv", "__pycache__"})


@dataclass(eq=False)
class Texts:
    """The files under some folders, or beside some files."""

    scopes: Sequence[Path]
    _texts: dict[Path, bytes] = field(default_factory=dict)
    _holding: dict[str, list[Path]] = field(default_factory=dict)

    @cached_property
    def paths(self) -> list[Path]:
        return sorted({path for scope in self.scopes for path in _python_files(scope)})

    def __contains__(self, path: Path) -> bool:
        return path in self._known

    @cached_property
    def _known(self) -> frozenset[Path]:
        return frozenset(self.paths)

    def holding(self, word: str) -> list[Path]:
        """The files in whose text the identifier stands."""
        if word not in self._holding:
            if len(self._holding) < MANY_WORDS:
                needle = word.encode()
                self._holding[word] = [path for path in self.paths if needle in self._text(path)]
            else:
                self._holding[word] = self._all_words.get(word, [])
        return self._holding[word]

    @cached_property
    def _all_words(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in self.paths:
            for word in set(_WORD.findall(self._text(path).decode(errors="replace"))):
                found.setdefault(word, []).append(path)
        return found

    def defines(self, path: Path, name: str) -> bool:
        """Whether a function or class of that name stands at the left margin."""
        pattern = rb"^(?:async[ \t]+)?(?:def|class)[ \t]+" + name.encode() + rb"\b"
        return re.search(pattern, self._text(path), re.MULTILINE) is not None

    def _text(self, path: Path) -> bytes:
        """The text without lines that are nothing but a comment: names in those mean nothing."""
        if path not in self._texts:
            try:
                self._texts[path] = _COMMENT_LINE.sub(b"", path.read_bytes())
            except OSError:
                self._texts[path] = b""
        return self._texts[path]


def _python_files(scope: Path) -> Iterator[Path]:
    if not scope.is_dir():  # a single file: its neighbours may import it
        yield from (p for p in scope.parent.glob("*.py") if p.is_file())
        return
    for entry in sorted(scope.iterdir()):
        if entry.is_file() and entry.suffix == ".py":
            yield entry
        elif (
            entry.is_dir() and not entry.is_symlink() and not entry.name.startswith(".") and entry.name not in _SKIPPED
        ):
            yield from _python_files(entry)
