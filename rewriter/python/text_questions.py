"""What can be asked of the text of one file, without parsing it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

HOLDING = "holding"
"""Does the identifier, or the sign, stand in it by itself?"""
DEFINING = "defining"
"""Does it have a function or method of that name?"""
DERIVING = "deriving"
"""May it have a class with a base of that name?"""
MATCHING = "matching"
"""Is the pattern found in it?"""
AT_MARGIN = "at margin"
"""Does a function or class of that name stand at its left margin?"""
ASSIGNING = "assigning"
"""May it assign the name at its left margin, or import something by that name?"""

_WORD = re.compile(r"(?<!\w)[^\W\d]\w*")
_FUNCTION = re.compile(r"\bdef[ \t]+(\w+)")
_BASE = re.compile(r"\b[^\W\d]\w*\b(?![ \t]*=)")
_CLASS = re.compile(r"^[ \t]*class[ \t]+\w+[ \t]*\((.*?)\)[ \t]*:", re.MULTILINE | re.DOTALL)
# `Base as B` and `B = module.Base`: the other name of a class.
_ALIAS = re.compile(r"\b(\w+)[ \t]+as[ \t]+(\w+)|^[ \t]*(\w+)[ \t]*=[ \t]*([\w.]+)[ \t]*(?:#.*)?$", re.MULTILINE)


def says(text: bytes, kind: str, about: str) -> bool:
    """Whether the question has yes for an answer."""
    if kind in (DEFINING, DERIVING):
        return about in WORDS_OF[kind](text.decode(errors="replace"))
    name = about.encode()
    if kind != MATCHING and name not in text:
        return False
    if kind == HOLDING and not text.isascii():  # letters of other scripts make other words
        return re.search(rf"(?<!\w){re.escape(about)}(?!\w)", text.decode(errors="replace")) is not None
    return _pattern(kind, name).search(text) is not None


@lru_cache(maxsize=1024)
def _pattern(kind: str, about: bytes) -> re.Pattern[bytes]:
    if kind == MATCHING:
        return re.compile(about)
    word = re.escape(about)
    if kind == AT_MARGIN:
        return re.compile(rb"^(?:async[ \t]+)?(?:def|class)[ \t]+%b(?!\w)" % word, re.MULTILINE)
    if kind == ASSIGNING:
        return re.compile(rb"^%b[ \t]*[:=,]|\bas[ \t]+%b\b" % (word, word), re.MULTILINE)
    return re.compile(rb"(?<!\w)%b(?!\w)" % word)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text))


def _functions(text: str) -> set[str]:
    return set(_FUNCTION.findall(text))


def _bases(text: str) -> set[str]:
    """The words in the bases of the text's classes, and what else these may stand for."""
    words = {word for bases in _CLASS.findall(text) for word in _BASE.findall(bases)}
    new = words
    while any(f" as {word}" in text or f"{word} =" in text or f"{word}=" in text for word in new):
        aliases = [(name or other, imported or path) for imported, name, other, path in _ALIAS.findall(text)]
        new = {word for alias, path in aliases if alias in new for word in path.split(".")} - words
        words |= new  # an alias may be of an alias
    return words


WORDS_OF: dict[str, Callable[[str], set[str]]] = {HOLDING: _words, DEFINING: _functions, DERIVING: _bases}
"""What a text has in a role, all at once."""


@dataclass(frozen=True)
class Said:
    """What one text says, for whoever has many questions."""

    text: bytes

    def says(self, kind: str, about: str) -> bool:
        if kind in WORDS_OF and (kind != HOLDING or about.isidentifier()):
            return about in self._words[kind]
        return says(self.text, kind, about)

    @cached_property
    def _words(self) -> dict[str, set[str]]:
        text = self.text.decode(errors="replace")
        return {kind: words_of(text) for kind, words_of in WORDS_OF.items()}
