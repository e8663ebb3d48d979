"""Methods that a function gives a class that it is handed, as class decorators do: `cls.forward = forward`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function, FunctionNode
from rewriter.python.names import dotted, local_names
from rewriter.python.project import Project
from rewriter.python.trees import walk

_MODULE = ast.Attribute(ast.Attribute(ast.Name("torch", ast.Load()), "nn", ast.Load()), "Module", ast.Load())


@dataclass(eq=False)
class GivenMethod(Function):
    """A nested function that becomes a method of such a class."""

    given_by: GivenMethods = field(kw_only=True)

    @cached_property
    def owner(self) -> Class | None:
        return self.given_by


@dataclass(eq=False)
class GivenMethods(Class):
    """The methods that one function gives, as a class of which only these are known."""

    giver: FunctionNode
    """The function that is handed the class."""
    given: dict[str, FunctionNode]
    """What it defines, by the names that the class has for them."""
    functions: dict[str, Function]
    """Functions at module level that become methods as they are."""

    @property
    def known_as(self) -> str:
        """The function at module level that stands around: what code elsewhere names."""
        return self.around[0].name

    @cached_property
    def methods(self) -> dict[str, Function]:
        return {name: GivenMethod(node, self.file, self.shadowed, given_by=self) for name, node in self.given.items()}

    @cached_property
    def base_names(self) -> list[str | None]:
        return ["torch.nn.Module"]

    def sets_up(self, statement: ast.stmt, own: str) -> bool:
        """Whether a statement of the new `__init__` runs the one that the class had: `original_init(self, config)`."""
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or not call.args:
            return False
        return call.func.id in self.had("__init__") and ast.unparse(call.args[0]) == own

    def had(self, method: str) -> set[str]:
        """The variables that keep what the class had under a name before: `original_init = cls.__init__`."""
        kept = f"{self.node.name}.{method}"
        stores = [s.targets for s in walk(self.giver) if isinstance(s, ast.Assign) and ast.unparse(s.value) == kept]
        return {t.id for targets in stores for t in targets if isinstance(t, ast.Name)}

    def default_around(self, name: str) -> ast.expr | None:
        """The default of a parameter that the methods see of the functions around."""
        around = [f for f in self.around if name in local_names(f)]
        return Function(around[-1], self.file).defaults.get(name) if around else None

    def full_name_around(self, name: str) -> str | None:
        """The full name that such a default has."""
        default = self.default_around(name)
        return None if default is None else self.file.names.full_name(default)


_GIVEN = Question[None, list[GivenMethods]]("which functions of the file give methods to classes?")
_DECORATED = Question[GivenMethods, list[Class]]("which classes are given these methods?")


def given_in(file: File) -> list[GivenMethods]:
    def find() -> list[GivenMethods]:
        functions = file.functions.values() if ".forward = " in file.source.text else ()
        return [given for function in functions for given in _given_by(file, function.node, ())]

    return file.answers.found(_GIVEN, None, find)


def given_by(function: Function) -> list[GivenMethods]:
    """What a function at module level gives, or one inside it."""
    return [given for given in given_in(function.file) if given.around[0] is function.node]


def _given_by(file: File, node: FunctionNode, around: tuple[FunctionNode, ...]) -> Iterator[GivenMethods]:
    around = (*around, node)
    inner = {s.name: s for s in node.body if isinstance(s, ast.FunctionDef)}
    parameters = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
    for parameter in parameters[:1]:
        put = dict(_put_into(node, parameter))
        given: dict[str, FunctionNode] = {name: inner[value] for name, value in put.items() if value in inner}
        functions = {n: file.functions[value] for n, value in put.items() if value in file.functions and n not in given}
        if "forward" in given:
            body: list[ast.stmt] = sorted(given.values(), key=lambda f: f.lineno)
            cls = ast.ClassDef(parameter, [_MODULE], [], body, [])
            ast.copy_location(cls, node)
            name = file.names.own(".".join([*(f.name for f in around), parameter]))
            yield GivenMethods(cls, file, name, around, node, given, functions)
    for function in inner.values():
        yield from _given_by(file, function, around)


def _put_into(node: FunctionNode, parameter: str) -> Iterator[tuple[str, str]]:
    """`cls.forward = forward`: what the class calls it, and what the function does."""
    for statement in walk(node):
        target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
        if isinstance(target, ast.Attribute) and isinstance(statement, ast.Assign):
            chain = dotted(target)
            if chain is not None and chain[:1] == [parameter] and len(chain) == 2:
                yield (chain[1], statement.value.id) if isinstance(statement.value, ast.Name) else (chain[1], "")


def given_to_class(project: Project, cls: Class) -> Iterator[GivenMethods]:
    """The methods that the decorators of a class give it."""
    for decorator in cls.node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = cls.file.names.searched_name(target) if dotted(target) else None
        found = project.find(name) if name is not None else None
        if isinstance(found, Function):
            yield from given_by(found)


def classes_given(project: Project, given: GivenMethods) -> list[Class]:
    """The classes that such a decorator stands above, in the order of the project's files."""

    def find() -> list[Class]:
        files = project.files_mentioning(given.known_as)
        classes = (cls for file in files for cls in file.classes if cls.node.decorator_list)
        return [cls for cls in classes if given in given_to_class(project, cls)]

    return project.answers.found(_DECORATED, given, find)


def functions_given(project: Project, cls: Class) -> dict[str, Function]:
    """The functions at module level that are methods of the class where it has none of that name itself."""
    givers = [cls] if isinstance(cls, GivenMethods) else given_to_class(project, cls)
    return {name: function for giver in givers for name, function in giver.functions.items()}
