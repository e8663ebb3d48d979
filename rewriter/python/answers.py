"""What has been found out of a project, remembered for as long as its files live."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from rewriter.python.grounds import ANSWER, Basis, Ground, Grounds

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Question(Generic[Key, Answer]):
    """One that is asked of many things, and whose answers do not change while the project stays what it is."""

    text: str


@dataclass(frozen=True, eq=False)
class Lasting(Question[Key, Answer]):
    """One whose answers are plain data: they may be kept beyond the process, and what hangs on them on nothing else."""

    pack: Callable[[Answer], Any] = lambda answer: answer
    """As JSON has it, and the same for equal answers."""
    unpack: Callable[[Any], Answer] = lambda answer: answer


@dataclass(slots=True, eq=False)
class _Known(Generic[Answer]):
    answer: Answer
    basis: Basis
    position: int = -1
    """Of an answer that is being found out: where it stands among those."""


_NOTHING: Any = object()


@dataclass(eq=False)
class Answers:
    """Each is found out once, with what it hangs on."""

    grounds: Grounds = field(default_factory=Grounds)
    apart: int = 0
    """The bits of grounds that these answers see otherwise than others do."""
    under: str = ""
    """The settings under which these hold, where they do not hold under all."""
    _to: dict[Question[Any, Any], dict[Any, _Known[Any]]] = field(default_factory=dict)

    def beside(self, under: str) -> Answers:
        """Others about the same files."""
        return Answers(self.grounds, self.apart, under)

    def found(
        self,
        question: Question[Key, Answer],
        key: Key,
        find: Callable[[], Answer],
        meanwhile: Answer = _NOTHING,
        asked_back: Callable[[], None] | None = None,
    ) -> Answer:
        """The answer; whoever asks on the way to it is told something meanwhile, where there is something to tell."""
        answers: dict[Key, _Known[Answer]] = self._to.setdefault(question, {})
        known = answers.get(key)
        if known is None:
            return self._find_out(answers, key, find, meanwhile)
        if known.position < 0:
            self.grounds.follow(known.basis)
        else:
            self.grounds.wait_for(known.position)
            if asked_back is not None:
                asked_back()
        return known.answer

    def _find_out(
        self, answers: dict[Key, _Known[Answer]], key: Key, find: Callable[[], Answer], meanwhile: Answer
    ) -> Answer:
        position = self.grounds.begin()
        if meanwhile is not _NOTHING:
            answers[key] = _Known(meanwhile, Basis(), position)
        try:
            answer = find()
        finally:
            basis = self.grounds.end(position)
        answers[key] = _Known(answer, basis)
        return answer

    def lasting(
        self, question: Lasting[Key, Answer], key: Key, about: str | None, find: Callable[[], Answer]
    ) -> Answer:
        """The answer, found out here or earlier; `about` names the key in whichever process, where that can be."""
        answers: dict[Key, _Known[Answer]] = self._to.setdefault(question, {})
        known = answers.get(key)
        if known is None:
            ground = (ANSWER, f"{question.text}\n{about}{self.under}")
            earlier = self.grounds.lasting.get(ground) if about is not None else None
            if earlier is not None and not earlier[1] & self.apart:
                known = _Known(question.unpack(earlier[0]), self.grounds.at(ground))
            elif about is None:
                return self.found(question, key, find)
            else:
                known = self._lasting(question, ground, find)
            if not known.basis.is_open:
                answers[key] = known
        self.grounds.follow(known.basis)
        return known.answer

    def _lasting(self, question: Lasting[Key, Answer], ground: Ground, find: Callable[[], Answer]) -> _Known[Answer]:
        position = self.grounds.begin()
        try:
            answer = find()
        finally:
            basis = self.grounds.close(position)
        if not basis.is_open and not basis.bits & self.apart:
            basis = self.grounds.last(ground, question.pack(answer), basis.bits)
        return _Known(answer, basis)

    def known(self, question: Question[Key, Answer], key: Key) -> Answer | None:
        """What was found out, if it was."""
        known: _Known[Answer] | None = self._to.get(question, {}).get(key)
        if known is None or known.position >= 0:
            return None
        self.grounds.follow(known.basis)
        return known.answer

    def keep(self, question: Question[Key, Answer], earlier: Answers, holds: Callable[[Key, Answer], bool]) -> None:
        """Takes over what still holds of what was found out of another state of the project."""
        known = earlier._to.get(question, {})
        self._to[question] = {key: known[key] for key in known if holds(key, known[key].answer)}

    def forget(self) -> None:
        self._to.clear()

    def __len__(self) -> int:
        return sum(map(len, self._to.values()))
