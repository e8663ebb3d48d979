"""The files of a project, read when somebody asks for them, and what a full name means among them."""

from __future__ import annotations

import ast
import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewriter.facts.names import Names, local_names
from rewriter.facts.source import Source, SourceError
from rewriter.facts.texts import Texts
from rewriter.facts.trees import children, walk
from rewriter.torch_api import catalogue

if TYPE_CHECKING:
    from rewriter.settings import Settings

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

# Functions that run their first argument with the rest, once and there and then.
RUNS_ITS_ARGUMENT = frozenset({"torch.utils.checkpoint.checkpoint"})
# Functions that run their first argument as often as the rest has members.
RUNS_FOR_EACH = frozenset({"builtins.map", "functools.reduce", "itertools.starmap", "itertools.accumulate"})
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
                passed_on = node.args[:1] if self.full_name(node.func) in RUNS_ITS_ARGUMENT else []
                run += [node.func, *passed_on]
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
        return bool(self.decorators & {"staticmethod", "classmethod"})

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
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and not _adds_to_property(statement):
                found[statement.name] = Function(statement, self.file, self.shadowed)
        return found

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
    comments: object = None
    """What the file's comments say to the rewriter, once somebody has read them."""

    @cached_property
    def names(self) -> Names:
        return Names.of(self.source.tree, self.module, self.path.name == "__init__.py")

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


def _adds_to_property(node: FunctionNode) -> bool:
    """`@weight.setter`."""
    return any(
        isinstance(d, ast.Attribute) and d.attr in ("setter", "deleter") and ast.unparse(d.value) == node.name
        for d in node.decorator_list
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


@dataclass(eq=False)
class Project:
    """All files under some import roots. Files are parsed at most once, and only on demand."""

    roots: tuple[Path, ...] = ()
    """Where imports start from."""
    texts: Texts = field(default_factory=lambda: Texts(()))
    """The files that may subclass or call each other: packages as a whole, folders given, single files' neighbours."""
    _files: dict[Path, File | None] = field(default_factory=dict)
    _outside: dict[Path, File] = field(default_factory=dict)
    """Files that are not among the texts."""
    _named: dict[str, File] = field(default_factory=dict)
    _modules: dict[str, File | None] = field(default_factory=dict)
    _found: dict[str, Class | Function | None] = field(default_factory=dict)
    replaced: Replaced | None = None
    """Which file of which other project this one sees with other content."""
    learnt: dict[object, Any] = field(default_factory=dict)
    """What others have learnt of the project; kept here to live as long as the files."""

    @classmethod
    def for_paths(cls, paths: Sequence[Path], settings: Settings) -> Project:
        del settings  # excluded files are still read: what they say stays true
        absolute = [p.absolute() for p in paths]
        roots = tuple(sorted({import_root(p) for p in absolute}))
        return cls(roots, Texts(sorted({_scope(p) for p in absolute})))

    def add(self, path: Path, source: Source) -> File:
        """The file whose content is `source`, whatever the disk holds."""
        path = path.absolute()
        file = File(path, self._module_name(path), source)
        self._files[path] = self._named[file.module or "__main__"] = file
        if path not in self.texts:
            self._outside[path] = file
        return file

    def with_file(self, path: Path, source: Source) -> Project:
        """This project with that content of one file; whatever does not hang on the file is shared."""
        old = self.file(path.absolute())
        if old is not None and old.source.text == source.text:
            return self
        name = self._module_name(path.absolute()) or "__main__"
        kept = {
            full: found
            for full, found in self._found.items()
            if (found.file is not old if found else not full.startswith(f"{name}."))
        }
        modules = {full: file for full, file in self._modules.items() if full != name and file is not old}
        files, outside, named = dict(self._files), dict(self._outside), dict(self._named)
        other = Project(self.roots, self.texts, files, outside, named, modules, kept)
        other.replaced = None if old is None else Replaced(self, old)
        other.add(path, source)
        return other

    def forget(self) -> None:
        """Drops what has been found out; where that was broken off, things that were not yet known may be among it."""
        self._found.clear()
        self.learnt.clear()

    def _module_name(self, path: Path) -> str:
        for root in (*self.roots, import_root(path)):
            if path.is_relative_to(root):
                parts = path.relative_to(root).with_suffix("").parts
                return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        return path.stem

    def file(self, path: Path) -> File | None:
        if path not in self._files:
            self._files[path] = None
            with contextlib.suppress(OSError, SourceError):  # whoever rewrites that file reports it
                self.add(path, Source.parse(path.read_bytes()))
        return self._files[path]

    def module(self, name: str) -> File | None:
        """The project's file that `import name` would run."""
        if name not in self._modules:
            self._modules[name] = self._locate(name)
        return self._modules[name]

    def _locate(self, name: str) -> File | None:
        if name in self._named:
            return self._named[name]
        path = self._path(name)
        return self.file(path) if path is not None else None

    def _path(self, module: str) -> Path | None:
        stems = (root.joinpath(*module.split(".")) for root in (self.roots if module else ()))
        paths = (path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py"))
        return next((path for path in paths if path.is_file()), None)

    def find(self, full_name: str) -> Class | Function | None:
        """The class or function of that full name, through re-exports."""
        if full_name not in self._found:
            self._found[full_name] = None  # holds against imports that go in circles
            self._found[full_name] = self._search(full_name)
        return self._found[full_name]

    def _search(self, full_name: str) -> Class | Function | None:
        if full_name.startswith(("torch.", "builtins.")):
            return None
        for module, rest in _splits(full_name):
            file = self.module(module)
            if file is None:
                continue
            if rest in file.definitions:
                return file.definitions[rest]
            head, _, tail = rest.partition(".")
            meaning = file.names.meaning(head)
            if tail and (self.module(f"{module}.{head}") or (meaning or "").startswith(f"{module}.{head}.")):
                continue  # a module, tried before or out of sight; a name that the package binds would add to it
            target = ".".join([meaning, tail]) if meaning and tail else meaning
            known = bool(target) or self.module(f"{module}.{head}") is not None
            stars = [] if known else self.stars_with(file, head)
            for candidate in [target] if target else [f"{star}.{rest}" for star in stars]:
                if candidate != full_name and (found := self.find(candidate)):
                    return found
        return None

    def alternatives(self, full_name: str, seen: frozenset[str] = frozenset()) -> list[Function]:
        """The function of that full name, or all those that branches define under it, through re-exports."""
        if isinstance(found := self.find(full_name), Function):
            return [found]
        module, _, name = full_name.rpartition(".")
        file = self.module(module) if module and found is None and full_name not in seen else None
        if file is None:
            return []
        if name in file.alternatives:
            return file.alternatives[name]
        meaning = file.names.meaning(name)
        return self.alternatives(meaning, seen | {full_name}) if meaning else []

    def stars_with(self, file: File, name: str) -> list[str]:
        """The modules that a file imports all names of, and that may have that name: it stands in them or below."""
        if not file.names.stars:
            return []
        holding = self.texts.holding(name)
        around = {*holding, *(folder for path in holding for folder in path.parents)}
        found = []
        for star in file.names.stars:
            path = self._named[star].path if star in self._named else self._path(star)
            if path is not None:
                inside = path.parent if path.name == "__init__.py" else path
                found += [star] if inside in around or path not in self.texts else []
        return found

    def files_meaning(self, function: Function) -> Iterator[File]:
        """The files in which the function's name may mean it: its own, and those where it means nothing else."""
        name = function.node.name
        for path in self.texts.holding(name):
            if path != function.file.path and self.texts.defines(path, name):
                continue
            file = self.file(path)
            if file is not None and (file is function.file or self._may_mean(file, function)):
                yield file
        if function.file.path not in self.texts:
            yield function.file

    def _may_mean(self, file: File, function: Function) -> bool:
        name = function.node.name
        meaning = file.names.meaning(name) if name in file.names.bindings else None
        found = self.find(meaning) if meaning else None
        return found is None or found is function

    def files_mentioning(self, word: str, other: str = "") -> Iterator[File]:
        """Every file that has the words in its text; the others are not even parsed."""
        wanted = set(self.texts.holding(other)) if other else set()
        yield from self._parsed([path for path in self.texts.holding(word) if not other or path in wanted])
        yield from [file for file in self._outside.values() if word in file.source.text and other in file.source.text]

    def files_matching(self, pattern: re.Pattern[bytes]) -> Iterator[File]:
        """Every file in whose text the pattern is found."""
        yield from self._parsed(self.texts.matching(pattern))
        yield from [file for file in self._outside.values() if pattern.search(file.source.text.encode())]

    def files_defining(self, name: str) -> Iterator[File]:
        """Every file that may have a function or method of that name."""
        yield from self._parsed(self.texts.defining(name))
        yield from [file for file in self._outside.values() if name in file.source.text]

    def may_define(self, name: str) -> bool:
        """Whether any file may have a function or method of that name; none is parsed."""
        return bool(self.texts.defining(name)) or any(f"def {name}" in f.source.text for f in self._outside.values())

    def files_deriving(self, word: str) -> Iterator[File]:
        """Every file that may have a class with a base of that name."""
        yield from self._parsed(self.texts.deriving(word))
        yield from [file for file in self._outside.values() if word in file.source.text]

    def _parsed(self, paths: Sequence[Path]) -> Iterator[File]:
        for path in paths:
            if file := self.file(path):
                yield file


@dataclass(frozen=True)
class Replaced:
    project: Project
    file: File


def _scope(path: Path) -> Path:
    """The whole package that a path belongs to; a path in no package stands for itself."""
    root = import_root(path)
    folder = path if path.is_dir() else path.parent
    return folder if folder == root and path.is_dir() else root / path.relative_to(root).parts[0]


def _splits(full_name: str) -> Iterator[tuple[str, str]]:
    """`a.b.c` -> (a.b, c), (a, b.c)."""
    parts = full_name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        yield ".".join(parts[:cut]), ".".join(parts[cut:])


def import_root(path: Path) -> Path:
    """The folder that the file's imports start from: the first one above that is no package."""
    folder = path if path.is_dir() else path.parent
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    return folder
