"""The loops around a site, what they run over, and which variable counts their turns."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.python.code import FunctionNode
from rewriter.python.trees import Comprehension, children, walk

_ROUNDING = frozenset({"int", "round", "min", "max", "math.floor", "math.ceil"})


@dataclass(frozen=True)
class Loop:
    """A `for`, as a statement or in a comprehension; `iter` is None for anything that turns as long as it likes."""

    target: ast.expr | None
    iter: ast.expr | None
    inside: tuple[ast.AST, ...]
    """What runs at each turn."""
    counter: str | None = None
    """An expression that is another one at each turn, from 0 on, if the loop has one."""
    is_while: bool = False


def loops_around(function: FunctionNode, site: ast.AST) -> list[Loop]:
    """Outermost first."""
    found: list[Loop] = []
    node: ast.AST = function
    while node is not site:
        step = next((c for c in children(node) if _holds(c, site)), None)
        if step is None:
            return found
        found += _entered(function, node, step, site)
        node = step
    return found


def is_another_each_turn(receiver: ast.expr, function: FunctionNode) -> bool:
    """Whether a loop around it takes another one at each turn: `for layer in self.layers`, `self.layers[i]`."""
    for loop in loops_around(function, receiver):
        if isinstance(receiver, ast.Name) and loop.target is not None:
            inside = {*walk(loop.target), *(n for i in loop.inside for n in walk(i))}
            stores = [n for n in inside if isinstance(n, ast.Name) and n.id == receiver.id and not _is_read(n)]
            if len(stores) == 1 and any(n is stores[0] for n in walk(loop.target)):
                return True
        if isinstance(receiver, ast.Subscript) and loop.counter and turns_before(receiver.slice, loop.counter) == 0:
            return True
    return False


def may_repeat(index: ast.expr, function: FunctionNode) -> bool:
    """Whether several turns of a loop may share an index, for what it says: `i // 2`, `i % n`, `int(i / per_group)`.

    So may those of a loop over a list that names one twice, and where the loop chooses: `k = "b" if k == "a" else "a"`.
    """
    if isinstance(index, ast.Name):
        around = loops_around(function, index)
        if any(names_one_twice(loop, index.id) for loop in around):
            return True
        inside = (node for loop in around for inner in loop.inside for node in walk(inner))
        stores = [n for n in inside if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == index.id]
        index = stores[0].value if len({id(store) for store in stores}) == 1 else index
    chooses = isinstance(index, ast.IfExp | ast.BoolOp)
    rounds = (n for n in walk(index) if isinstance(n, ast.Call) and ast.unparse(n.func) in _ROUNDING)
    divides = (n for n in walk(index) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.FloorDiv | ast.Mod))
    return chooses or any(rounds) or any(divides)


def names_one_twice(loop: Loop, target: str) -> bool:
    """`for key in ("a", "b", "a"):`"""
    if (
        not isinstance(loop.target, ast.Name)
        or loop.target.id != target
        or not isinstance(loop.iter, ast.Tuple | ast.List)
    ):
        return False
    written = [ast.unparse(member) for member in loop.iter.elts]
    return len(set(written)) < len(written)


def is_settled(index: ast.expr, function: FunctionNode) -> bool:
    """Whether an index that the code names, `self.acts[kind]`, is the same wherever the function names it."""
    stores = {n.id for n in walk(function) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    plain = all(isinstance(n, ast.Name | ast.Attribute) for n in walk(index))
    return plain and not any(isinstance(n, ast.Name) and n.id in stores for n in walk(index))


def _entered(function: FunctionNode, node: ast.AST, step: ast.AST, site: ast.AST) -> Iterator[Loop]:
    """The loops of `node` that are around its child `step`."""
    if isinstance(node, ast.For) and step in node.body:
        yield _counted(node.target, node.iter, tuple(node.body))
    elif isinstance(node, ast.While | ast.AsyncFor) and step not in node.orelse:
        yield (_counting_while(function, node) if isinstance(node, ast.While) else None) or _uncounted(node)
    elif isinstance(node, Comprehension):
        for generator in node.generators:
            if generator is step:  # the site stands in this one's own header: its conditions run at each turn
                if any(_holds(c, site) for c in generator.ifs):
                    yield _counted(generator.target, generator.iter, (node,))
                return
            yield _counted(generator.target, generator.iter, (node,))


def _holds(node: ast.AST, wanted: ast.AST) -> bool:
    return any(n is wanted for n in walk(node))


def _uncounted(node: ast.While | ast.AsyncFor) -> Loop:
    return Loop(None, None, tuple(node.body))


def _counted(target: ast.expr, over: ast.expr, inside: tuple[ast.AST, ...]) -> Loop:
    return Loop(target, over, inside, _own_counter(target, over, inside))


def _own_counter(target: ast.expr, over: ast.expr, inside: tuple[ast.AST, ...]) -> str | None:
    """What counts the turns already: of `enumerate(xs, start=1)` or `range(n)`."""
    if not isinstance(over, ast.Call) or not isinstance(over.func, ast.Name):
        return None
    name: ast.expr | None = None
    if over.func.id == "enumerate" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
        name, first = target.elts[0], _start_of_enumerate(over)
    elif over.func.id == "range" and not over.keywords:
        name, first = target, _lowest_of_range(over.args)
    if not isinstance(name, ast.Name) or name.id == "_" or first is None:  # `_` is a name that says: not used
        return None
    again = (n for inner in inside for n in walk(inner) if isinstance(n, ast.Name) and n is not name)
    if any(n.id == name.id and not isinstance(n.ctx, ast.Load) for n in again):
        return None
    return _from_zero(name.id, first)


def _from_zero(name: str, first: int) -> str:
    return name if first == 0 else f"{name} {'-' if first > 0 else '+'} {abs(first)}"


def turns_before(index: ast.expr, counter: str) -> int | None:
    """How many turns come before the one that takes the first member by this index; None where turns may share one.

    The counter runs from 0 on, and counts down where it is subtracted: `self.convs[i - 1]`, `self.convs[n - i]`.
    """
    count = ast.parse(counter, mode="eval").body
    variable, zero = (count.left, count.right) if isinstance(count, ast.BinOp) else (count, ast.Constant(0))
    first = (_integer(zero) or 0) * (-1 if isinstance(count, ast.BinOp) and isinstance(count.op, ast.Add) else 1)
    name = ast.unparse(variable)
    if ast.unparse(index) in (name, counter):
        return 0
    back = _integer(index.right) if isinstance(index, ast.BinOp) and isinstance(index.op, ast.Sub) else None
    if back is not None and isinstance(index, ast.BinOp) and ast.unparse(index.left) == name:
        return max(back - first, 0)
    parts = list(walk(index))
    is_linear = all(isinstance(n, ast.Name | ast.Attribute | ast.Constant | ast.BinOp) for n in parts)
    adds = all(isinstance(n.op, ast.Add | ast.Sub) for n in parts if isinstance(n, ast.BinOp))
    once = sum(isinstance(n, ast.Name) and n.id == name for n in parts) == 1
    return 0 if is_linear and adds and once else None


def _start_of_enumerate(call: ast.Call) -> int | None:
    given = [*call.args[1:], *(k.value for k in call.keywords if k.arg == "start")]
    if len(given) != len(call.args) - 1 + len(call.keywords):
        return None
    return _integer(given[0]) if given else 0


def _lowest_of_range(given: list[ast.expr]) -> int | None:
    """The number from which the values of a range go up one by one, or to which they go down."""
    step = _integer(given[2]) if len(given) == 3 else 1
    if len(given) == 1 or step == 1:
        return _integer(given[0]) if len(given) > 1 else 0
    end = _integer(given[1]) if step == -1 else None
    return None if end is None else end + 1


def _integer(node: ast.expr) -> int | None:
    sign = -1 if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else 1
    number = node.operand if isinstance(node, ast.UnaryOp) and sign == -1 else node
    value = number.value if isinstance(number, ast.Constant) else None
    return sign * value if isinstance(value, int) else None


def _counting_while(function: FunctionNode, node: ast.While) -> Loop | None:
    """`i = 0`, and `while i < n:` with `i += 1` in it: as `for i in range(n)`."""
    test = node.test
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    left, right = test.left, test.comparators[0]
    name, end = (left, right) if isinstance(test.ops[0], ast.Lt) else (right, left)
    if not isinstance(test.ops[0], ast.Lt | ast.Gt) or not isinstance(name, ast.Name):
        return None
    stores = [n for n in walk(function) if isinstance(n, ast.Name) and n.id == name.id and not _is_read(n)]
    steps = [s for s in node.body if isinstance(s, ast.AugAssign) and s.target in stores and _adds_one(s)]
    begins = [s for s in walk(function) if isinstance(s, ast.Assign) and s.targets[0] in stores and len(s.targets) == 1]
    first = _integer(begins[0].value) if len(begins) == 1 else None
    if len(stores) != 2 or len(steps) != 1 or first is None:
        return None
    turns = ast.Call(ast.Name("range"), [begins[0].value, end] if first else [end], [])
    return Loop(begins[0].targets[0], turns, tuple(node.body), _from_zero(name.id, first), is_while=True)


def _adds_one(step: ast.AugAssign) -> bool:
    return isinstance(step.op, ast.Add) and _integer(step.value) == 1


def _is_read(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)
