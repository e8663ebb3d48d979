"""Where a function puts an object that it has by name: into containers, into other objects, into attributes."""

from __future__ import annotations

import ast
import enum
from collections.abc import Callable
from dataclasses import dataclass, field

from rewriter.python.code import FunctionNode
from rewriter.python.trees import Comprehension, children, walk

_LOOPS = ast.For | ast.AsyncFor | ast.While | Comprehension
_READING = frozenset({"isinstance", "print", "type", "id", "repr", "str", "hasattr", "getattr", "callable", "bool"})


@dataclass(frozen=True)
class Reads:
    """Whether an expression reads a variable, or an attribute of an object."""

    name: str
    own: str = ""

    def __call__(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            return False
        if isinstance(node, ast.Name):
            return not self.own and node.id == self.name
        of_own = isinstance(node.value, ast.Name) and node.value.id == self.own
        return bool(self.own) and node.attr == self.name and of_own


class _Use(enum.Enum):
    PLACED = enum.auto()
    READ = enum.auto()
    UNCLEAR = enum.auto()


@dataclass
class Placements:
    """What becomes of an object in one function."""

    placed: list[ast.expr] = field(default_factory=list)
    """In source order."""
    multiplied: list[ast.BinOp] = field(default_factory=list)
    """`[object] * n`."""
    clear: bool = True
    """Nothing else is done with the object that could tell one instance from another."""


@dataclass(frozen=True)
class Reader:
    """Reads one function."""

    function: FunctionNode
    is_own_maker: Callable[[ast.Call], bool]
    """Whether a call gives each place an instance of its own already."""
    only_places: Callable[[ast.Call, ast.AST], bool]
    """Whether a call does no more with one of its arguments than to put it somewhere."""
    parents: dict[ast.AST, ast.AST] = field(init=False)

    def __post_init__(self) -> None:
        links = {child: node for node in walk(self.function) for child in children(node)}
        object.__setattr__(self, "parents", links)

    def placements(self, names_it: Callable[[ast.expr], bool]) -> Placements:
        found = Placements()
        for node in self.parents:
            if not isinstance(node, ast.expr) or not names_it(node):
                continue
            use = self._use(node)
            if self._is_deferred(node) or use is _Use.UNCLEAR:
                found.clear = False
            elif use is _Use.PLACED and (repeated := self._multiplied(node)):
                found.multiplied.append(repeated)
            elif use is _Use.PLACED:
                found.placed.append(node)
        found.placed.sort(key=lambda node: (node.lineno, node.col_offset))
        return found

    def _use(self, node: ast.expr, asked: frozenset[str] = frozenset()) -> _Use:
        """`asked` are variables that are being looked into, as in `act = act`."""
        child: ast.AST = node
        while True:
            parent = self.parents[child]
            if (
                (isinstance(parent, ast.IfExp) and child is not parent.test)
                or isinstance(
                    parent, ast.BoolOp | ast.keyword | ast.List | ast.Tuple | ast.Set | ast.Starred | ast.Dict
                )
                or (isinstance(parent, ast.BinOp) and isinstance(child, ast.List | ast.Tuple))
            ):
                child = parent
            else:
                return self._use_in(parent, child, child is node, asked)

    def _use_in(self, parent: ast.AST, child: ast.AST, lone: bool, asked: frozenset[str]) -> _Use:
        if isinstance(parent, ast.Call):
            named = parent.func.id if isinstance(parent.func, ast.Name) else ""
            reads = child is parent.func or named in _READING or self.is_own_maker(parent)
            return _Use.READ if reads else _Use.PLACED if self.only_places(parent, child) else _Use.UNCLEAR
        if isinstance(parent, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
            if not lone or all(isinstance(t, ast.Attribute | ast.Subscript) for t in targets):
                return _Use.PLACED
            return _Use.READ if all(self._is_other_name(target, asked) for target in targets) else _Use.UNCLEAR
        if isinstance(parent, ast.Return | ast.comprehension | ast.ListComp | ast.GeneratorExp | ast.DictComp):
            return _Use.PLACED
        if isinstance(parent, ast.Attribute):
            called = self.parents.get(parent)
            changed = not isinstance(parent.ctx, ast.Load) or (isinstance(called, ast.Call) and called.func is parent)
            return _Use.UNCLEAR if changed else _Use.READ
        if isinstance(parent, ast.Compare):
            values = [c for c in (parent.left, *parent.comparators) if c is not child]
            return _Use.READ if all(isinstance(c, ast.Constant) for c in values) else _Use.UNCLEAR
        return (
            _Use.READ if isinstance(parent, ast.UnaryOp | ast.If | ast.While | ast.IfExp | ast.Expr) else _Use.UNCLEAR
        )

    def unclear(self, names_it: Callable[[ast.expr], bool]) -> ast.expr | None:
        """Where something is done with the object that could tell one instance from another."""
        named = (node for node in self.parents if isinstance(node, ast.expr) and names_it(node))
        return next((node for node in named if self._use(node) is _Use.UNCLEAR), None)

    def _is_other_name(self, target: ast.expr, asked: frozenset[str]) -> bool:
        """A variable that the object has for another name, and that is only called or asked."""
        if not isinstance(target, ast.Name):
            return False
        if target.id in asked:
            return True
        same = [node for node in self.parents if isinstance(node, ast.Name) and node.id == target.id]
        read = [node for node in same if isinstance(node.ctx, ast.Load)]
        return len(read) == len(same) - 1 and all(self._use(node, asked | {target.id}) is _Use.READ for node in read)

    def _multiplied(self, node: ast.expr) -> ast.BinOp | None:
        holder = self.parents[node]
        product = self.parents.get(holder)
        is_product = isinstance(product, ast.BinOp) and isinstance(product.op, ast.Mult)
        return product if isinstance(holder, ast.List) and isinstance(product, ast.BinOp) and is_product else None

    def _is_deferred(self, node: ast.expr) -> bool:
        """Inside a lambda or nested function, which may run at any time."""
        current = self.parents[node]
        while current is not self.function:
            if isinstance(current, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                return True
            current = self.parents[current]
        return False

    def repeats(self, node: ast.expr, since: ast.AST | None) -> bool:
        """Whether a loop that began after the statement `since` runs the node several times."""
        around = set(self._above(since)) if since is not None else set()
        return any(
            isinstance(a, _LOOPS) and a not in around and not self._is_header(a, node) for a in self._above(node)
        )

    def _is_header(self, loop: ast.AST, node: ast.expr) -> bool:
        """What a loop runs over is evaluated once."""
        over = loop.iter if isinstance(loop, ast.For | ast.AsyncFor) else None
        if isinstance(loop, Comprehension):
            over = loop.generators[0].iter
        return over is not None and any(n is node for n in walk(over))

    def exclude_each_other(self, one: ast.expr, other: ast.expr) -> bool:
        """Whether no run comes to both: they stand in different branches."""
        above = {id(a): step for a, step in self._steps(one)}
        for node, step in self._steps(other):
            if id(node) in above:
                branches = {self._branch(node, step), self._branch(node, above[id(node)])}
                return branches == {"body", "orelse"}
        return False

    @staticmethod
    def _branch(node: ast.AST, step: ast.AST) -> str:
        for name in ("body", "orelse") if isinstance(node, ast.If | ast.IfExp) else ():
            part = getattr(node, name)
            if step is part or (isinstance(part, list) and step in part):
                return name
        return ""

    def _steps(self, node: ast.AST) -> list[tuple[ast.AST, ast.AST]]:
        found = []
        while node is not self.function:
            found.append((self.parents[node], node))
            node = self.parents[node]
        return found

    def _above(self, node: ast.AST) -> list[ast.AST]:
        return [parent for parent, _ in self._steps(node)]
