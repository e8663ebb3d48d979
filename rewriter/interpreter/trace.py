"""What a run finds out between the call of a function and its return, and what of the run around it this hangs on."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewriter.interpreter.met import Met
from rewriter.python.code import Class, Function
from rewriter.values.base import Value


@dataclass(eq=False)
class Reads:
    """What was read of the run around a call, beside the arguments: where that is the same, so is what is found out."""

    settled: dict[str, Value | None] = field(default_factory=dict)
    """What earlier rounds had shown of values that were taken for tensors; None for nothing."""
    counts: dict[str, int] = field(default_factory=dict)
    """How often modules had been called before."""
    entered: dict[Function, bool] = field(default_factory=dict)
    """Whether the run had come through a function."""

    about: dict[Class, bool] = field(default_factory=dict)
    """Whether the run was about a class."""

    def follow(self, later: Reads, met: Met) -> None:
        """Adds what a call inside has read, but for what is of this call's own making."""
        for key, value in later.settled.items():
            self.settled.setdefault(key, value)
        for name, count in later.counts.items():
            self.counts.setdefault(name, count)
        for cls, is_about in later.about.items():
            self.about.setdefault(cls, is_about)
        for function, was_entered in later.entered.items():
            if function not in met.entered:
                self.entered.setdefault(function, was_entered)


@dataclass(eq=False)
class Trace:
    base: int
    """How many functions the run was in when it began."""
    met: Met = field(default_factory=Met)
    reads: Reads = field(default_factory=Reads)
    deepest: int = 0
    """How many functions the run was in at most when it followed a call."""
    reaches: int = 0
    """The outermost function that a call came back to; below zero where a bound of the run was met."""

    def __post_init__(self) -> None:
        self.reaches = self.base

    @property
    def stands_alone(self) -> bool:
        """Whether it would have been the same inside of other functions."""
        return self.reaches >= self.base
