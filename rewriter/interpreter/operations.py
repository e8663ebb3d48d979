"""Operations of torch, written as calls or as operators: which of the catalogue it is, and what it returns."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.interpreter.context import Context
from rewriter.interpreter.notes import Notes
from rewriter.sites.site import SiteNode
from rewriter.torch_api import catalogue
from rewriter.torch_api.row import Argument, Row, Spelling, bind
from rewriter.values.base import UNKNOWN, Call, Value
from rewriter.values.classes import SomeClass
from rewriter.values.computed import has_no_fractions, is_idle
from rewriter.values.dictionary import Dictionary
from rewriter.values.fixed import Fixed, all_fixed, origins_of
from rewriter.values.functions import SomeFunction
from rewriter.values.modules import Module
from rewriter.values.one_of import join, join_all
from rewriter.values.plain import NUMBER, STRING, WHOLE, Nothing, Number, Other, String
from rewriter.values.sequence import Sequence, sequence
from rewriter.values.tensor import ASSUMED, TENSOR, Tensor, computed, is_of_unknown, only_assumed

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.USub: "unary -",
}  # fmt: skip

_OF_LISTS = (ast.Add, ast.Mult, ast.Sub)
"""The operators that lists, tuples or sets have."""

_NEVER_TENSOR = (String, Sequence, Dictionary, SomeClass, SomeFunction, Module)
_KINDS: dict[str, tuple[type[Value], ...]] = {
    "int": (Number,), "bool": (Number,), "ints": (Sequence, Number), "tensor": (Tensor,), "str": (String,),
    "tensors": (Sequence,), "number": (Number,),
}  # fmt: skip
Candidates = tuple[tuple[Row, Spelling], ...]
_Bound = tuple[tuple[Row, Spelling], tuple[Argument, ...]]


@dataclass(frozen=True)
class Operations:
    context: Context
    notes: Notes

    # Calls

    def called(self, name: str, call: Call, receiver: ast.expr | None, operands: list[Value]) -> Value | None:
        """What the call returns as one of an operation of that name; None where none fits."""
        candidates = self._fitting(catalogue.by_spelling(name), call, receiver)
        if not candidates:
            return None
        self.notes.operation(call.node, candidates, tensor=True, idle=is_idle(operands))
        found = [self._result(kind, name, call, operands) for kind in sorted({row.returns for row, _ in candidates})]
        is_unsure = receiver is None and any(is_of_unknown(row.target, operands) for row, _ in candidates)
        return join_all(map(_as_module_returns, found) if is_unsure else found)

    def _result(self, kind: str, name: str, call: Call, operands: list[Value]) -> Value:
        return computed(kind, self.context, name, call, operands, only_assumed(operands))

    def foreign(self, name: str, call: Call, holder: ast.expr) -> Value | None:
        """What the call of another library's method returns, where that is an operation."""
        if not (candidates := self._fitting(catalogue.by_foreign(name), call, None)):
            return None
        self.notes.foreign(call.node, candidates, holder)
        return TENSOR

    def of_unknown(self, name: str, call: Call, receiver: ast.expr) -> Candidates:
        """The operations that a method of that name may be, should the object be a tensor."""
        found = catalogue.by_spelling(name)
        return _meant(found, _bound(found, call.node, receiver), call)

    def _fitting(self, found: Candidates, call: Call, receiver: ast.expr | None) -> Candidates:
        """The overloads that the call may mean."""
        fitting = _bound(found, call.node, receiver)
        for _, bindings in fitting[:1]:
            self._demand_constants(bindings, found[0][0])
        return _meant(found, fitting, call)

    def _demand_constants(self, bindings: tuple[Argument, ...], row: Row) -> None:
        """Parameters that are not operands take numbers: an assumed argument given there is one."""
        for argument in bindings:
            value = self.context.met.values.get(argument.value)
            if argument.parameter.name not in row.takes_tensors_for and value is not None:
                self.context.demand(value, NUMBER)

    # Operators

    def operator(self, node: SiteNode, operator: type[ast.AST], *operands: Value) -> Value:
        """What an operator returns; a site where a tensor is, or may be, among the operands."""
        if (others := self._not_arithmetic(operator, operands)) is not None:
            self.notes.no_operation(node)
            return others
        symbol = OPERATORS.get(operator, "") + ("=" if isinstance(node, ast.AugAssign) else "")
        tensor = any(o.may_be(Tensor) for o in operands)
        whole = symbol.rstrip("=") not in ("/", "**") and all(map(has_no_fractions, operands))
        if not tensor and all(o.is_only(Number, Nothing, Other) for o in operands):
            self.notes.no_operation(node)
            return WHOLE if whole else NUMBER
        fixed = all_fixed(operands)
        if not tensor and fixed:
            self.notes.no_operation(node)
            return Fixed(origins_of(operands))
        if candidates := catalogue.by_spelling(symbol):
            self.notes.operation(node, candidates, tensor, idle=fixed or whole)
        if isinstance(node, ast.AugAssign):
            self.context.written(*operands)
        if not tensor:
            return UNKNOWN
        origins = origins_of(operands) if fixed else frozenset[str]()
        if any(o.may_be(Tensor) and not o.assumed for o in operands):
            return Tensor(is_whole=whole, origins=origins)
        return Tensor(True, frozenset().union(*(o.sources for o in operands)), whole, origins)

    def _not_arithmetic(self, operator: type[ast.AST], operands: tuple[Value, ...]) -> Value | None:
        """Joining lists, repeating and formatting strings: operators that compute nothing."""
        if any(o.may_be(Tensor) for o in operands):
            operands = tuple(o for o in operands if not (o.assumed and o.may_be(Sequence)))
        if not any(o.may_be(*_NEVER_TENSOR) and not o.may_be(Tensor) for o in operands):
            return None
        if any(o.may_be(String) for o in operands):
            return STRING
        lists = [o for o in operands if o.may_be(Sequence)]
        if operator not in _OF_LISTS:
            return UNKNOWN if not any(o.may_be(Tensor) for o in operands) else None
        certain = any(o.is_only(Sequence) for o in lists)  # a tuple added to a tensor would raise
        for other in operands if certain and operator is ast.Add else ():
            self.context.demand(other, sequence(ASSUMED))
        if not certain and (not lists or any(o.may_be(Tensor) for o in operands)):
            return UNKNOWN if not lists else None
        items = [o.items for o in operands if isinstance(o, Sequence) and o.items is not None]
        if operator is ast.Add and len(items) == len(operands):
            return sequence(items=[member for members in items for member in members])
        members = [o.member() for o in lists if o.held]
        return sequence(join_all(members) if members else None)


def _as_module_returns(value: Value) -> Value:
    """A tensor of which the module in the function's place says no more than that it may be anything.

    What would be idle for that tensor alone, such as the sum of its `argmax`, would not stay so.
    """
    return sequence(join(value.member(), UNKNOWN)) if isinstance(value, Sequence) else join(value, UNKNOWN)


def _bound(found: Candidates, node: ast.Call, receiver: ast.expr | None) -> list[_Bound]:
    """The overloads that take as many arguments, each with what it takes them for."""
    positional = [receiver, *node.args] if receiver is not None else list(node.args)
    bound = [(pair, bind(pair[1], positional, node.keywords)) for pair in found]
    return [(pair, arguments) for pair, arguments in bound if arguments is not None]


def _meant(found: Candidates, fitting: list[_Bound], call: Call) -> Candidates:
    """Those of the fitting ones that take such values; all of them where starred arguments hide which."""
    node = call.node
    exact = tuple(pair for pair, bindings in fitting if _kinds_agree(pair[1], bindings, call))
    hidden = any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords)
    return exact or tuple(pair for pair, _ in fitting) or (found if hidden else ())


def _kinds_agree(spelling: Spelling, bindings: tuple[Argument, ...], call: Call) -> bool:
    required = dict(spelling.requires)
    for argument in bindings:
        wanted = required.get(argument.parameter.name)
        value = call.arguments.get(argument.value)
        if wanted and value is not None and not agrees(value, argument.value, wanted):
            return False
    return True


def agrees(value: Value, node: ast.expr, wanted: str) -> bool:
    """Whether a value can be what an overload needs; unknown values can be anything."""
    if not value.known:
        return True
    if isinstance(node, ast.Constant) and wanted in ("int", "ints"):
        return isinstance(node.value, int) and not isinstance(node.value, bool)
    return value.may_be(*_KINDS[wanted])
