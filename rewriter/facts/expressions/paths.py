"""What is found at an object, by attributes and indices: `self.encoder.layers[i]`."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from dataclasses import dataclass

from rewriter.facts.expressions.scopes import Scope
from rewriter.facts.expressions.set_up import settled
from rewriter.facts.knowledge import Knowledge
from rewriter.python.code import Class
from rewriter.python.hierarchy import CONTAINERS
from rewriter.values.base import UNKNOWN, Value
from rewriter.values.dictionary import Dictionary
from rewriter.values.module_list import ModuleList
from rewriter.values.modules import MODULE, Module, ProjectModule
from rewriter.values.sequence import Sequence

_RUN_OVER = frozenset({"torch.nn.Sequential", "torch.nn.ParameterList", "torch.nn.ParameterDict"})


@dataclass(frozen=True)
class Path:
    """What is found at an object: `self.encoder.layers[i]`."""

    node: ast.expr
    """As `__init__` names it."""
    value: Value
    always: bool = True
    """It is there when the new lines run."""
    filled_by: frozenset[str] = frozenset()
    """The methods by which `__init__` puts it there."""
    stored: tuple[ast.expr, ...] = ()
    """What is put there, as far as that is written down."""
    filled: bool = False
    """More is put into that."""

    @property
    def grows(self) -> bool:
        """It has as many members as turns of a loop have asked for so far."""
        return any(map(_grows, self.stored))


@dataclass(frozen=True)
class Paths:
    knowledge: Knowledge
    index: Callable[[ast.expr, Scope], ast.expr | None]
    """How `__init__` would write the number in brackets."""

    def path(self, node: ast.expr, scope: Scope) -> Path | None:
        if scope.is_own(node):
            return Path(own_of(scope), ProjectModule(scope.cls)) if scope.cls is not None else None
        if isinstance(node, ast.Name):
            return self._named(node, scope)
        if isinstance(node, ast.Attribute):
            base = self.path(node.value, scope)
            return self._attribute(base, node.attr) if base is not None and base.always else None
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            base, index = self.path(node.value, scope), self.index(node.slice, scope)
            if base is None or index is None or not base.always or not self.is_container(base):
                return None
            member = base.value.item(node.slice) or UNKNOWN
            return Path(ast.Subscript(base.node, index, ast.Load()), member, filled_by=base.filled_by)
        return None

    def _named(self, node: ast.Name, scope: Scope) -> Path | None:
        if node.id in scope.bound:
            return Path(ast.Name(node.id), scope.value(node))
        if (given := scope.gives(node)) is not None:
            return self.path(*given)
        definition = scope.definition(node)
        return self.path(definition[0], scope) if definition is not None and definition[1] is None else None

    def _attribute(self, base: Path, name: str) -> Path | None:
        node = ast.Attribute(base.node, name, ast.Load())
        if not isinstance(base.value, ProjectModule):
            # what is known of a module is known of its class; `self.config.depth` is known where `self.config` is
            return None if base.value.may_be(Module) else Path(node, UNKNOWN, filled_by=base.filled_by)
        how = settled(self.knowledge, base.value.cls, name)
        if how is None:
            return None
        value = self.knowledge.attribute(base.value.cls, name)
        return Path(node, value, how.always, base.filled_by | how.methods, how.stored, how.filled)

    def is_container(self, path: Path) -> bool:
        """Whether it can be run over any number of times, and does not wait for somebody else to fill it."""
        parts = [part for part in path.value.parts if part.may_be(Sequence, Dictionary, Module)]
        if not parts or path.grows:
            return False
        is_clear = len(parts) == 1 or MODULE not in parts  # among several, that may be any module
        if is_clear and all(map(self._is_of_modules, parts)):
            return path.filled or bool(path.value.held) or not path.stored or not all(map(_is_empty, path.stored))
        return bool(path.stored) and all(map(_makes_container, path.stored))

    def _is_of_modules(self, value: Value) -> bool:
        if isinstance(value, ModuleList):
            return True  # of modules, of lists of these, and of None
        if isinstance(value, Sequence | Dictionary):
            return value.member().is_only(Module) or self._is_of_modules(value.member())
        made = value.made if isinstance(value, Module) else None
        if isinstance(made, Class):
            return bool(self.knowledge.hierarchy.lineage(made).torch & CONTAINERS)
        return made in _RUN_OVER or value == MODULE  # only containers can be run over


def own_of(scope: Scope) -> ast.expr:
    assert scope.own is not None
    return copy.deepcopy(scope.own)


def _grows(made: ast.expr) -> bool:
    """`runtime.modules.ModuleList([nn.ReLU()])`"""
    name = ast.unparse(made.func) if isinstance(made, ast.Call) else ""
    is_of_runtime = name.endswith(".modules.ModuleList") and not name.endswith("nn.modules.ModuleList")
    return is_of_runtime and isinstance(made, ast.Call) and bool(made.args) and isinstance(made.args[0], ast.List)


def _is_empty(made: ast.expr) -> bool:
    """`nn.ModuleList()`, `nn.ModuleList([])`, `None`"""
    given = made.args if isinstance(made, ast.Call) else []
    filled = [a for a in given if ast.unparse(a) not in ("[]", "()", "{}")]
    return (isinstance(made, ast.Call) and not filled and not made.keywords) or isinstance(made, ast.Constant)


def _makes_container(node: ast.expr) -> bool:
    """A list, tuple or dict that is not empty, as it is written."""
    if isinstance(node, ast.Call):
        return (
            isinstance(node.func, ast.Name) and node.func.id in ("list", "tuple", "sorted", "dict") and bool(node.args)
        )
    if isinstance(node, ast.BinOp):
        return _makes_container(node.left) or _makes_container(node.right)
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return bool(node.elts)
    return isinstance(node, ast.ListComp | ast.DictComp) or (isinstance(node, ast.Dict) and bool(node.keys))
