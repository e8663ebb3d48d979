"""What a rule is: to the person who reads its findings, and to the planner that asks it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rewriter.changes.change import Change, Substitution
from rewriter.facts.knowledge import Knowledge
from rewriter.python.code import Class, Function
from rewriter.results import Refusal
from rewriter.rules.context import Context
from rewriter.sites.site import Site

Decide = Callable[[Any, Context], Change | Refusal | None]
"""What becomes of a site of one kind."""
TakesModules = Callable[[Function], bool]
"""Whether a function can be given modules for operations that it has."""
FindInClass = Callable[[Knowledge, Class, TakesModules], Iterator[Substitution | Refusal]]
FindInFunction = Callable[[Knowledge, Function, "Class | None"], Iterator[Substitution | Refusal]]
"""What is to be substituted in a function that runs when objects are made."""


@dataclass(frozen=True)
class Rule:
    """A code, a name, and the whole explanation in Markdown, whose example is executed."""

    code: str
    name: str
    explanation: str
    keeps: tuple[str, ...] = ()
    """Sources in which the rule finds nothing; executed as well."""
    decides: Mapping[type[Site], Decide] = field(default_factory=dict)
    """The kinds of sites that the rule decides about."""
    finds_in_class: FindInClass | None = None
    finds_in_making: FindInFunction | None = None
    source: str = ""
    """It decides something only where `--from` names this library."""
    finds_from: Mapping[str, FindInFunction] = field(default_factory=dict)
    """Besides, for each library that `--from` may name: what is to be substituted where objects are made."""

    @property
    def summary(self) -> str:
        return self.explanation.splitlines()[0]


def described(
    code: str,
    name: str,
    docstring: str | None,
    keeps: tuple[str, ...],
    decides: Mapping[type[Site], Decide] | None = None,
    finds_in_class: FindInClass | None = None,
    finds_in_making: FindInFunction | None = None,
    source: str = "",
    finds_from: Mapping[str, FindInFunction] | None = None,
) -> Rule:
    """A rule whose documentation is the docstring of the file that decides it."""
    assert docstring, f"{code} has no documentation"
    text = inspect.cleandoc(docstring)
    found = decides or {}, finds_in_class, finds_in_making, source, finds_from or {}
    return Rule(code, name, text, keeps, *found)
