"""What becomes of the places of one module: each is given an instance, or it is said why they go on sharing it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from rewriter.changes.change import Substitution
from rewriter.facts.instances.met_once import who_meets_once
from rewriter.facts.instances.storing_nothing import made_class
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.written import alternatives, attributes_made, member_of_product
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import CONTAINERS, is_init_call, own_name
from rewriter.python.placements import Reader
from rewriter.python.trees import Comprehension, walk
from rewriter.results import Refusal, Safety
from rewriter.rules.constants import is_repeatable
from rewriter.rules.refusals import advice_for

_OWN = "runtime.modules.own"
_PUTTING = frozenset({"add_module", "register_module", "append", "insert"})
"""Methods of modules that hold others."""
_HOLDING = ast.List | ast.Tuple | ast.Starred | ast.keyword | ast.IfExp | ast.BinOp | Comprehension


def written_out(product: ast.BinOp, function: Function) -> str | None:
    """`[nn.ReLU() for _ in range(3)]` for `[nn.ReLU()] * 3`; None where that would be something else."""
    member, is_hidden = member_of_product(product), "range" in function.file.names.bindings.keys() | function.locals
    if member is None or is_hidden or not is_repeatable(member, function.node):
        return None
    times = product.right if isinstance(product.left, ast.List) else product.left
    source = function.file.source
    return f"[{source.segment(member)} for _ in range({source.segment(times)})]"


@dataclass(frozen=True)
class Places:
    code: str
    function: Function
    knowledge: Knowledge
    reader: Reader

    def later(self, placed: list[ast.expr], statement: ast.stmt | None) -> list[tuple[ast.expr, bool]]:
        """The places that hold the object beside another one, each with whether a loop runs it several times."""
        found = []
        for index, node in enumerate(placed):
            repeats = self.reader.repeats(node, statement)
            if repeats or not all(self.reader.exclude_each_other(node, earlier) for earlier in placed[:index]):
                found.append((node, repeats))
        return found

    def is_held(self, node: ast.expr) -> bool:
        """Whether a module takes the object in: one that is made is given it, alone or in a list, or it is put in."""
        if self.is_kept(node):
            return True
        holder = self._holder(node)
        if holder is None:
            return False
        puts = isinstance(holder.func, ast.Attribute) and holder.func.attr in _PUTTING
        return puts or made_class(self.knowledge, holder, self.function.name_inside) is not None

    def is_kept(self, node: ast.expr) -> bool:
        """Whether it becomes an attribute of the object: `self.right = encoder`."""
        parent, own = self.reader.parents[node], own_name(self.function)
        targets = parent.targets if isinstance(parent, ast.Assign) and parent.value is node else []
        held = [t.value for t in targets if isinstance(t, ast.Attribute)]
        return any(isinstance(holder, ast.Name) and holder.id == own for holder in held)

    def is_contained(self, node: ast.expr) -> bool:
        """Whether one of torch's containers takes the object in, so that it is a module, whatever its class."""
        holder = self._holder(node)
        if holder is None or made_class(self.knowledge, holder, self.function.name_inside) in CONTAINERS:
            return holder is not None
        func, own = holder.func, own_name(self.function)
        if not isinstance(func, ast.Attribute) or func.attr not in _PUTTING or own is None:
            return False
        statements = [s for s in walk(self.function.node) if isinstance(s, ast.stmt)]
        made = [s.value for name, s in attributes_made(statements, own) if ast.unparse(func.value) == f"{own}.{name}"]
        classes = [made_class(self.knowledge, value, self.function.name_inside) for value in made]
        return bool(classes) and all(cls in CONTAINERS for cls in classes)

    def _holder(self, node: ast.expr) -> ast.Call | None:
        """The call that is given the object, alone or in a list."""
        parent = self.reader.parents[node]
        while isinstance(parent, _HOLDING):
            parent = self.reader.parents[parent]
        return parent if isinstance(parent, ast.Call) else None

    def gated(self, found: Iterable[Substitution | Refusal], cls: Class | None) -> Iterator[Substitution | Refusal]:
        """What was found; where other code takes several places for one, it is not safe to part them."""
        for one in found:
            walker = self._who_meets_once(one.node, cls) if isinstance(one, Substitution) else None
            if walker is None or isinstance(one, Refusal):
                yield one
            else:
                why = f"{walker} may go over the children of what holds it, and meets one instance once"
                yield replace(one, safety=Safety.UNSAFE, why_unsafe=why)

    def _who_meets_once(self, node: ast.expr, cls: Class | None) -> str | None:
        if not self._may_stand_beside(node):
            return None
        return who_meets_once(self.knowledge, self.function, cls, self._becomes_attribute(node))

    def _may_stand_beside(self, node: ast.expr) -> bool:
        """Whether the object that takes the module in may have it as another of its children as well."""
        said, holder = ast.unparse(node), self._holder(node)
        if isinstance(node, ast.BinOp):  # `[act] * 3`
            return True
        if holder is not None and self._makes_module(holder):
            return self._times(said, holder) > 1 or self.reader.repeats(node, holder)
        init = self.function if self.function.is_constructor else None
        kept = [(ast.unparse(target), value) for target, value in self._attributes()]
        if said in {target for target, _ in kept}:
            return True
        once = [ast.unparse(value) for _, value in kept].count(said) == 1 if self._becomes_attribute(node) else False
        once = once or (init is not None and self._times(said, init.node) == 1)
        return not once or self.reader.repeats(node, None)

    def _becomes_attribute(self, node: ast.expr) -> bool:
        """Whether it, or one of what it chooses from, becomes an attribute of the object."""
        return any(value is node for _, value in self._attributes())

    def _makes_module(self, call: ast.Call) -> bool:
        return is_init_call(call) or made_class(self.knowledge, call, self.function.name_inside) is not None

    @staticmethod
    def _times(said: str, inside: ast.AST) -> int:
        reads = (n for n in walk(inside) if isinstance(n, ast.Name | ast.Attribute) and isinstance(n.ctx, ast.Load))
        return sum(ast.unparse(n) == said for n in reads)

    def _attributes(self) -> Iterator[tuple[ast.Attribute, ast.expr]]:
        """The attributes that the function sets, with what they may be."""
        own = own_name(self.function)
        statements = (node for node in walk(self.function.node) if isinstance(node, ast.Assign))
        for node in statements:
            for target in node.targets:
                if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == own:
                    yield from ((target, value) for value in alternatives(node.value))

    def own(self, node: ast.expr) -> Substitution:
        message = f"`{ast.unparse(node)}`, which is placed several times, is given an instance for this place"
        return Substitution(self.code, self.function, node, _OWN, message, wraps=True)

    def made_again(self, node: ast.expr, expression: ast.expr) -> Substitution:
        code = ast.unparse(expression) if expression.lineno != expression.end_lineno else self._text(expression)
        message = f"`{ast.unparse(node)}`, which is placed several times, is made again as `{code}`"
        return Substitution(self.code, self.function, node, code, message, is_code=True)

    def repeated(self, node: ast.BinOp, code: str) -> Substitution:
        message = f"`{ast.unparse(node)}`, one instance many times, becomes `{code}`"
        return Substitution(self.code, self.function, node, code, message, is_code=True)

    def _text(self, node: ast.expr) -> str:
        return self.function.file.source.segment(node)

    def stays(self, node: ast.expr, made: str | Class | ast.expr) -> Refusal:
        if isinstance(made, ast.expr):
            name = f"object that `{ast.unparse(made.func) if isinstance(made, ast.Call) else ast.unparse(made)}` makes"
        else:
            name = made.node.name if isinstance(made, Class) else made.removeprefix("torch.")
        message = f"one {name} is placed several times, and may hold what all of these places share"
        return Refusal("RW905", message, self.function.file.source.span(node), advice_for("RW905"))
