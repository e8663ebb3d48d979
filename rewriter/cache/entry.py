"""The file that holds what is known of one part of a project, and how it is brought up to date.

It holds every question that was asked of the part's files, with the answer, and for each result which of these it
hangs on. When files have changed, these alone are asked again: a question that has another answer now is a ground that
holds no more, and with it go the results that hang on it.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rewriter.cache.state import digest
from rewriter.cache.update import GONE, Update, answer, bits_read, bits_written
from rewriter.files import FileError, put
from rewriter.python.file_texts import Texts
from rewriter.python.grounds import ANSWER, MODULE, TEXT, Ground, Noted, bits_at, places_in
from rewriter.python.project import Project

_MOST_GROUNDS = 200_000
"""On some of them nothing hangs any more: beyond that number an entry is begun anew."""


@dataclass(frozen=True)
class Kept:
    """One result as it stands in the file."""

    bits: int
    own: str
    """The digest of what it hangs on besides: its own text and what is around it."""
    content: bytes


@dataclass(eq=False)
class Entry:
    """What is known of one part, under one command and its settings."""

    file: Path
    part: Texts
    imports: tuple[Path, ...]
    places: dict[Ground, int] = field(default_factory=dict)
    answers: list[Any] = field(default_factory=list)
    """The numbers of the part's files that say yes; the path of a module; the digest of a text; what else was found
    out, with what it hangs on."""
    results: dict[str, Kept] = field(default_factory=dict)
    _origin: str = field(default_factory=partial(secrets.token_hex, 8))
    _handed_over: int = 0
    _unclear: set[str] = field(default_factory=set)
    _noted: dict[str, list[int]] = field(default_factory=dict)
    """By process: the places here of the grounds that it has noted, in its own order."""

    @classmethod
    def of(cls, file: Path, part: Texts, imports: tuple[Path, ...]) -> Entry:
        entry = cls(file, part, imports)
        try:
            entry._load()
        except (OSError, ValueError, KeyError, TypeError, IndexError):  # none that `save` has written
            entry = cls(file, part, imports)
        return entry

    def _load(self) -> None:
        right, _, body = self.file.read_bytes().partition(b"\n")
        if digest(body).encode() != right:
            return
        head, *lines = body.split(b"\n")
        known = json.loads(head)
        if len(known["grounds"]) > _MOST_GROUNDS:
            return
        grounds = [(kind, about) for kind, about in known["grounds"]]
        self.places = {ground: place for place, ground in enumerate(grounds)}
        update = Update(self.part, self.imports, self.places, known["digests"])
        asked = zip(grounds, known["answers"], strict=True)
        self.answers = [update.answer(place, ground, old) for place, (ground, old) in enumerate(asked)]
        for line in lines:
            path, bits, own, content = line.split(b"\t", 3)
            kept = Kept(bits_read(bits.decode()), own.decode(), content)
            if not kept.bits & update.lost:
                self.results[json.loads(path)] = kept
        self._bury(places_in(update.lost))

    def _bury(self, places: Iterable[int]) -> None:
        """Whoever finds such an answer again gives it another place."""
        grounds = list(self.places)
        for place in places:
            if grounds[place][0] == ANSWER:
                grounds[place], self.answers[place] = (GONE, str(place)), None
        self.places = {ground: place for place, ground in enumerate(grounds)}

    def take(self, noted: Iterable[Noted]) -> None:
        """Gives the grounds that processes have noted a place, with what they were answered."""
        project = Project(self.imports, self.part)
        for news in sorted(noted, key=lambda news: (news.by, news.first)):
            handed_over = range(self._handed_over if news.origin == self._origin else 0)
            own = self._noted.setdefault(news.by, list(handed_over))
            if len(own) != news.first:  # begun for others, who were told the rest
                self._unclear.add(news.by)
                continue
            for ground, found in news.new:
                said = list(found)
                if ground[0] == ANSWER:
                    said[1] = bits_written(_translated(found[1], own))
                if ground not in self.places:
                    self.places[ground] = len(self.answers)
                    is_of_files = ground[0] in (TEXT, MODULE)
                    self.answers.append(answer(self.part, project, ground) if is_of_files else said)
                own.append(self.places[ground])

    def bits_of(self, noted: Noted) -> int | None:
        """None where what the places of the process stand for is not known."""
        return None if noted.by in self._unclear else _translated(noted.bits, self._noted[noted.by])

    def hand_over(self) -> None:
        """What is known of the part's files need not be found out again by who works on it."""
        grounds, paths = self.part.grounds, self.part.paths
        grounds.origin = self._origin
        self._handed_over = len(self.places)
        for ground, place in self.places.items():
            grounds.places[ground] = place
            if ground[0] == ANSWER:
                said, bits = self.answers[place]
                grounds.lasting[ground] = said, bits_read(bits)
            elif ground[0] not in (TEXT, MODULE, GONE):
                self.part.said[ground] = [paths[number] for number in self.answers[place]]

    def beyond(self) -> Iterator[Path]:
        """The files beyond the part that results hang on."""
        for (kind, about), found in zip(self.places, self.answers, strict=True):
            name = about if kind == TEXT else found if kind == MODULE else None
            if name is not None and (path := Path(name)) not in self.part:
                yield path

    def save(self) -> None:
        """Where there is no room for it, results are found again."""
        head = {
            "grounds": list(self.places),
            "answers": self.answers,
            "digests": {str(path): self.part.digest(path).hex() for path in self.part.paths},
        }
        lines = [json.dumps(head).encode()]
        for path, kept in self.results.items():
            bits = bits_written(kept.bits)
            lines.append(b"\t".join((*map(str.encode, (json.dumps(path), bits, kept.own)), kept.content)))
        body = b"\n".join(lines)
        with contextlib.suppress(FileError, OSError):
            put(self.file, digest(body).encode() + b"\n" + body)


def _translated(bits: int, places: list[int]) -> int:
    """For a process's own places, those here."""
    return bits_at({places[place] for place in places_in(bits)})
