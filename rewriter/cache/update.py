"""What earlier answers about the files of a part are worth now that some of the files have changed."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from rewriter.cache.state import digest_of
from rewriter.python.file_texts import Texts
from rewriter.python.grounds import ANSWER, MODULE, TEXT, Ground, bits_at, places_in
from rewriter.python.of_file import OF_FILES, OfFile
from rewriter.python.project import Project
from rewriter.python.text_questions import Said

GONE = "gone"
"""A ground on which nothing hangs any more."""


@dataclass(frozen=True)
class _Changed:
    """A file that is another one than it was, or that is new or gone."""

    old: int | None
    """The number that it had among the part's files."""
    new: int | None
    said: Said | None
    """What can be said of its text now."""


@dataclass(eq=False)
class Update:
    """Answers what was asked of the part once more; only the files that have changed are looked at."""

    part: Texts
    imports: tuple[Path, ...]
    places: Mapping[Ground, int]
    before: Mapping[str, str]
    """The digests that the files had, in their order."""
    lost: int = 0
    """The bits of the answers that are others now, or that may be."""

    def answer(self, place: int, ground: Ground, old: Any) -> Any:
        """What is to be said now. What an answer hangs on has been asked before it."""
        kind, about = ground
        if kind == ANSWER:
            said, own = old[0], bits_read(old[1])
            if own & self.lost and not self._is_said_again(about, said, own):
                self.lost |= 1 << place
            return old
        if kind == GONE:
            return old
        is_of_files = kind in (TEXT, MODULE)
        new: Any = answer(self.part, self._project, ground) if is_of_files else self._saying(kind, about, old)
        if new != (old if is_of_files else self._moved(old)):
            self.lost |= 1 << place
        return new

    def _is_said_again(self, about: str, said: Any, own: int) -> bool:
        """Whether a file that has changed says by itself what it said before."""
        text, _, path = about.partition("\n")
        question = self._of_files.get(text)
        if question is None or own != 1 << self.places[TEXT, path] or Path(path) not in self.part:
            return False
        file = self._apart.file_alone(Path(path))
        if file is not None and file.stars and question.asks_names:
            return False
        return bool(said == question.pack(question.absent if file is None else question.find(file)))

    @cached_property
    def _of_files(self) -> Mapping[str, OfFile[Any]]:
        import_module("rewriter.engine")  # brings in whoever asks any
        return OF_FILES

    @cached_property
    def _apart(self) -> Project:
        """What is asked of it is not noted as asked of the part."""
        return Project(self.imports, self.part.only(self.part.paths))

    def _saying(self, kind: str, about: str, old: list[int]) -> list[int]:
        """The numbers of the files that say yes."""
        gone = {change.old for change in self._changed}
        new = self._moved([number for number in old if number not in gone])
        for change in self._changed:
            if change.new is not None and change.said is not None and change.said.says(kind, about):
                insort(new, change.new)
        return new

    def _moved(self, numbers: list[int]) -> list[int]:
        return numbers if self._stay else [self._now.get(number, -1) for number in numbers]

    @cached_property
    def _project(self) -> Project:
        return Project(self.imports, self.part)

    @cached_property
    def _paths(self) -> dict[str, Path]:
        return {str(path): path for path in self.part.paths}

    @cached_property
    def _stay(self) -> bool:
        """Each file has the number that it had."""
        return list(self.before) == list(self._paths)

    @cached_property
    def _now(self) -> dict[int, int]:
        """The files' numbers now by those that they had."""
        numbers = {name: number for number, name in enumerate(self._paths)}
        return {old: numbers[name] for old, name in enumerate(self.before) if name in numbers}

    @cached_property
    def _changed(self) -> list[_Changed]:
        now = {name: self.part.digest(path).hex() for name, path in self._paths.items()}
        old, new = ({name: number for number, name in enumerate(names)} for names in (self.before, now))
        changed = [name for name in {**self.before, **now} if self.before.get(name) != now.get(name)]
        said = {name: Said(self.part.text(self._paths[name])) for name in changed if name in now}
        return [_Changed(old.get(name), new.get(name), said.get(name)) for name in changed]


def answer(part: Texts, project: Project, ground: Ground) -> str | None:
    """The digest of a text, or the path of a module."""
    kind, about = ground
    if kind == MODULE:
        path = project.path_of(about)
        return None if path is None else str(path)
    path = Path(about)
    return part.digest(path).hex() if path in part else digest_of(path)


def bits_read(written: str) -> int:
    """What `bits_written` has written."""
    if not written.startswith(":"):
        return int(written, 16)
    return bits_at({int(place) for place in written[1:].split(",")}) if written != ":" else 0


def bits_written(bits: int) -> str:
    """The places where they are few."""
    if bits.bit_count() * 16 > bits.bit_length():
        return f"{bits:x}"
    return ":" + ",".join(map(str, places_in(bits)))
