"""What answers hang on, noted while they are found out: whatever was asked of the project's files on the way.

An answer that is remembered keeps its own basis, and whoever is told it later hangs on that as well. So a result can be
kept for as long as each of its grounds would be answered as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Ground = tuple[str, str]
"""What kind of question was asked of the files, and about what: one of `text_questions`, or one of these."""
TEXT = "text"
"""What is the content of the file of that path?"""
MODULE = "module"
"""Which file would the import of that module run?"""
ANSWER = "answer"
"""What is the answer to a question that was asked of the project itself?"""
_NEVER = 1 << 60


@dataclass(slots=True, eq=False)
class Basis:
    """The grounds of one answer: the bits of a number, by the places that the grounds have."""

    bits: int = 0
    waits_for: int = _NEVER
    """How far out the answer stands that is itself being found out, and that this one was told something of."""

    @property
    def is_open(self) -> bool:
        return self.waits_for != _NEVER


@dataclass(slots=True, eq=False)
class _Open:
    """An answer that is being found out."""

    own: set[int] = field(default_factory=set)
    bits: int = 0
    waits_for: int = _NEVER


@dataclass(frozen=True)
class Noted:
    """What one result hangs on, as whoever worked on it tells those who keep results."""

    origin: str
    """Who has given the process's first grounds their places."""
    by: str
    """Which process noted it; each has places of its own for the grounds behind these."""
    bits: int
    first: int
    """The place of the first of the new grounds."""
    new: tuple[tuple[Ground, Any], ...]
    """The grounds that were noted since the process's last result: with the numbers of the files that say yes, or with
    the answer and the bits of what it hangs on."""


@dataclass(eq=False)
class Grounds:
    """All grounds that answers about some files hang on, each with its place."""

    places: dict[Ground, int] = field(default_factory=dict)
    origin: str = ""
    """Who has given the first of them their places; nothing where nobody has."""
    lasting: dict[Ground, tuple[Any, int]] = field(default_factory=dict)
    """Answers that hold as long as their grounds do, with the bits of these: in whichever process."""
    _open: list[_Open] = field(default_factory=list)
    _waiting: list[Basis] = field(default_factory=list)

    def note(self, kind: str, about: str) -> None:
        """Whatever is being found out hangs on that."""
        if self._open:
            self._open[-1].own.add(self.places.setdefault((kind, about), len(self.places)))

    def follow(self, basis: Basis) -> None:
        """Whatever is being found out hangs on what that answer hangs on."""
        if self._open:
            around = self._open[-1]
            around.bits |= basis.bits
            around.waits_for = min(around.waits_for, basis.waits_for)

    def wait_for(self, position: int) -> None:
        """Whatever is being found out was told something of an answer that is still open."""
        if self._open:
            self._open[-1].waits_for = min(self._open[-1].waits_for, position)

    def begin(self) -> int:
        """Opens an answer; returns its position."""
        self._open.append(_Open())
        return len(self._open) - 1

    def end(self, position: int) -> Basis:
        """What the answer at the position hangs on; whoever waited for it hangs on the same, and who asked for it."""
        basis = self.close(position)
        self.follow(basis)
        return basis

    def close(self, position: int) -> Basis:
        """The same for an answer that is a ground itself: who asked for it may hang on the answer alone."""
        found = self._open[position]
        del self._open[position:]
        bits = found.bits | bits_at(found.own)
        basis = Basis(bits, found.waits_for if found.waits_for < position else _NEVER)
        if basis.waits_for == _NEVER:
            self._settle(position, bits)
        else:
            self._waiting.append(basis)
        return basis

    def last(self, ground: Ground, answer: Any, bits: int) -> Basis:
        """Makes an answer a ground of those that hang on it."""
        self.lasting[ground] = answer, bits
        return self.at(ground)

    def at(self, ground: Ground) -> Basis:
        return Basis(1 << self.places.setdefault(ground, len(self.places)))

    def place(self, kind: str, about: str) -> int:
        """The bit of a ground."""
        return 1 << self.places.setdefault((kind, about), len(self.places))

    def _settle(self, position: int, bits: int) -> None:
        for basis in self._waiting:
            if basis.waits_for >= position:
                basis.bits |= bits
                basis.waits_for = _NEVER
        self._waiting = [basis for basis in self._waiting if basis.waits_for != _NEVER]


def bits_at(places: set[int]) -> int:
    """The number that has these bits."""
    if not places:
        return 0
    found = bytearray((max(places) >> 3) + 1)
    for place in places:
        found[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(found, "little")


def places_in(bits: int) -> list[int]:
    """The places of a basis, in order."""
    found = []
    for at, byte in enumerate(bits.to_bytes((bits.bit_length() + 7) // 8, "little")):
        if byte:
            found += [8 * at + bit for bit in range(8) if byte >> bit & 1]
    return found
