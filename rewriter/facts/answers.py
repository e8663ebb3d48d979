"""What has been found out of a project, remembered for as long as its files live."""

from __future__ import annotations

from collections.abc import Hashable
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

    def to(self, question: Question[Key, Answer]) -> dict[Key, Answer]:
        """The answers known so far; whoever finds another one adds it."""
        return self._to.setdefault(question, {})

    def forget(self) -> None:
        self._to.clear()

    def __len__(self) -> int:
        return sum(map(len, self._to.values()))
