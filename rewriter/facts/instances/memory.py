"""Whether methods change something on their object once it is made: then a copy of the object would miss it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from rewriter.facts.knowledge import Knowledge
from rewriter.python.answers import Question
from rewriter.python.attributes import stored_in
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.trees import walk
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES
from rewriter.values.base import Value
from rewriter.values.modules import Module, ProjectModule
from rewriter.values.plain import OTHER, Nothing, Number, String
from rewriter.values.tensor import Tensor

_CHANGING = frozenset(
    "add append appendleft clear extend insert pop popitem popleft remove reverse rotate setdefault sort update".split()
)
_USUAL = frozenset({"forward", "extra_repr", "__init__", "_get_name", "load_state_dict", "_load_from_state_dict"})
_COMPARING = frozenset({"__eq__", "__hash__"})
_ONLY_READING = frozenset("copy count get index items keys startswith endswith join format values".split())
_REMEMBERING = frozenset({"functools.cached_property", "functools.lru_cache", "functools.cache", "cached_property"})
# Passing the object itself to these changes nothing on it.
_ASKING = frozenset(
    "super isinstance hasattr getattr type id len callable enumerate zip list tuple reversed iter sorted".split()
)
_ITERATORS = frozenset({"iter", "map", "filter", "zip", "enumerate", "reversed", "open"})
_CHANGED_BY_READING = frozenset({"next", "setattr", "delattr", "vars"})


def acts_as_module(knowledge: Knowledge, cls: Class) -> str | None:
    """A method of nn.Module's own that the class overrides: it would run once more for a second instance."""
    names = (name for base in knowledge.hierarchy.lineage(cls).project for name in base.methods)
    return next((name for name in names if name in (MODULE_ATTRIBUTES - _USUAL) | _COMPARING), None)


def says_what_is_equal(knowledge: Knowledge, cls: Class) -> str | None:
    """A method by which the second may be taken for the first, or not: whoever names modules meets equal ones once."""
    names = (name for base in knowledge.hierarchy.lineage(cls).project for name in base.methods)
    return next((name for name in names if name in _COMPARING), None)


_STORES_LATER = Question[Class, bool]("does a method store something on an object that is made already?")


def stores_later(knowledge: Knowledge, cls: Class) -> bool:
    """Whether a method of the class stores something on an object that is made already."""

    def find() -> bool:
        classes = knowledge.hierarchy.lineage(cls).project
        methods = (m for base in classes for m in base.methods.values() if m is not base.constructor)
        return any(changes_its_object(knowledge, cls, method) for method in methods)

    return knowledge.project.answers.found(_STORES_LATER, cls, find)


_CHANGES_OBJECT = Question[tuple[Class, Function], bool]("does the method store something on an object of the class?")


def changes_its_object(knowledge: Knowledge, cls: Class, method: Function) -> bool:
    def find() -> bool:
        return _Method(knowledge, cls, method).changes_object()

    # The answer meanwhile holds where methods call each other in a circle.
    return knowledge.project.answers.found(_CHANGES_OBJECT, (cls, method), find, meanwhile=False)


@dataclass(frozen=True)
class _Method:
    """One method, read for what it does to its own object and to all that hangs on it."""

    knowledge: Knowledge
    cls: Class
    function: Function
    own: str | None = field(init=False)
    aliases: dict[str, ast.expr] = field(init=False)
    """Variables that may hold a part of the object, each with the expression that it was taken from."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "own", own_name(self.function))
        object.__setattr__(self, "aliases", {})
        bound = list(_bindings(self.function.node))
        for _ in range(2):  # an alias may be of an alias that is bound further down in a loop
            self.aliases.update((name, value) for name, value in bound if self._root(value) is not None)

    def changes_object(self) -> bool:
        if self.function.decorators & _REMEMBERING:
            return True
        return self.own is not None and any(map(self._changes, walk(self.function.node)))

    def _changes(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            return self._root(node.value) is not None or isinstance(node.value, ast.Attribute)
        if isinstance(node, ast.Attribute):
            return self._root(node.value) == "" and (node.attr == "__dict__" or self._runs_out(node.attr))
        if isinstance(node, ast.AugAssign):
            return isinstance(node.target, ast.Name) and self._is_changeable(node.target)
        return isinstance(node, ast.Call) and self._call_changes(node)

    def _call_changes(self, node: ast.Call) -> bool:
        func = node.func
        hands_object_on = any(map(self._is_object, [*node.args, *(keyword.value for keyword in node.keywords)]))
        if isinstance(func, ast.Name):
            if func.id in _CHANGED_BY_READING:
                return func.id != "next" or any(self._root(argument) is not None for argument in node.args)
            return func.id not in _ASKING and hands_object_on
        if not isinstance(func, ast.Attribute):
            return hands_object_on and not _is_numbered(func)
        if hands_object_on and not self._is_known_method(func):
            return True
        if self._root(func.value) is None:
            return False
        if isinstance(func.value, ast.Name) and func.value.id == self.own:
            # a method, read by itself, or a part that is called
            return bool(node.args) and self._is_changeable(node.args[0]) and self._works_in_place(func.attr)
        return self._method_changes(func.attr, self._value(func.value))

    def _is_known_method(self, func: ast.Attribute) -> bool:
        """`self.mix(self)`, `Base.forward(self, x)`: read by itself, or torch's own, which changes nothing."""
        if self._root(func.value) == "":
            return self.knowledge.hierarchy.lineage(self.cls).method(func.attr) is not None
        name = self.function.name_inside(func) or ""
        found = self.knowledge.project.find(name)
        is_of_family = isinstance(found, Function) and found.owner in self.knowledge.hierarchy.lineage(self.cls).project
        return is_of_family or name.startswith("torch.")

    def _method_changes(self, name: str, value: Value) -> bool:
        """Whether a method of something that the object has changes that."""
        if isinstance(value, ProjectModule) and (method := self._method_of(value.cls, name)) is not None:
            return changes_its_object(self.knowledge, value.cls, method)
        if name in _CHANGING and not value.is_only(Module):
            return True
        if value.may_be(Tensor):
            return name.endswith("_") and not name.startswith("_")
        return value == OTHER and name not in _ONLY_READING

    def _method_of(self, cls: Class, name: str) -> Function | None:
        method = self.knowledge.hierarchy.lineage(cls).method(name)
        return None if method is None or method is self.function else method

    def _is_changeable(self, node: ast.expr) -> bool:
        """Whether `part += x` changes what the object has, and not only the variable."""
        part = self.aliases.get(node.id) if isinstance(node, ast.Name) else node
        is_part = part is not None and self._root(part) is not None
        return is_part and part is not None and not self._value(part).is_only(Number, String, Nothing)

    def _works_in_place(self, attribute: str) -> bool:
        """Whether the module was made as in `self.add = runtime.modules.EltWiseAdd(inplace=True)`."""
        nodes = (node for made in self._made(attribute) for node in walk(made))
        return any(isinstance(node, ast.keyword) and node.arg == "inplace" for node in nodes)

    def _runs_out(self, attribute: str) -> bool:
        """Whether it was made as an iterator: `self.steps = iter(xs)`, a generator, one of itertools."""
        for made in self._made(attribute):
            name = ast.unparse(made.func) if isinstance(made, ast.Call) else ""
            if isinstance(made, ast.GeneratorExp) or name in _ITERATORS or name.startswith("itertools."):
                return True
        return False

    def _made(self, attribute: str) -> Iterator[ast.expr]:
        """What the constructors store under the name."""
        for base in self.knowledge.hierarchy.lineage(self.cls).project:
            yield from stored_in(base.constructor, attribute)

    def _is_object(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and self._root(node) == ""

    def _root(self, node: ast.expr) -> str | None:
        """The attribute of the object, or "" for the object, that an expression is or is taken out of."""
        attribute, seen = "", set[str]()
        while True:
            if isinstance(node, ast.Attribute):
                attribute, node = node.attr, node.value
            elif isinstance(node, ast.Subscript | ast.Starred):
                node = node.value
            elif isinstance(node, ast.Name) and node.id in self.aliases.keys() - seen:
                seen.add(node.id)
                node = self.aliases[node.id]
            else:
                return attribute if isinstance(node, ast.Name) and node.id == self.own else None

    def _value(self, node: ast.expr) -> Value:
        value = self.knowledge.attribute(self.cls, self._root(node) or "")
        return value.member() if isinstance(node, ast.Subscript) else value


def _is_numbered(func: ast.expr) -> bool:
    """`runtime.modules.nth(self.mix, 1)`, a method of its own."""
    return isinstance(func, ast.Call) and ast.unparse(func.func).endswith("modules.nth")


def _bindings(function: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The variables of a function with what they are bound to, or taken out of."""
    for node in walk(function):
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.For | ast.comprehension):
            pairs = [(node.target, node.iter)]
        elif isinstance(node, ast.NamedExpr) or (isinstance(node, ast.AnnAssign) and node.value is not None):
            assert node.value is not None
            pairs = [(node.target, node.value)]
        else:
            continue
        for target, value in pairs:
            both = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            if both and len(target.elts) == len(value.elts):  # type: ignore[attr-defined]
                pairs += zip(target.elts, value.elts, strict=True)  # type: ignore[attr-defined]
                continue
            yield from ((n.id, value) for n in walk(target) if isinstance(n, ast.Name))
