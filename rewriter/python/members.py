"""Members of lists of modules that a loop takes one by one: `for layer in self.layers`, `self.layers[i]`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace

from rewriter.python.code import FunctionNode
from rewriter.python.loops import is_another_each_turn, loops_around, names_one_twice
from rewriter.python.trees import walk

IsOwn = Callable[[ast.expr], bool]
_PASSING_ON = frozenset({"list", "tuple", "iter", "reversed"})


@dataclass(frozen=True)
class ListMember:
    """What an expression comes to in a loop that takes another member of `self.<attribute>` at each turn."""

    attribute: str
    index: str = ""
    """The variable that chooses it, where it is indexed; else the loop binds it."""
    part: str = ""
    """What says which members the index comes to, where these may be some of them only."""
    inner: int | None = None
    """Its place in the member, where that is a list itself: `for attention, mlp in self.layers`."""
    in_order: bool = True
    """The loop takes the members of a list from the first on."""

    @property
    def path(self) -> str:
        """Two with one path are the same modules."""
        return f".{self.attribute}[{self.part or '*'}]" + ("" if self.inner is None else f"[{self.inner}]")


def member_of(node: ast.expr, function: FunctionNode, is_own: IsOwn) -> ListMember | None:
    """The member that is named, by a loop's variable or an index that a loop counts."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name):
        member, index = _all(node.value, is_own), node.slice.id
        loops = [
            loop for loop in loops_around(function, node) if loop.target is not None and _binds(loop.target, index)
        ]
        if member is None or not loops or names_one_twice(loops[-1], index):
            return None
        over = ast.unparse(loops[-1].iter) if loops[-1].iter is not None else ""
        return replace(member, index=index, part="" if loops[-1].counter == index and "," not in over else over)
    if not isinstance(node, ast.Name) or not is_another_each_turn(node, function):
        return None
    for loop in reversed(loops_around(function, node)):
        if loop.target is not None and loop.iter is not None and _binds(loop.target, node.id):
            return _taken(loop.target, loop.iter, node.id, is_own)
    return None


def loops_beside(node: ast.expr, function: FunctionNode) -> list[bool]:
    """For each loop around a member that is named so, outermost first, whether it runs the same ones at each turn.

    `for i in range(2): for layer in self.layers[i * 3 : i * 3 + 3]:` takes others.
    """
    chosen = node.slice if isinstance(node, ast.Subscript) else node
    read, beside = _names(chosen), list[bool]()
    for loop in reversed(loops_around(function, node)):
        bound = _names(loop.target) if loop.target is not None else set()
        set_inside = {n.id for part in loop.inside for n in walk(part) if isinstance(n, ast.Name) and _is_set(n)}
        takes = bool(read & (bound | set_inside))
        if takes and loop.iter is not None:
            read = (read - bound) | _names(loop.iter)
        beside.insert(0, not takes)
    return beside


def _taken(target: ast.expr, over: ast.expr, name: str, is_own: IsOwn) -> ListMember | None:
    """What a loop over an expression binds under the name."""
    if isinstance(over, ast.Call) and isinstance(over.func, ast.Name):
        return _of_function(over.func.id, target, over, name, is_own)
    if isinstance(over, ast.Call) and isinstance(over.func, ast.Attribute) and not over.args:
        return _of_method(target, over.func, name, is_own)
    member = _all(over, is_own)
    if member is None or isinstance(target, ast.Name):
        return member
    places = [i for i, e in enumerate(target.elts) if _binds(e, name)] if isinstance(target, ast.Tuple) else []
    is_flat = len(places) == 1 and isinstance(target, ast.Tuple) and isinstance(target.elts[places[0]], ast.Name)
    return replace(member, inner=places[0]) if is_flat else None


def _of_function(called: str, target: ast.expr, over: ast.Call, name: str, is_own: IsOwn) -> ListMember | None:
    if called in _PASSING_ON and len(over.args) == 1:
        member = _taken(target, over.args[0], name, is_own)
        return replace(member, in_order=False) if member is not None and called == "reversed" else member
    pair = target.elts if isinstance(target, ast.Tuple) else []
    if called == "enumerate" and len(pair) == 2 and over.args:
        return _taken(pair[1], over.args[0], name, is_own)
    if called == "zip" and len(pair) == len(over.args):
        found = [(t, a) for t, a in zip(pair, over.args, strict=True) if _binds(t, name)]
        return _taken(*found[0], name, is_own) if len(found) == 1 else None
    return None


def _of_method(target: ast.expr, func: ast.Attribute, name: str, is_own: IsOwn) -> ListMember | None:
    """`for key, layer in self.layers.items()`: the members of a dict have no numbers."""
    if func.attr == "items" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
        member = _taken(target.elts[1], func.value, name, is_own)
    else:
        member = _taken(target, func.value, name, is_own) if func.attr in ("values", "children") else None
    return None if member is None else replace(member, in_order=False)


def _all(node: ast.expr, is_own: IsOwn) -> ListMember | None:
    """All members of `self.layers`, or some in a row: `self.layers[a:b]`."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        member = _all(node.value, is_own)
        return None if member is None else replace(member, part=ast.unparse(node.slice), in_order=False)
    return ListMember(node.attr) if isinstance(node, ast.Attribute) and is_own(node.value) else None


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in walk(node) if isinstance(n, ast.Name)}


def _is_set(name: ast.Name) -> bool:
    return not isinstance(name.ctx, ast.Load)


def _binds(target: ast.expr, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in walk(target))
