"""What a rule is to the person who reads its findings."""

from __future__ import annotations

import inspect
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A code, a name, one line, and the whole explanation in Markdown."""

    code: str
    name: str
    explanation: str

    @property
    def summary(self) -> str:
        return self.explanation.splitlines()[0]


def described(code: str, name: str, docstring: str | None) -> Rule:
    """A rule whose documentation is the docstring of the file that decides it."""
    assert docstring, f"{code} has no documentation"
    return Rule(code, name, inspect.cleandoc(docstring))
