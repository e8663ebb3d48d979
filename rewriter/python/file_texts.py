"""The raw texts of a project's files, and which of them hold a word."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rewriter.python.private_names import spellings

# Looking for a word in all texts is quick, but not for thousands of words: then all words are noted once.
MANY_WORDS = 200
_WORD = re.compile(r"[^\W\d]\w*")
_FUNCTION = re.compile(r"\bdef[ \t]+(\w+)")
_DEFINED = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
_BASE = re.compile(r"\b[^\W\d]\w*\b(?![ \t]*=)")
_CLASS = re.compile(r"^[ \t]*class[ \t]+\w+[ \t]*\((.*?)\)[ \t]*:", re.MULTILINE | re.DOTALL)
# `Base as B` and `B = module.Base`: the other name of a class.
_ALIAS = re.compile(r"\b(\w+)[ \t]+as[ \t]+(\w+)|^[ \t]*(\w+)[ \t]*=[ \t]*([\w.]+)[ \t]*(?:#.*)?$", re.MULTILINE)
_COMMENT_LINE = re.compile(rb"^[ \t]*#.*$", re.MULTILINE)
_SKIPPED = frozenset({"node_modules", "site-packages", "build", "dist", "venv", "__pycache__"})


@dataclass(eq=False)
class Texts:
    """The files under some folders, or beside some files."""

    scopes: Sequence[Path]
    listed: Sequence[Path] | None = None
    """The files, where they are not all that the scopes hold."""
    _texts: dict[Path, bytes] = field(default_factory=dict)
    _digests: dict[Path, bytes] = field(default_factory=dict)
    _holding: dict[str, list[Path]] = field(default_factory=dict)
    _matching: dict[re.Pattern[bytes], list[Path]] = field(default_factory=dict)
    _defined: dict[Path, frozenset[str]] = field(default_factory=dict)

    def only(self, paths: Sequence[Path]) -> Texts:
        """Some of the files; what has been read of them is shared."""
        return Texts(self.scopes, sorted(paths, key=lambda path: path.parts), self._texts, self._digests)

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
        if word not in self._holding:
            if len(spelled := spellings(word)) > 1:
                found = {path for other in spelled[1:] for path in self.holding(other)}
                self._holding[word] = [path for path in self.paths if path in found or self._holds(path, word)]
            elif len(self._holding) < MANY_WORDS or not word.isidentifier():
                self._holding[word] = [path for path in self.paths if self._holds(path, word)]
            else:
                self._holding[word] = self._all_words.get(word, [])
        return self._holding[word]

    def _holds(self, path: Path, word: str) -> bool:
        needle, text = word.encode(), self.text(path)
        return needle in text and re.search(rb"(?<!\w)%b(?!\w)" % re.escape(needle), text) is not None

    @cached_property
    def _all_words(self) -> dict[str, list[Path]]:
        return self._index(_WORD.findall)

    def defining(self, name: str) -> list[Path]:
        """The files that have a function or method of that name."""
        return [path for spelled in spellings(name) for path in self._all_functions.get(spelled, [])]

    @cached_property
    def _all_functions(self) -> dict[str, list[Path]]:
        return self._index(_FUNCTION.findall)

    def deriving(self, word: str) -> list[Path]:
        """The files that may have a class with a base of that name."""
        return self._all_bases.get(word, [])

    @cached_property
    def _all_bases(self) -> dict[str, list[Path]]:
        return self._index(_bases)

    def matching(self, pattern: re.Pattern[bytes]) -> list[Path]:
        """The files in whose text the pattern is found."""
        if pattern not in self._matching:
            self._matching[pattern] = [path for path in self.paths if pattern.search(self.text(path))]
        return self._matching[pattern]

    def defines(self, path: Path, name: str) -> bool:
        """Whether a function or class of that name stands at the left margin."""
        if path not in self._defined:
            self._defined[path] = frozenset(_DEFINED.findall(self.text(path).decode(errors="replace")))
        return name in self._defined[path]

    def assigns(self, name: str) -> bool:
        """Whether some file may assign the name at its left margin, or import something by that name."""
        word = re.escape(name.encode())
        pattern = re.compile(rb"^%b[ \t]*[:=,]|\bas[ \t]+%b\b" % (word, word), re.MULTILINE)
        return any(pattern.search(self.text(path)) for path in self.holding(name))

    def _index(self, names_in: Callable[[str], Iterable[str]]) -> dict[str, list[Path]]:
        """The files by the names that each one's text holds."""
        found: dict[str, list[Path]] = {}
        for path in self.paths:
            for name in set(names_in(self.text(path).decode(errors="replace"))):
                found.setdefault(name, []).append(path)
        return found

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


def _bases(text: str) -> set[str]:
    """The words in the bases of the text's classes, and what else these may stand for."""
    words = {word for bases in _CLASS.findall(text) for word in _BASE.findall(bases)}
    new = words
    while any(f" as {word}" in text or f"{word} =" in text or f"{word}=" in text for word in new):
        aliases = [(name or other, imported or path) for imported, name, other, path in _ALIAS.findall(text)]
        new = {word for alias, path in aliases if alias in new for word in path.split(".")} - words
        words |= new  # an alias may be of an alias
    return words


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
