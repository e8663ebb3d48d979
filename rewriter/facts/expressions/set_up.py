"""Attributes, as setting an object up makes them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.facts.knowledge import Knowledge
from rewriter.python.code import Class, Function, FunctionNode
from rewriter.python.hierarchy import REGISTERING
from rewriter.python.trees import walk
from rewriter.values.plain import Nothing

_EMPTYING = frozenset({"pop", "clear"})
_CHANGING = frozenset({"append", "extend", "insert", "add_module", "register_module", "update"}) | _EMPTYING


@dataclass(frozen=True)
class Settled:
    """How an attribute is set."""

    always: bool
    """Every way through `__init__` sets it, and to something."""
    stored: tuple[ast.expr, ...]
    """What is stored there, by plain assignments."""
    methods: frozenset[str]
    """The methods by which `__init__` does it, or goes on with what the attribute holds."""
    filled: bool
    """Some of it puts something into what is stored there."""


def settled(knowledge: Knowledge, cls: Class, attribute: str) -> Settled | None:
    """How set-up sets the attribute of an object of the class; None where it does not, or in no way that can be told.

    What the attribute is then is a measure for what it will be, whoever may change it later.
    """
    hierarchy, met = knowledge.hierarchy, knowledge.construction(cls).met.entered
    upper = hierarchy.lineage(cls).project
    family = [*upper, *hierarchy.subclasses(cls)]
    setters = [m for c in family for m in c.methods.values() if attribute in m.words or _names(m.node, attribute)]
    constructors = {c.constructor for c in upper if c.constructor is not None}
    setters = [m for m in setters if (m in constructors or m in met) and _changes(m.node, attribute)]
    helpers = _with_callers(knowledge, cls, {m for m in setters if m not in constructors}, constructors)
    if not setters or helpers is None:
        return None
    certain = [m for m in helpers if _always_runs(upper, m, constructors)]
    sets = any(_sets(m.node.body, attribute) for m in (*(m for m in setters if m in constructors), *certain))
    may_be_none = knowledge.attribute(cls, attribute).may_be(Nothing)
    may_be_none = may_be_none or any(_is_none_unless_given(m, v) for m in setters for v in _stored(m.node, attribute))
    stored = tuple(value for m in setters for value in _stored(m.node, attribute))
    filled = any(_fills(node, attribute) for m in setters for node in walk(m.node))
    filled = filled or any(_is_filled_by(knowledge, m, n, attribute) for m in setters for n in walk(m.node))
    return Settled(sets and not may_be_none, stored, frozenset(m.node.name for m in helpers), filled)


def _with_callers(
    knowledge: Knowledge, cls: Class, helpers: set[Function], constructors: set[Function]
) -> set[Function] | None:
    """The methods, and those by which constructors come to them; None where they come to one in no such way."""
    upper, met = knowledge.hierarchy.lineage(cls).project, knowledge.construction(cls).met.entered
    methods = {m for c in upper for m in c.methods.values() if m in met} - constructors
    named = {name for init in constructors for name in init.words}
    found, pending = set(helpers), list(helpers)
    while pending:
        name = pending.pop().node.name
        callers = {m for m in methods if name in m.words}
        if not callers and name not in named:
            return None
        pending += callers - found
        found |= callers
    return found


def _always_runs(upper: tuple[Class, ...], method: Function, constructors: set[Function]) -> bool:
    """`self._build()` among the statements of an `__init__`, a name that is nobody else's."""
    if not method.node.name.startswith("_"):
        return False
    statements = (s.value for init in constructors for s in init.node.body if isinstance(s, ast.Expr))
    calls = (s.func for s in statements if isinstance(s, ast.Call) and isinstance(s.func, ast.Attribute))
    return any(func.attr == method.node.name for func in calls)


def _sets(body: list[ast.stmt], attribute: str) -> bool:
    """Whether every way through the statements sets the attribute."""
    for statement in body:
        if any(_is_it(t, attribute) for t in _targets(statement)) or _registers(statement, attribute):
            return True
        if isinstance(statement, ast.With) and _sets(statement.body, attribute):
            return True
        if isinstance(statement, ast.If) and all(
            _sets(way, attribute) or (bool(way) and isinstance(way[-1], ast.Raise))
            for way in (statement.body, statement.orelse)
        ):
            return True
    return False


def _targets(statement: ast.stmt) -> Iterator[ast.expr]:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from target.elts if isinstance(target, ast.Tuple | ast.List) else (target,)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        yield statement.target


def _stored(function: FunctionNode, attribute: str) -> Iterator[ast.expr]:
    for node in walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign) and any(_is_it(t, attribute) for t in _targets(node)):
            assert node.value is not None
            yield node.value


def _is_none_unless_given(function: Function, value: ast.expr) -> bool:
    """A parameter `depth=None`, in whose place the function puts nothing else."""
    if not isinstance(value, ast.Name):
        return False
    default = function.defaults.get(value.id)
    put = (n for n in walk(function.node) if isinstance(n, ast.Name) and n.id == value.id)
    is_none = isinstance(default, ast.Constant) and default.value is None
    return is_none and all(isinstance(n.ctx, ast.Load) for n in put)


def _registers(node: ast.AST, attribute: str) -> bool:
    """`self.add_module("blocks", ...)`"""
    call = node.value if isinstance(node, ast.Expr) else node
    func = call.func if isinstance(call, ast.Call) else None
    named = isinstance(func, ast.Attribute) and func.attr in REGISTERING and isinstance(call, ast.Call)
    name = call.args[0] if named and isinstance(call, ast.Call) and call.args else None
    return isinstance(name, ast.Constant) and name.value == attribute


def _is_it(node: ast.AST, attribute: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == attribute


def _names(function: FunctionNode, attribute: str) -> bool:
    return any(isinstance(n, ast.Constant) and n.value == attribute for n in walk(function))


def _changes(function: FunctionNode, attribute: str) -> bool:
    """Whether the function sets the attribute, or changes what it holds."""
    for node in walk(function):
        if _is_it(node, attribute) and isinstance(node.ctx, ast.Store | ast.Del):  # type: ignore[attr-defined]
            return True
        if isinstance(node, ast.Subscript) and _is_it(node.value, attribute) and not isinstance(node.ctx, ast.Load):
            return True
        if _calls_on(node, attribute, _CHANGING):
            return True
        if isinstance(node, ast.Call) and _registers(node, attribute):
            return True
    return False


def _fills(node: ast.AST, attribute: str) -> bool:
    """`self.blocks.add_module(...)`, `self.blocks["a"] = ...`, `self.blocks += [...]`"""
    if isinstance(node, ast.AugAssign) and _is_it(node.target, attribute):
        return True
    if isinstance(node, ast.Subscript) and _is_it(node.value, attribute):
        return isinstance(node.ctx, ast.Store)
    return _calls_on(node, attribute, _CHANGING - _EMPTYING)


def _is_filled_by(knowledge: Knowledge, method: Function, node: ast.AST, attribute: str) -> bool:
    """`prepend(self.blocks, block)`, where the function puts something into what it is given there."""
    place = (
        next((i for i, a in enumerate(node.args) if _is_it(a, attribute)), None) if isinstance(node, ast.Call) else None
    )
    name = method.name_inside(node.func) if place is not None and isinstance(node, ast.Call) else None
    function = knowledge.project.find(name) if name is not None else None
    if not isinstance(function, Function) or place is None or place >= len(function.node.args.args):
        return False
    parameter = function.node.args.args[place].arg
    funcs = (n.func for n in walk(function.node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute))
    return any(f.attr in _CHANGING - _EMPTYING and ast.unparse(f.value) == parameter for f in funcs)


def _calls_on(node: ast.AST, attribute: str, methods: frozenset[str]) -> bool:
    func = node.func if isinstance(node, ast.Call) else None
    return isinstance(func, ast.Attribute) and func.attr in methods and _is_it(func.value, attribute)
