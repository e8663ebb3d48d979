"""What the names in a file's annotations mean, also those that the project has for types: `OptTensor`."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.python.answers import Question
from rewriter.python.code import File, Function
from rewriter.python.function_tables import find_variable
from rewriter.python.project import Project

_VARIABLES = frozenset({"typing.TypeVar", "typing_extensions.TypeVar"})
_ALIAS = Question[str, "tuple[ast.expr, TypeNames] | None"]("which type does a variable of the full name stand for?")
_NEW = frozenset({"typing.NewType", "typing_extensions.NewType"})


@dataclass(frozen=True)
class TypeNames:
    """The names as they are read in one file."""

    project: Project
    file: File
    hidden: frozenset[str] = frozenset()
    """Names that mean something else there."""

    @classmethod
    def of(cls, project: Project, function: Function) -> TypeNames:
        return cls(project, function.file, function.shadowed)

    def full_name(self, node: ast.expr) -> str | None:
        return self.file.names.full_name(node, self.hidden)

    def alias(self, full_name: str) -> tuple[ast.expr, TypeNames] | None:
        """What `OptTensor` stands for, of `OptTensor = Optional[Tensor]`, and how its own names are read."""

        def find() -> tuple[ast.expr, TypeNames] | None:
            found = find_variable(self.project, full_name)
            names = TypeNames(self.project, found[0]) if found is not None else None
            meant = names._meant(found[1]) if found is not None and names is not None else None
            return None if meant is None or names is None else (meant, names)

        return self.project.answers.found(_ALIAS, full_name, find)

    def _meant(self, value: ast.expr) -> ast.expr | None:
        """The type that an assignment says: of a type variable, the one that it is bound to."""
        if isinstance(value, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp):
            return value
        if not isinstance(value, ast.Call):
            return None
        name = self.full_name(value.func)
        bound = next((keyword.value for keyword in value.keywords if keyword.arg == "bound"), None)
        if name in _VARIABLES:
            return bound
        return value.args[1] if name in _NEW and len(value.args) == 2 else None
