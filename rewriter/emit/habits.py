"""What the author of a file writes in every class and constructor, so that new ones have it as well."""

from __future__ import annotations

import ast

from rewriter.python.source import Source
from rewriter.python.trees import walk


def result_of_constructor(source: Source) -> str:
    """` -> None`, where all constructors of the file say what they return."""
    found = _constructors(source)
    return " -> None" if found and all(node.returns is not None for node in found) else ""


def document_of_constructor(source: Source) -> list[str]:
    """A docstring, where all constructors of the file have one."""
    found = _constructors(source)
    return ['"""Make the modules."""'] if found and all(map(ast.get_docstring, found)) else []


def document_of_class(source: Source, function: str) -> list[str]:
    """A docstring for the class that holds a function's modules, where all classes of the file have one."""
    found = [node for node in walk(source.tree) if isinstance(node, ast.ClassDef)]
    return [f'"""The operations of `{function}`."""', ""] if found and all(map(ast.get_docstring, found)) else []


def _constructors(source: Source) -> list[ast.FunctionDef]:
    """All constructors, or all functions where the file has no constructor."""
    functions = [node for node in walk(source.tree) if isinstance(node, ast.FunctionDef)]
    return [node for node in functions if node.name == "__init__"] or functions
