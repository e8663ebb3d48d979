"""The classes of `runtime.modules` that wrap one operation each: all that is said of them follows from their rows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from rewriter.torch_api.catalogue import ROWS
from rewriter.torch_api.row import Row, Spelling


@dataclass(frozen=True)
class Wrapper:
    """One class. Overloads of a function that differ in what they return are rows of their own, and share a class."""

    name: str
    rows: tuple[Row, ...]

    @property
    def spellings(self) -> tuple[Spelling, ...]:
        return tuple(spelling for row in self.rows for spelling in row.spellings)

    @property
    def function(self) -> str:
        """The full name of the function that it calls."""
        return self.rows[0].function.name

    @cached_property
    def operator(self) -> str:
        """Python's operator between two operands, if it has one: `+`."""
        signs = (s.name for s in self.spellings if not s.name[0].isalpha() and not s.inplace)
        return next(signs, "")

    @property
    def has_inplace_form(self) -> bool:
        """Whether what computes in place is another function than what does not."""
        by_argument = any(p.name == "inplace" for p in self.rows[0].function.parameters)
        return any(s.inplace for s in self.spellings) and not by_argument

    @property
    def inplace_function(self) -> str:
        """The method that computes in place, and the function where torch has no such method."""
        methods = (s.name for s in self.spellings if s.inplace and s.name.startswith("torch.Tensor."))
        return next(methods, self.function)

    @property
    def takes(self) -> tuple[str, ...]:
        """The arguments that the constructor can fix, in order."""
        operands = {operand.lstrip("*") for operand in self.rows[0].operands}
        names = dict.fromkeys(p.name for s in self.spellings for p in s.parameters if not p.variadic)
        fixed = [name for name in names if name not in operands | {"out"}]
        if not self.has_inplace_form:
            return tuple(fixed)
        return ("inplace", *fixed) if self.operator else (*fixed, "inplace")

    @property
    def description(self) -> str:
        """What it computes, in a sentence."""
        operands = ", ".join(self.rows[0].operands)
        call = f"`{self.function}({operands})`"
        if self.operator:
            return f"`a {self.operator} b`, or {call}."
        torch_modules = [t.removeprefix("torch.") for t in self.rows[0].targets if t.startswith("torch.nn.")]
        instead = f": takes at each call what `{torch_modules[0]}` fixes or owns" if torch_modules else ""
        return f"{call}{instead}."


def _wrappers() -> tuple[Wrapper, ...]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in ROWS:
        rows[row.flexible_target.removeprefix("runtime.modules.")].append(row)
    return tuple(Wrapper(name, tuple(of_class)) for name, of_class in sorted(rows.items()))


WRAPPERS = _wrappers()
