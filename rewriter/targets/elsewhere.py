"""Changes as another library's modules make them: what it calls an operation stands in the catalogue's row."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from rewriter.changes.change import Change, Given, Substitution
from rewriter.changes.made import Fixed, Make, MakeAgain, MakeElsewhere, Tie
from rewriter.results import Refusal, Safety
from rewriter.rules.constants import is_constant, is_repeatable
from rewriter.rules.context import Context
from rewriter.rules.operations import arguments_of
from rewriter.rules.refusals import refuse
from rewriter.sites.site import Operation, Site
from rewriter.targets.fresh import is_fresh
from rewriter.torch_api import modules
from rewriter.torch_api.row import Argument, Foreign, Row
from rewriter.torch_api.traits import Trait
from rewriter.values.base import Value
from rewriter.values.plain import Number
from rewriter.values.tensor import Tensor

CODE = "RW910"
_ADVICE = "give --fallback runtime, which takes what is missing from runtime.modules"

# What torch.ao's kernels compute on quantized tensors, however it is written: no module has to stand for it.
_COMPUTED = {"torch-ao": Trait.MOVE | Trait.AVERAGE | Trait.MAXIMUM | Trait.RESIZE}
# Its constructors call their parameters otherwise than torch's functions do.
_BY_POSITION = frozenset({"aimet"})
_SCALARS = {"add": "add_scalar", "mul": "mul_scalar"}
# Some have other methods for numbers than for tensors, or take tensors alone.
_TELL_NUMBERS = frozenset({"torch-ao", "brevitas"})
_TENSORS_ALONE = frozenset({"brevitas"})


@dataclass(frozen=True)
class Elsewhere:
    """One library as the target, and whether runtime serves where it has nothing."""

    library: str
    fallback: bool

    def change(self, change: Change, context: Context) -> Change | Refusal | None:
        """The change with the library's module; None where none is needed."""
        make = change.make
        if isinstance(make, Tie) and (again := _made_again(make, context)) is not None:
            return replace(change, make=again)
        if isinstance(make, MakeAgain) or (isinstance(make, Make) and make.target.startswith("torch.nn.")):
            return change
        if not isinstance(make, Make) or change.each:  # others have no lists that run a module for each of several
            return self._without(change, f"{change.what} needs a module that only runtime has")
        found = self._made(change, make, context)
        if isinstance(found, Change):
            return found
        if self._computes(make.row):
            return None
        return self._without(change, f"{self.library} has no module for {change.what}{found}")

    def needs(self, site: Site) -> bool:
        return not (isinstance(site, Operation) and all(self._computes(row) for row, _ in site.candidates))

    def _computes(self, row: Row) -> bool:
        return self.library in row.as_function or bool(row.traits & _COMPUTED.get(self.library, Trait.NONE))

    def substitution(self, found: Substitution) -> Substitution | Refusal:
        if self.fallback or found.is_code or not found.target.startswith("runtime."):
            return found
        message = f"{found.message}: {self.library} has no such module"
        return Refusal(CODE, message, found.finding().span, _ADVICE)

    def _without(self, change: Change, message: str) -> Change | Refusal:
        return change if self.fallback else refuse(CODE, change.site, message, _ADVICE)

    def _made(self, change: Change, make: Make, context: Context) -> Change | str:
        """The change; or what more has to be said of why there is none."""
        arguments = arguments_of(change.site, make.spelling)
        if arguments is None:
            return ", whose arguments are known only when it runs"
        number = self._number(make.row, arguments, context)
        found = [f for f in make.row.elsewhere if f.library == self.library and self._takes(f, arguments, change)]
        if number is not None and self.library in _TENSORS_ALONE:
            found = []
        elif number is not None:
            wanted = _SCALARS.get(make.row.op)
            found = [f for f in found if f.method == wanted] or [f for f in found if not f.method]
        if not found:
            return " with these arguments" if any(f.library == self.library for f in make.row.elsewhere) else ""
        swapped = number == 0 and bool(found[0].method)
        return self._written(change, make, found[0], arguments, swapped, context)

    def _number(self, row: Row, arguments: tuple[Argument, ...], context: Context) -> int | None:
        """Which of two operands is a number."""
        if len(row.operands) != 2 or self.library not in _TELL_NUMBERS:
            return None
        for index, argument in enumerate(arguments[:2]):
            value = context.values.get(argument.value)
            if isinstance(argument.value, ast.Constant) or (value is not None and self._counts_as_number(value)):
                return index
        return None

    def _counts_as_number(self, value: Value) -> bool:
        """For a library that takes tensors alone, whatever may be something else."""
        return not value.is_only(Tensor) if self.library in _TENSORS_ALONE else value.is_only(Number)

    def _takes(self, foreign: Foreign, arguments: tuple[Argument, ...], change: Change) -> bool:
        call = {p.name for p in foreign.spelling.parameters}
        fixed = [a for a in arguments if a.parameter.name not in call]
        constants = all(is_constant(a.value, change.site.function) for a in fixed)
        names = [a.parameter.name for a in arguments]
        in_order = [name for name in names if name in call] == [
            p.name for p in foreign.spelling.parameters if p.name in names
        ]
        return set(names) <= foreign.takes and constants and in_order

    def _written(
        self, change: Change, make: Make, foreign: Foreign, arguments: tuple[Argument, ...], swapped: bool, at: Context
    ) -> Change:
        call = [p.name for p in foreign.spelling.parameters]
        operands = {name.lstrip("*") for name in make.row.operands}
        given = [a for a in arguments if a.parameter.name in call]
        named = self.library not in _BY_POSITION
        fixed = [Fixed(a.parameter.name, a.value, named) for a in arguments if a.parameter.name not in call]
        in_constructor = "inplace" in foreign.takes
        if make.spelling.inplace and in_constructor:
            fixed.append(Fixed("inplace", True, named))
        if swapped:
            given[:2] = reversed(given[:2])
        made = MakeElsewhere(make.row, make.spelling, foreign.target, tuple(fixed), foreign=foreign, swapped=swapped)
        written = replace(change, make=made, given=tuple(_given(foreign, given, operands)))
        if make.spelling.inplace and not in_constructor and not is_fresh(change.site, at):
            why = f"{change.what} changes a tensor that others may hold, and {self.library} makes a new one"
            return replace(written, safety=Safety.UNSAFE, why_unsafe=why)
        return written


def _made_again(tie: Tie, context: Context) -> MakeAgain | None:
    """An activation by the expression that made the first one: other libraries have no handles."""
    init, statement = context.place.init, tie.statement
    made = statement.value if isinstance(statement, ast.Assign) else None
    if init is None or statement is None or not isinstance(made, ast.Call) or not is_repeatable(made, init.node):
        return None
    known = init.name_inside(made.func) in modules.PARAMETER_FREE
    return MakeAgain(tie.attribute, made, statement) if known else None


def _is_one_spread(value: ast.List | ast.Tuple) -> bool:
    """`[*tensors]`"""
    return len(value.elts) == 1 and isinstance(value.elts[0], ast.Starred)


def _given(foreign: Foreign, arguments: list[Argument], operands: set[str]) -> list[Given]:
    """Operands by position, since each library has names of its own for them; the others as the author wrote them."""
    spread = any(p.variadic for p in foreign.spelling.parameters)
    names = [p.name for p in foreign.spelling.parameters if not p.keyword_only]
    found: list[Given] = []
    for index, argument in enumerate(arguments):
        value = argument.value
        if spread and isinstance(value, ast.List | ast.Tuple) and not _is_one_spread(value):
            found += [Given(member) for member in value.elts]
        elif spread:
            found.append(Given(value, spread=True))
        else:
            is_operand = argument.parameter.name in operands
            fits = is_operand or (index < len(names) and names[index] == argument.parameter.name and not argument.named)
            found.append(Given(value, None if fits else argument.parameter.name))
    return found
