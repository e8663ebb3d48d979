"""What a family of classes does with an attribute of its objects."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function, FunctionNode
from rewriter.python.hierarchy import Hierarchy, own_name
from rewriter.python.names import dotted
from rewriter.python.of_file import OfFile
from rewriter.python.plain_receivers import class_of_receiver, is_plain
from rewriter.python.trees import walk
from rewriter.torch_api import catalogue


def stores(tree: ast.AST, attribute: str) -> bool:
    return any(
        isinstance(n, ast.Attribute) and n.attr == attribute and isinstance(n.ctx, ast.Store) for n in walk(tree)
    )


def first_name(hierarchy: Hierarchy, cls: Class, attribute: str) -> str:
    """The first of the names that one object has: `self.a = self.b = nn.ReLU()`."""
    for relative in hierarchy.lineage(cls).project:
        for node in _assignments(relative.constructor):
            names = [t.attr for t in node.targets if isinstance(t, ast.Attribute)]
            if attribute in names and not isinstance(node.value, ast.Constant):  # `self.q = self.k = None` is no object
                return names[0]
    return attribute


_CHANGED = Question[Class, frozenset[str]]("which attributes do methods change once the object is made?")
_CHANGING = frozenset("add append appendleft clear extend insert pop popitem remove setdefault update".split())


def changed_later(hierarchy: Hierarchy, cls: Class) -> frozenset[str]:
    """The attributes that a method of the family sets, or changes what they hold, besides the constructors."""

    def find() -> frozenset[str]:
        family = [*hierarchy.lineage(cls).project, *hierarchy.subclasses(cls)]
        methods = (m for relative in family for m in relative.methods.values() if m is not relative.constructor)
        return frozenset(name for method in methods for name in _changed(method.node))

    return hierarchy.project.answers.found(_CHANGED, cls, find)


def _changed(method: FunctionNode) -> Iterator[str]:
    for node in walk(method):
        held: ast.AST | None = None
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            held = node if isinstance(node, ast.Attribute) else node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING:
            held = node.func.value
        if isinstance(held, ast.Attribute):
            yield held.attr


def operations_in(node: ast.Lambda | FunctionNode, function: Function) -> int:
    """How many operations a lambda or nested function looks like having: what it is given is taken for a tensor."""
    code = node.body if isinstance(node.body, list) else [node.body]
    return operations_among(code, lambda named: function.file.names.full_name(named, function.shadowed))


def operations_among(code: Iterable[ast.AST], full_name: Callable[[ast.expr], str | None]) -> int:
    def is_operation(part: ast.AST) -> bool:
        if isinstance(part, ast.Call):
            name = full_name(part.func)
            method = part.func.attr if isinstance(part.func, ast.Attribute) and name is None else ""
            return catalogue.is_function(name) or bool(catalogue.by_spelling(f"torch.Tensor.{method}"))
        negates = isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub)
        return negates or isinstance(part, ast.BinOp | ast.AugAssign)

    return sum(is_operation(part) for piece in code for part in walk(piece))


def is_only_called(hierarchy: Hierarchy, cls: Class, attribute: str) -> bool:
    """Besides `__init__`, which sets it, the family calls the attribute or asks whether it is None."""
    if handled_from_outside(hierarchy, attribute):
        return False
    called = False
    for relative in [*hierarchy.lineage(cls).project, *hierarchy.subclasses(cls)]:
        allowed = {id(n.func) for n in walk(relative.node) if isinstance(n, ast.Call)}
        compared = [n for n in walk(relative.node) if isinstance(n, ast.Compare) and _is_none(n.comparators)]
        allowed |= {id(n.left) for n in compared}
        set_in_init = {id(store.target) for store in stores_of(relative)}
        receivers = class_of_receiver(relative.file)
        for node in walk(relative.node):
            if isinstance(node, ast.Attribute) and node.attr == attribute and id(node) not in set_in_init:
                if node in receivers and is_plain(hierarchy, receivers[node]):
                    continue
                if id(node) not in allowed:
                    return False
                called = True
    return called


def _named_in(call: ast.Call) -> set[str]:
    """The name in `setattr(model, "act", F.gelu)`."""
    by_name = isinstance(call.func, ast.Name) and call.func.id in ("setattr", "delattr") and len(call.args) > 1
    name = call.args[1] if by_name else None
    return {name.value} if isinstance(name, ast.Constant) and isinstance(name.value, str) else set()


@dataclass(frozen=True)
class Store:
    """`self.name = value` in an `__init__`, by a statement that stores each of its values once."""

    target: ast.Attribute
    value: ast.expr


def stores_of(cls: Class) -> Iterator[Store]:
    init = cls.constructor
    own = own_name(init) if init is not None else None
    for node in walk(init.node) if init is not None else ():
        for target, value in _assigned(node):
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == own:
                yield Store(target, value)


def _assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Each target with its value, also of `a, b = x, y`."""
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            if len(target.elts) == len(value.elts) and not any(
                isinstance(e, ast.Starred) for e in (*target.elts, *value.elts)
            ):
                yield from zip(target.elts, value.elts, strict=True)
        else:
            yield target, value


_HANDLED = Question[str, bool]("does other code do more with an attribute of that name than call it?")


def handled_from_outside(hierarchy: Hierarchy, attribute: str) -> bool:
    """Whether code sets, reads or changes `model.act` on objects that it holds, or `model.act.p` on what is there."""

    def find() -> bool:
        project = hierarchy.project
        handled = (project.said_by(_HANDLED_IN, path) for path in project.paths_mentioning(attribute))
        receivers = (name for names in handled for name in names.get(attribute, ()))
        return any(name is None or not is_plain(hierarchy, name) for name in receivers)

    return hierarchy.project.answers.found(_HANDLED, attribute, find)


def _handled(file: File) -> Mapping[str, Sequence[str | None]]:
    """A call of it is what everybody does with a module or a function."""
    used = {id(n.func) for n in walk(file.source.tree) if isinstance(n, ast.Call)}
    own = {own_name(method) for cls in file.classes for method in cls.methods.values()}
    receivers = class_of_receiver(file)
    found: dict[str, set[str | None]] = {}
    for node in walk(file.source.tree):
        if isinstance(node, ast.Call):
            for name in _named_in(node):
                found.setdefault(name, set()).add(None)
        if not isinstance(node, ast.Attribute) or None in found.get(node.attr, ()):
            continue
        path = dotted(node)
        on_other = path is None or len(path) > 2 or path[0] not in own
        is_named = file.names.full_name(node) is not None
        if on_other and not is_named and (isinstance(node.ctx, ast.Store) or id(node) not in used):
            found.setdefault(node.attr, set()).add(receivers.get(node))
    return {name: sorted(classes, key=str) for name, classes in found.items()}


_HANDLED_IN = OfFile[Mapping[str, Sequence[str | None]]](
    "which attributes of other objects does the file do more with than call, and of which classes are these objects?",
    find=_handled,
    absent={},
    asks_names=True,
)


def assigns_always(body: list[ast.stmt], attribute: str) -> bool:
    """Whether every way through the statements that goes on behind them assigns to an attribute of that name."""
    return any(isinstance(s, ast.Raise | ast.Return) or _assigns_always(s, attribute) for s in body)


def _assigns_always(statement: ast.stmt, attribute: str) -> bool:
    if isinstance(statement, ast.If):
        return assigns_always(statement.body, attribute) and assigns_always(statement.orelse, attribute)
    if isinstance(statement, ast.With):
        return assigns_always(statement.body, attribute)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    return any(isinstance(n, ast.Attribute) and n.attr == attribute for t in targets for n in walk(t))


def sets_locals(statement: ast.stmt, own: str) -> bool:
    """`set_attributes(self, locals())`: it may set each variable under its name on the object, as a loop may."""
    calls = [n for n in walk(statement) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    names = any(isinstance(n, ast.Name) and n.id == own for n in walk(statement))
    return (
        isinstance(statement, ast.Expr | ast.For)
        and names
        and any(ast.unparse(c) in ("locals()", "vars()") for c in calls)
    )


def keeps_locals(init: Function) -> bool:
    """Whether it hands its variables and the object on; who reads an attribute that is not set gets an error."""
    own = own_name(init)
    return "locals" in init.words and own is not None and any(sets_locals(s, own) for s in init.node.body)


def stored_in(init: Function | None, attribute: str) -> Iterator[ast.expr]:
    """What a constructor stores under the name of an attribute, alone or with others."""
    for node in _assignments(init) if init is not None and attribute in init.words else ():
        if any(isinstance(target, ast.Attribute) and target.attr == attribute for target in node.targets):
            yield node.value


def _assignments(function: Function | None) -> Iterator[ast.Assign]:
    yield from (n for n in (walk(function.node) if function is not None else ()) if isinstance(n, ast.Assign))


def _is_none(comparators: list[ast.expr]) -> bool:
    return all(isinstance(c, ast.Constant) and c.value is None for c in comparators)


def assignments_of(cls: Class, attribute: str) -> Iterator[ast.Assign | ast.AnnAssign]:
    """The statements of a class, in whichever method, that set the attribute, or something in it."""
    for node in walk(cls.node):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(n, ast.Attribute) and n.attr == attribute for t in targets for n in walk(t)):
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            yield node
