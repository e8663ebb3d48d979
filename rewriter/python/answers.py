"""What has been found out of a project, remembered for as long as its files live."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Question(Generic[Key, Answer]):
    """One that is asked of many things, and whose answers do not change while the project stays what it is."""

    text: str


@dataclass(eq=False)
class Answers:
    _to: dict[Question[Any, Any], dict[Any, Any]] = field(default_factory=dict)
    _open: set[tuple[Question[Any, Any], Any]] = field(default_factory=set)
    """What is being found out."""

    def to(self, question: Question[Key, Answer]) -> dict[Key, Answer]:
        """The answers known so far; whoever finds another one adds it."""
        return self._to.setdefault(question, {})

    def found_out(
        self,
        question: Question[Key, Answer],
        key: Key,
        meanwhile: Answer,
        find: Callable[[], Answer],
        asked_back: Callable[[], None],
    ) -> Answer:
        """The answer, found out once; whoever asks on the way to it is told something meanwhile, which is noted."""
        answers = self.to(question)
        if (question, key) in self._open:
            asked_back()
        elif key not in answers:
            answers[key] = meanwhile
            self._open.add((question, key))
            answers[key] = find()
            self._open.remove((question, key))
        return answers[key]

    def forget(self) -> None:
        self._to.clear()
        self._open.clear()

    def __len__(self) -> int:
        return sum(map(len, self._to.values()))
