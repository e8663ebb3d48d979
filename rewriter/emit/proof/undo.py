"""Undoes all declared changes of a file and compares what is left with the original."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rewriter.changes.change import numbered_maps, numberings, turns_of
from rewriter.changes.turns import NumberedCall, Turn
from rewriter.emit.proof.calls import undo_calls
from rewriter.emit.proof.owners import (
    Undone,
    undo_given,
    undo_holder,
    undo_lines,
    undo_maps,
    undo_numbers,
)
from rewriter.emit.proof.removed import remove, still_read
from rewriter.emit.proof.sites import Key, MarkOld, key_of
from rewriter.emit.removal import Unused
from rewriter.facts.making.construction import Construction
from rewriter.facts.making.function_owners import Holder
from rewriter.planning.plan import Owner, Plan
from rewriter.python.code import Class
from rewriter.python.given_methods import GivenMethods
from rewriter.python.names import dotted
from rewriter.python.private_names import with_full_names
from rewriter.python.trees import Transformer, children, walk_anew

Node = TypeVar("Node", ast.ClassDef, ast.FunctionDef)


def undoes(
    old_text: str, new_text: str, plans: Iterable[tuple[Owner, Plan]], imports: list[str], unused: list[Unused]
) -> str | None:
    """None where the proof holds, else what does not."""
    old, new = (with_full_names(ast.parse(text), text) for text in (old_text, new_text))
    if name := still_read(old, new, unused):
        return f"`{name}` is still read, and what bound it is gone"
    if not remove(old, unused):
        return "something that is gone did more than bind a name"
    plans = [(owner, plan) for owner, plan in plans if plan.changes or plan.substitutions]
    stored = [s for _, plan in plans for s in plan.substitutions if s.wraps]
    kept, taken = _unwrapped(old, old_text), _unwrapped(new, new_text)
    if taken != kept + len(stored):
        return "a stored value is not put into a module"
    substituted = [s for _, plan in plans for s in plan.substitutions if not s.wraps and s.number is None]
    if found := [s for s in substituted if not s.is_code]:
        _name_twins(old, {key_of(s.node): s.target for s in found})
        _name_twins(new, {})
    if replaced := {key_of(s.node): s.target for s in substituted if s.is_code}:
        _Replace(replaced).visit(old)
    changes = [named for _, plan in plans for named in plan.changes]
    loops = _loop_keys(old)
    defined = tuple([(d.name, d.lineno) for d in found(old)] for found in (_classes, _functions, _givers))
    for node in _classes(old):
        _forget_object(node, {o.node.lineno for o, p in plans if _becomes_module(p)})
    try:
        _forget_lines(old, {key_of(n.change.instead) for n in changes if n.change.instead is not None})
    except Undone as problem:
        return str(problem)
    marked = MarkOld({key_of(named.change.site.node): named for named in changes})
    marked.visit(old)
    if len(marked.found) != len(changes):
        return "a declared site is missing from the original"
    try:
        _undo_owners(defined, new, plans)
        _stop_counting(new, loops, {key_of(t.target): t for t in turns_of(changes) if t.added})
    except Undone as problem:
        return str(problem)
    _remove_imports(new, imports)
    if ast.dump(old) != ast.dump(new):
        return "undoing the declared edits does not give the original's syntax tree"
    return None


def _undo_owners(defined: tuple[list[tuple[str, int]], ...], new: ast.Module, plans: list[tuple[Owner, Plan]]) -> None:
    """Takes the declared lines out and turns the declared calls back, one class or function after the other."""
    holders = {n.change.place.name for _, p in plans for n in p.changes if isinstance(n.change.place, Holder)}
    classes = _paired(defined[0], [c for c in _classes(new) if c.name not in holders], "classes")
    functions = _paired(defined[1], _functions(new), "functions")
    givers = _paired(defined[2], _givers(new), "functions that give methods to classes")
    for owner, plan in plans:
        if told := [s.number for s in plan.substitutions if s.number is not None]:
            _undo_told(classes[owner.node.lineno], told)
        if not plan.changes:
            continue
        place = plan.changes[0].change.place
        if isinstance(owner, GivenMethods):
            scope: ast.AST = givers[owner.node.lineno]
        elif isinstance(owner, Class):
            scope = classes[owner.node.lineno]
        elif owner.is_free:
            scope = functions[owner.node.lineno]
        else:
            assert owner.owner is not None
            scope = _method(classes[owner.owner.node.lineno], owner.node.name)
        if isinstance(place, Holder):
            assert isinstance(scope, ast.FunctionDef)
            makers = undo_holder(new, scope, place, plan.changes)
        elif isinstance(owner, GivenMethods):
            makers = undo_given(givers[owner.node.lineno], place, plan.changes)
        else:
            makers = undo_lines(classes[place.cls.node.lineno], place, plan.changes)
            for beside in place.beside:
                again = undo_lines(classes[beside.cls.node.lineno], beside, plan.changes)
                if [ast.dump(again[name]) for name in makers] != [ast.dump(made) for made in makers.values()]:
                    raise Undone(f"{beside.cls.node.name} does not make what {place.cls.node.name} makes")
        undo_numbers(scope, numberings(plan.changes))
        undo_maps(scope, numbered_maps(plan.changes))
        undo_calls(scope, plan.changes, makers)


def _undo_told(scope: ast.AST, told: list[NumberedCall]) -> None:
    """Takes the numbers from calls of methods that classes above have."""
    wanted = Counter((call.method, call.number) for call in told)
    for call in [node for node in walk_anew(scope) if isinstance(node, ast.Call)]:
        func = call.func
        if not isinstance(func, ast.Call) or not ast.unparse(func.func).endswith("modules.nth") or len(func.args) != 2:
            continue
        method, number = func.args
        found = method.attr if isinstance(method, ast.Attribute) else "", ast.unparse(number)
        if wanted[found] > 0:
            wanted[found] -= 1
            call.func = method
    if wanted.total():
        raise Undone("a method of a class above is not told which call it is as declared")


def _classes(tree: ast.Module) -> list[ast.ClassDef]:
    return [n for n in walk_anew(tree) if isinstance(n, ast.ClassDef)]


def _functions(tree: ast.Module) -> list[ast.FunctionDef]:
    static = {"staticmethod", "classmethod"}
    return [
        node
        for node in walk_anew(tree)
        if isinstance(node, ast.FunctionDef)
        and (node in tree.body or any(ast.unparse(d) in static for d in node.decorator_list))
    ]


def _givers(tree: ast.Module) -> list[ast.FunctionDef]:
    """The functions that put a forward into a class: `cls.forward = forward`."""
    functions = [node for node in walk_anew(tree) if isinstance(node, ast.FunctionDef)]
    return [f for f in functions if any(_puts_forward(s) for s in f.body)]


def _puts_forward(statement: ast.stmt) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return any(isinstance(target, ast.Attribute) and target.attr == "forward" for target in targets)


def _method(cls: ast.ClassDef, name: str) -> ast.FunctionDef:
    found = [s for s in cls.body if isinstance(s, ast.FunctionDef) and s.name == name]
    if len(found) != 1:
        raise Undone(f"{cls.name}.{name} is not what it was")
    return found[0]


def _paired(old: list[tuple[str, int]], new: list[Node], what: str) -> dict[int, Node]:
    """Old line -> the new tree's node."""
    if [name for name, _ in old] != [n.name for n in new]:
        raise Undone(f"the file's {what} are not what they were")
    return {line: after for (_, line), after in zip(old, new, strict=True)}


def _becomes_module(plan: Plan) -> bool:
    place = plan.changes[0].change.place if plan.changes else None
    return isinstance(place, Construction) and place.becomes_module


def _forget_object(node: ast.ClassDef, lines: set[int]) -> None:
    """`class A(object)` says no more than `class A`."""
    if node.lineno in lines:
        node.bases = [base for base in node.bases if ast.unparse(base) != "object"]


def _forget_lines(tree: ast.Module, lines: set[Key]) -> None:
    """Takes out the assignments in whose place others stand now; what they made took no arguments."""
    for node in walk_anew(tree) if lines else ():
        body = getattr(node, "body", None)
        for statement in list(body) if isinstance(body, list) else ():
            if isinstance(statement, ast.Assign) and key_of(statement) in lines:
                made = statement.value
                if not isinstance(made, ast.Call) or made.args or made.keywords:
                    raise Undone(f"`{ast.unparse(statement)}` does more than make a module")
                body.remove(statement)  # type: ignore[union-attr]


_WRAPPING = ("as_module", "own", "Whole")


def _unwrapped(tree: ast.Module, text: str) -> int:
    """How often the tree, which is that of the text, wrapped something until now."""
    unwrap = _Unwrap()
    if any(name in text for name in _WRAPPING):
        unwrap.visit(tree)
    return unwrap.found


class _Unwrap(Transformer):
    """`runtime.modules.as_module(x)` -> `x`, and so for the others."""

    found = 0

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        wraps = isinstance(node.func, ast.Attribute) and node.func.attr in _WRAPPING
        if wraps and len(node.args) == 1 and not node.keywords:
            self.found += 1
            return node.args[0]
        return node


class _Replace(Transformer):
    """Puts other expressions in the place of some."""

    def __init__(self, replaced: dict[Key, str]) -> None:
        self.replaced = replaced

    def visit(self, node: ast.AST) -> ast.AST:
        code = self.replaced.get(key_of(node)) if isinstance(node, ast.expr) else None
        return self.generic_visit(node) if code is None else ast.parse(code, mode="eval").body


def _name_twins(tree: ast.Module, substituted: dict[Key, str]) -> None:
    """Gives each substituted class, and each twin that is called, one common name."""
    for node in walk_anew(tree):
        if isinstance(node, ast.Call):
            target = substituted.get(key_of(node.func), "")
            written = ".".join(dotted(node.func) or ())
            name = (target or written).rpartition(".")[2]
            if target or ("modules." in written and name[:1].isupper()):  # `runtime.modules.nth` makes nothing
                node.func = ast.copy_location(ast.Name(name, ast.Load()), node.func)


Loop = ast.For | ast.comprehension


def _loops(node: ast.AST) -> Iterator[Loop]:
    """In source order, which a call around what a loop runs over leaves alone."""
    for child in children(node):
        if isinstance(child, Loop):
            yield child
        yield from _loops(child)


def _loop_keys(tree: ast.Module) -> list[Key]:
    return [key_of(loop.target) for loop in _loops(tree)]


def _stop_counting(new: ast.Module, loops: list[Key], counted: dict[Key, Turn]) -> None:
    """Turns `for i, x in enumerate(xs)` back where the counter was added."""
    found = list(_loops(new))
    if len(found) != len(loops):
        raise Undone("the file's loops are not what they were")
    for key, loop in zip(loops, found, strict=True):
        turn = counted.get(key)
        if turn is not None and turn.unread:
            if ast.unparse(loop.target) != turn.index or _reads(new, ast.unparse(turn.target)):
                raise Undone(f"the counter of `{ast.unparse(turn.iter)}` is not `{turn.index}` alone")
            loop.target = turn.target
        elif turn is not None:
            target, call = loop.target, loop.iter
            counts = isinstance(call, ast.Call) and ast.unparse(call.func) == "enumerate" and len(call.args) == 1
            named = isinstance(target, ast.Tuple) and ast.unparse(target.elts[0]) == turn.index
            if not (counts and named and isinstance(target, ast.Tuple) and isinstance(call, ast.Call)):
                raise Undone(f"the loop over `{ast.unparse(turn.iter)}` does not count in `{turn.index}`")
            loop.target, loop.iter = target.elts[1], call.args[0]


def _reads(tree: ast.Module, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load) for n in walk_anew(tree))


def _remove_imports(tree: ast.Module, imports: list[str]) -> None:
    for text in imports:
        wanted = ast.dump(ast.parse(text).body[0])
        for statement in list(tree.body):
            if isinstance(statement, ast.Import | ast.ImportFrom) and ast.dump(statement) == wanted:
                tree.body.remove(statement)
                break
