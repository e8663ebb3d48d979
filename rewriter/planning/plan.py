"""What is planned for one class or function: its changes with their names, and what has to be said."""

from __future__ import annotations

import ast
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from itertools import chain

from rewriter.changes.change import Change, NamedChange, Substitution
from rewriter.python.answers import Lasting, Question
from rewriter.python.code import Class, Function
from rewriter.results import Refusal

Owner = Class | Function
Wanted = Callable[[Owner, Change | Substitution], bool]
"""Whether a change is to be applied; others leave their sites as they are."""

_MOST_OF_A_NAME = 1000
"""How many attributes of one class may want the same name."""


@dataclass
class Plan:
    changes: list[NamedChange] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    substitutions: list[Substitution] = field(default_factory=list)
    unwanted: list[Change | Substitution] = field(default_factory=list)
    """Possible, but not selected or suppressed."""
    open: list[ast.expr] = field(default_factory=list)
    """The expressions whose values would decide what the source leaves open."""
    answered: list[Refusal] = field(default_factory=list)
    """What would be left with a reason, had an observed execution not shown that it does not matter."""


def free_name(wanted: str, taken: Container[str]) -> str:
    """`add`, `add2`, `add3` ...; behind a digit `relu1_2`; `op_relu` where a class makes up its names from `relu`."""
    for name in (wanted, f"op_{wanted}", f"{wanted}_op"):
        stem = f"{name}_" if name[-1].isdigit() else name
        candidates = chain([name], (f"{stem}{number}" for number in range(2, _MOST_OF_A_NAME)))
        if (free := next((candidate for candidate in candidates if candidate not in taken), None)) is not None:
            return free
    raise ValueError(f"no name like {wanted!r} is free")


TAKES = Lasting[Owner, bool]("does the function take modules?")
PLAN = Question[Owner, Plan]("what becomes of the class or function?")
