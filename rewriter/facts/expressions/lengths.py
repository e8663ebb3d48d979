"""How long what a loop runs over is, said by an expression that `__init__` can evaluate.

Most of what a forward loops over is as long as something that the object holds: a list of modules, a number, or a list
of tensors that another loop made. The expression may be longer than what it stands for, never shorter.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from rewriter.facts.expressions.numbers import Numbers, binds
from rewriter.facts.expressions.scopes import Scope, position_of
from rewriter.facts.expressions.written import (
    agreed,
    all_known,
    if_there,
    is_range,
    or_one,
    parts_of,
    range_to,
    sum_of,
    with_parts,
)
from rewriter.python.loops import loops_around, turns_before
from rewriter.python.trees import walk
from rewriter.values.base import Value
from rewriter.values.modules import ProjectModule
from rewriter.values.sequence import Sequence

_SAME_LENGTH = ("enumerate", "reversed", "list", "tuple", "iter", "sorted", "set", "filter")
_VIEWS = frozenset({"items", "values", "keys", "children", "named_children"})
_CHUNKING = frozenset({"torch.chunk", "torch.tensor_split"})
_ADDING_ONE = frozenset({"append", "insert"})


@dataclass(eq=False)
class Lengths(Numbers):
    """Answers for the methods of one class."""

    followed: set[ast.Name] = field(default_factory=set)
    """The names that are being found out, each on the way to the one before it."""

    def over(self, node: ast.expr, scope: Scope) -> ast.expr | None:
        """An expression whose length is how often a loop over `node` turns, or a little more."""
        found = self._members(node, scope)
        return found if found is not None and self._can_be_read(found, scope) else None

    def indexed(self, counter: str, inside: tuple[ast.AST, ...], scope: Scope) -> ast.expr | None:
        """As long as a list of the object from which each turn takes another member: `self.convs[i](x)`."""
        for node in (n for part in inside for n in walk(part) if isinstance(n, ast.Subscript)):
            path = self.paths.path(node.value, scope) if isinstance(node.value, ast.Attribute) else None
            late = turns_before(node.slice, counter) if path is not None and not path.grows else None
            members = self.over(node.value, scope) or self._annotated(node.value, scope) if late is not None else None
            if members is not None and late is not None:
                return sum_of([late, members])
        return None

    def _annotated(self, node: ast.expr, scope: Scope) -> ast.expr | None:
        """`self.sizes`, which is annotated as a list, and indexed: it is not an iterator that would run out."""
        path = self.paths.path(node, scope)
        is_list = path is not None and path.always and path.value.is_only(Sequence) and bool(path.value.held)
        is_read = path is not None and is_list and not path.grows and self._can_be_read(path.node, scope)
        return path.node if path is not None and is_read else None

    def whole(self, node: ast.expr, scope: Scope) -> ast.expr | None:
        """`node` itself for `__init__`."""
        found = self._same(node, scope)
        return found if found is not None and self._can_be_read(found, scope) else None

    def _can_be_read(self, found: ast.expr, scope: Scope) -> bool:
        """No name in it means something else in `__init__`."""
        hidden = self.place.init.locals - {self.place.self_name} if self.place.init is not None else set()
        return not any(isinstance(n, ast.Name) and n.id in hidden - scope.bound for n in walk(found))

    def members(self, node: ast.expr, scope: Scope, exact: bool) -> ast.expr | None:
        return self._same(node, scope) if exact else self._members(node, scope)

    # As long as it

    def _members(self, node: ast.expr, scope: Scope) -> ast.expr | None:
        kind = _KINDS.get(type(node))
        return None if kind is None else kind(self, node, scope)

    def _of_path(self, node: ast.expr, scope: Scope) -> ast.expr | None:
        if isinstance(node, ast.Attribute) and self._holds_children(node, scope):
            return self._members(node.value, scope)
        path = self.paths.path(node, scope)
        if path is None or not self.paths.is_container(path):
            return None
        self.filled_by |= path.filled_by
        if scope.is_own(node):
            return or_one(path.node)
        return path.node if path.always else if_there(path.node)

    def _holds_children(self, node: ast.Attribute, scope: Scope) -> bool:
        own = scope.cls if scope.is_own(node.value) else None
        return self.knowledge.hierarchy.holds_children(own, node.attr)

    def _of_name(self, node: ast.Name, scope: Scope) -> ast.expr | None:
        if node in self.followed:
            return None  # `a += b` and `b += a`: each is as long as the other
        self.followed.add(node)
        try:
            return self._of_variable(node, scope)
        finally:
            self.followed.remove(node)

    def _of_variable(self, node: ast.Name, scope: Scope) -> ast.expr | None:
        if (given := scope.gives(node)) is not None:
            return self._members(*given)
        if node.id in scope.bound or scope.is_own(node):
            return self._of_path(node, scope)
        if (definition := scope.definition(node)) is None:
            received = scope.received(node)
            return self._members(*received) if received is not None else None
        value, position = definition
        if position is None:
            return self._of_filled(node, value, scope)
        while isinstance(value, ast.Call) and (found := self._returned(value, scope)) is not None:
            value, scope = found
        is_there = isinstance(value, ast.Tuple) and position < len(value.elts)
        return self._members(value.elts[position], scope) if is_there and isinstance(value, ast.Tuple) else None

    def _of_filled(self, name: ast.Name, value: ast.expr, scope: Scope) -> ast.expr | None:
        """A local list: what it is made as, and what is put in behind that."""
        function, store = scope.function.node, scope.store_before(name)
        assert store is not None
        start, end = scope.lasts(store)
        outer = len(loops_around(function, scope.statement(store) or store))
        parts = [self._part(value, scope)]
        for node in walk(function):
            added = added_to(node, name.id)
            if added is not None and start <= position_of(node) < end:  # type: ignore[arg-type]
                part = 1 if isinstance(added, int) else self._part(added, scope)
                parts.append(self._repeated(node, part, outer, scope))
        return sum_of(parts)

    def _part(self, node: ast.expr, scope: Scope) -> ast.expr | int | None:
        if isinstance(node, ast.List | ast.Tuple) and not any(isinstance(e, ast.Starred) for e in node.elts):
            return len(node.elts)
        return self._members(node, scope)

    def _repeated(self, node: ast.AST, part: ast.expr | int | None, outer: int, scope: Scope) -> ast.expr | int | None:
        """What is put in by a statement that may stand in a loop."""
        loops = loops_around(scope.function.node, node)[outer:]
        if not loops or part == 0:
            return part
        over = loops[0].iter
        return self._members(over, scope) if len(loops) == 1 and part == 1 and over is not None else None

    def _of_display(self, node: ast.List | ast.Tuple, scope: Scope) -> ast.expr | None:
        return sum_of([self._part(e.value, scope) if isinstance(e, ast.Starred) else 1 for e in node.elts])

    def _of_comprehension(self, node: ast.ListComp | ast.GeneratorExp, scope: Scope) -> ast.expr | None:
        return self._members(node.generators[0].iter, scope) if len(node.generators) == 1 else None

    def _of_operator(self, node: ast.BinOp, scope: Scope) -> ast.expr | None:
        if isinstance(node.op, ast.Add):
            return sum_of([self._part(node.left, scope), self._part(node.right, scope)])
        lists = [n for n in (node.left, node.right) if isinstance(n, ast.List) and len(n.elts) == 1]
        if isinstance(node.op, ast.Mult) and len(lists) == 1:
            times = self.number(node.right if lists[0] is node.left else node.left, scope)
            return None if times is None else range_to(times)
        return None

    def _of_choice(self, node: ast.IfExp, scope: Scope) -> ast.expr | None:
        return agreed([self._members(node.body, scope), self._members(node.orelse, scope)])

    def _of_subscript(self, node: ast.Subscript, scope: Scope) -> ast.expr | None:
        if not isinstance(node.slice, ast.Slice):
            return self._of_path(node, scope)
        whole = self._members(node.value, scope)
        parts = {part: self.number(part, scope, part is not node.slice.upper) for part in parts_of(node.slice)}
        path = self.paths.path(node.value, scope)
        makes_object = path is not None and isinstance(path.value, ProjectModule)
        if whole is None or isinstance(whole, ast.BoolOp) or makes_object or not all(parts.values()):
            return whole  # a part is no longer
        if isinstance(node.value, ast.Call) and not is_range(whole):
            whole = ast.Call(ast.Name("list"), [whole], [])
        return ast.Subscript(whole, with_parts(node.slice, parts), ast.Load())

    def _of_call(self, node: ast.Call, scope: Scope) -> ast.expr | None:
        func, given = node.func, node.args
        if isinstance(func, ast.Attribute) and func.attr in _VIEWS and not given:
            return self._members(func.value, scope)
        if scope.is_builtin(func, *_SAME_LENGTH) and given:
            return self._members(given[1 if scope.is_builtin(func, "filter") else 0], scope)
        if scope.is_builtin(func, "zip", "map"):  # the shortest decides, so any that can be counted is long enough
            given = given[1:] if scope.is_builtin(func, "map") else given
            return next((c for c in (self._members(a, scope) for a in given) if c is not None), None)
        if scope.is_builtin(func, "range"):
            return self._range(node, scope)
        if (chunks := _chunks(node, scope)) is not None:
            number = self.number(chunks, scope)
            return None if number is None else range_to(number)
        return agreed([self._members(*found) for found in scope.results(node, self._receiver(node, scope))])

    def _returned(self, node: ast.Call, scope: Scope) -> tuple[ast.expr, Scope] | None:
        return scope.returned(node, self._receiver(node, scope))

    def _receiver(self, node: ast.Call, scope: Scope) -> tuple[ast.expr, Value] | None:
        """The object that is called, or whose method is."""
        func = node.func
        holder = func.value if isinstance(func, ast.Attribute) else func
        path = self.paths.path(holder, scope)
        is_method = isinstance(func, ast.Attribute) and path is not None and isinstance(path.value, ProjectModule)
        if is_method and path is not None and isinstance(func, ast.Attribute):
            assert isinstance(path.value, ProjectModule)
            if self.knowledge.hierarchy.lineage(path.value.cls).method(func.attr) is None:
                path = self.paths.path(func, scope)
        return (path.node, path.value) if path is not None else None

    def _range(self, node: ast.Call, scope: Scope) -> ast.expr | None:
        """The start may be too small and the end too large, and the other way round where it counts down."""
        down = len(node.args) == 3 and isinstance(node.args[2], ast.UnaryOp)
        loose = [True] if len(node.args) == 1 else [down, not down, False]
        numbers = [self.number(a, scope, exact=not free) for a, free in zip(node.args, loose, strict=False)]
        return ast.Call(ast.Name("range"), known, []) if (known := all_known(numbers)) else None

    # The same

    def _same(self, node: ast.expr, scope: Scope) -> ast.expr | None:
        if isinstance(node, ast.Call) and not node.keywords:
            func = node.func
            if isinstance(func, ast.Attribute) and func.attr in _VIEWS and not node.args:
                base = self._same(func.value, scope)
                return None if base is None else ast.Call(ast.Attribute(base, func.attr, ast.Load()), [], [])
            if scope.is_builtin(func, "range", "zip", *_SAME_LENGTH):
                given = [self._same(a, scope) or self.number(a, scope, exact=True) for a in node.args]
                return ast.Call(func, known, []) if (known := all_known(given)) is not None else None
            return None
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            base = self._same(node.value, scope)
            parts = {part: self.number(part, scope, exact=True) for part in parts_of(node.slice)}
            if base is None or not all(parts.values()):
                return None
            return ast.Subscript(base, with_parts(node.slice, parts), ast.Load())
        if isinstance(node, ast.Attribute) and self._holds_children(node, scope):
            base = self._same(node.value, scope)
            return None if base is None else ast.Attribute(base, node.attr, ast.Load())
        if isinstance(node, ast.Name) and (source := scope.gives(node)) is not None:
            return self._same(*source)
        path = self.paths.path(node, scope)
        return path.node if path is not None and path.always and self.paths.is_container(path) else None


_KINDS: dict[type[ast.expr], Callable[..., ast.expr | None]] = {
    ast.Attribute: Lengths._of_path, ast.BinOp: Lengths._of_operator, ast.Call: Lengths._of_call,
    ast.GeneratorExp: Lengths._of_comprehension, ast.IfExp: Lengths._of_choice, ast.List: Lengths._of_display,
    ast.ListComp: Lengths._of_comprehension, ast.Name: Lengths._of_name, ast.Subscript: Lengths._of_subscript,
    ast.Tuple: Lengths._of_display,
}  # fmt: skip


def added_to(node: ast.AST, name: str) -> ast.expr | int | None:
    """What a node puts into a local list: one member, or all of another list."""
    if isinstance(node, ast.AugAssign) and binds([node.target], name):
        return node.value
    func = node.func if isinstance(node, ast.Call) else None
    if not isinstance(node, ast.Call) or not isinstance(func, ast.Attribute) or not binds([func.value], name):
        return None
    return 1 if func.attr in _ADDING_ONE else node.args[0] if func.attr == "extend" and node.args else None


def _chunks(node: ast.Call, scope: Scope) -> ast.expr | None:
    """The number in `torch.chunk(x, n, dim=1)` and `x.chunk(n)`."""
    func = node.func
    named = scope.function.global_name(func) in _CHUNKING
    is_method = isinstance(func, ast.Attribute) and func.attr == "chunk" and not named
    position = 1 if named else 0
    if not named and not is_method:
        return None
    keyword = next((k.value for k in node.keywords if k.arg == "chunks"), None)
    return node.args[position] if len(node.args) > position else keyword
