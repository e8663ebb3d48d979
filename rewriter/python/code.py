"""Functions, classes and files as they are written, and what each says by itself."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rewriter.python.answers import Answers
from rewriter.python.names import Names, StarImports, absolute_module, local_names
from rewriter.python.source import Source
from rewriter.python.trees import adds_to_property, children, walk
from rewriter.torch_api import catalogue

STAR = re.compile(rb"\bimport[ \t]*\(?[ \t]*\*")
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

# Functions that run their first argument with the rest, once and there and then.
RUNS_ITS_ARGUMENT = frozenset({"torch.utils.checkpoint.checkpoint"})
# Functions that run their first argument as often as the rest has members.
RUNS_FOR_EACH = frozenset({"builtins.map", "functools.reduce", "itertools.starmap", "itertools.accumulate"})
# Which of their arguments that is.
_PASSED_ON = {**dict.fromkeys(RUNS_ITS_ARGUMENT | RUNS_FOR_EACH, slice(1)), "itertools.accumulate": slice(1, 2)}
# Reading an attribute of that name runs the method.
_PROPERTIES = frozenset({"builtins.property", "property", "functools.cached_property", "abc.abstractproperty"})


@dataclass(eq=False)
class Function:
    """A function or method, with the file that its names are read in."""

    node: FunctionNode
    file: File
    shadowed: frozenset[str] = frozenset()
    """Names local to the functions around it."""
    _global_names: dict[ast.expr, str | None] = field(default_factory=dict)

    def full_name(self, expression: ast.expr, locals_: frozenset[str] | set[str] = frozenset()) -> str | None:
        return self.file.names.full_name(expression, self.shadowed | locals_)

    def name_inside(self, expression: ast.expr) -> str | None:
        """The full name of what is meant within the function, whose own variables hide what is outside."""
        return self.full_name(expression, self.locals)

    @cached_property
    def locals(self) -> set[str]:
        return local_names(self.node)

    @cached_property
    def defaults(self) -> dict[str, ast.expr]:
        """The parameters that have a default, with it."""
        spec = self.node.args
        positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        found = dict(zip(positional[len(positional) - len(spec.defaults) :], spec.defaults, strict=True))
        return found | {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None}

    @cached_property
    def called_only(self) -> frozenset[ast.AST]:
        """The lambdas and nested functions that are run where the function calls them, and nowhere else."""
        made: dict[str, list[ast.AST]] = {}
        read: Counter[str] = Counter()
        run: list[ast.expr] = []
        for node in walk(self.node):
            if isinstance(node, ast.FunctionDef):
                made.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
                made.setdefault(ast.unparse(node.targets[0]), []).append(node.value)
            elif isinstance(node, ast.Name):
                read[node.id] += 1
            elif isinstance(node, ast.Call):
                name = self.global_name(node.func)
                run += [node.func, *node.args[_PASSED_ON.get(name or "", slice(0))]]
        called = Counter(n.id for n in run if isinstance(n, ast.Name))
        found: list[ast.AST] = [n for n in run if isinstance(n, ast.Lambda)]
        for name, (node, *others) in made.items():
            stored = 1 if isinstance(node, ast.Lambda) else 0
            if called[name] and read[name] == called[name] + stored and not others:
                found.append(node)
        return frozenset(found)

    @cached_property
    def words(self) -> frozenset[str]:
        """The names that the code reads, alone or behind a dot."""
        return _words(self.node)

    @cached_property
    def _hidden(self) -> frozenset[str]:
        return self.shadowed | self.locals

    def global_name(self, node: ast.expr) -> str | None:
        """The full name of a name or path inside the function that reads no local variable."""
        if node not in self._global_names:
            full = self.file.names.full_name(node, self._hidden)
            if full is None and isinstance(node, ast.Name) and node.id not in self._hidden:
                full = None if node.id in self.file.names.bindings else f"builtins.{node.id}"
            self._global_names[node] = full
        return self._global_names[node]

    @cached_property
    def is_property(self) -> bool:
        return bool(self.decorators & _PROPERTIES)

    @property
    def is_constructor(self) -> bool:
        """It sets an object up."""
        return self.owner is not None and self.owner.constructor is self

    @cached_property
    def is_static(self) -> bool:
        """It stands in a class and is given no object."""
        return bool(self.decorators & {"staticmethod", "classmethod"}) and self.owner is not None

    @cached_property
    def is_free(self) -> bool:
        """It is given no object: it stands in no class, or is a static method or class method."""
        return self.is_static or self.owner is None

    @cached_property
    def owner(self) -> Class | None:
        """The class that it is a method of."""
        return next((cls for cls in self.file.classes if self in cls.methods.values()), None)

    @cached_property
    def decorators(self) -> frozenset[str]:
        targets = [d.func if isinstance(d, ast.Call) else d for d in self.node.decorator_list]
        return frozenset(self.full_name(t) or ast.unparse(t) for t in targets)


@dataclass(eq=False)
class Class:
    """A class statement: its methods and bases as written."""

    node: ast.ClassDef
    file: File
    name: str
    around: tuple[FunctionNode, ...]

    @cached_property
    def shadowed(self) -> frozenset[str]:
        """Names local to the functions around the class."""
        return frozenset().union(*(local_names(f) for f in self.around))

    @cached_property
    def methods(self) -> dict[str, Function]:
        """The methods by name; of several with one name the last, which is the one that stays. A setter adds to one."""
        found = {}
        for statement in self.node.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and not adds_to_property(statement):
                found[statement.name] = Function(statement, self.file, self.shadowed)
        return found

    @cached_property
    def stated(self) -> frozenset[str]:
        """The names that assignments in the class's body read."""
        assigned = (s.value for s in self.node.body if isinstance(s, ast.Assign | ast.AnnAssign))
        return frozenset().union(*(_words(value) for value in assigned if value is not None))

    @cached_property
    def is_dataclass(self) -> bool:
        """Its `__init__` is written by `dataclasses.dataclass`."""
        targets = [d.func if isinstance(d, ast.Call) else d for d in self.node.decorator_list]
        names = [self.file.names.full_name(t, self.shadowed) for t in targets]
        return "dataclasses.dataclass" in names and "__init__" not in self.methods

    @property
    def constructor(self) -> Function | None:
        """The class's own code that sets an object up: `__init__`, or what a dataclass runs at the end of it."""
        return self.methods.get("__post_init__" if self.is_dataclass else "__init__")

    @cached_property
    def base_names(self) -> list[str | None]:
        return [
            self.file.names.full_name(b.value if isinstance(b, ast.Subscript) else b, self.shadowed)
            for b in self.node.bases
        ]


@dataclass(eq=False)
class File:
    """One parsed file of the project."""

    path: Path
    module: str
    source: Source
    answers: Answers = field(default_factory=Answers)
    """What has been found out from the file alone: it holds in whichever project the file is."""
    beyond: StarImports | None = field(default=None, repr=False)

    @cached_property
    def names(self) -> Names:
        return Names.of(self.source.tree, self.module, self.path.name == "__init__.py", self.beyond)

    @cached_property
    def stars(self) -> list[str]:
        """The modules that it imports all names of."""
        if not STAR.search(self.source.text.encode()):
            return []
        imports = [n for n in walk(self.source.tree) if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"]
        return [absolute_module(n, self.module, self.path.name == "__init__.py") for n in imports]

    @cached_property
    def classes(self) -> list[Class]:
        """Every class statement, nested ones too, in order."""
        return list(_classes(self, self.source.tree.body, (), ""))

    @cached_property
    def definitions(self) -> dict[str, Class | Function]:
        """Classes (by dotted path) and module-level functions, as other files see them."""
        prefix = len(self.names.own(""))
        return {**self.functions, **{cls.name[prefix:]: cls for cls in self.classes}}

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name that the file holds, alone or behind a dot."""
        return _words(self.source.tree)

    @cached_property
    def users(self) -> dict[str, list[Class | Function]]:
        """Which classes and functions of the file read a name, alone or behind a dot."""
        found: dict[str, list[Class | Function]] = {}
        owners: list[Class | Function] = [*self.functions.values(), *self.classes]
        for owner in owners:
            for word in owner.words if isinstance(owner, Function) else _words(owner.node):
                found.setdefault(word, []).append(owner)
        return found

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions at module level."""
        return {s.name: Function(s, self) for s in self.source.tree.body if isinstance(s, ast.FunctionDef)}

    @cached_property
    def alternatives(self) -> dict[str, list[Function]]:
        """The functions that a branch at module level defines, by name."""
        found: dict[str, list[Function]] = {}
        for statement in self.source.tree.body:
            if isinstance(statement, ast.If | ast.Try):
                for node in _statements(statement):
                    if isinstance(node, ast.FunctionDef):
                        found.setdefault(node.name, []).append(Function(node, self))
        return found

    @cached_property
    def tables(self) -> frozenset[str]:
        """The names of module-level dicts whose values are functions of torch."""
        assigned = [s for s in self.source.tree.body if isinstance(s, ast.Assign)]
        tables = [s for s in assigned if is_table(s.value, self.names.full_name)]
        return frozenset(t.id for s in tables for t in s.targets if isinstance(t, ast.Name))

    @cached_property
    def methods(self) -> list[Function]:
        """The methods that are given an object."""
        return [method for cls in self.classes for method in cls.methods.values() if not method.is_static]

    @cached_property
    def static_methods(self) -> list[Function]:
        """The static methods and class methods."""
        return [method for cls in self.classes for method in cls.methods.values() if method.is_static]


def is_table(node: ast.expr, full_name: Callable[[ast.expr], str | None]) -> bool:
    """A dict display whose values are functions of torch."""
    return (
        isinstance(node, ast.Dict)
        and bool(node.values)
        and all(catalogue.is_function(full_name(value)) for value in node.values)
    )


def _words(tree: ast.AST) -> frozenset[str]:
    found = [n for n in walk(tree) if isinstance(n, ast.Name | ast.Attribute)]
    return frozenset(n.id if isinstance(n, ast.Name) else n.attr for n in found)


def _statements(block: ast.AST) -> Iterator[ast.stmt]:
    """The statements in the branches of a block, those in functions and classes left out."""
    for child in children(block):
        if isinstance(child, ast.stmt):
            yield child
        if isinstance(child, ast.If | ast.Try | ast.ExceptHandler):
            yield from _statements(child)


def _classes(file: File, body: Sequence[ast.AST], around: tuple[FunctionNode, ...], prefix: str) -> Iterator[Class]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            name = prefix + node.name
            yield Class(node, file, file.names.own(name), around)
            yield from _classes(file, node.body, around, f"{name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes(file, node.body, (*around, node), f"{prefix}{node.name}.")
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            for block in ("body", "orelse", "finalbody", "handlers", "cases"):
                inner = getattr(node, block, None)
                if isinstance(inner, list):
                    yield from _classes(file, inner, around, prefix)
