"""Methods for TorchScript, written from the source of other functions."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn
from torch._jit_internal import _get_overloaded_methods
from torch.jit.annotations import get_type_line

from runtime.modules.scripting.functions import undecorated
from runtime.modules.scripting.methods import defined
from runtime.modules.scripting.signatures import literal


class _Borrowed:
    """A function's source, to be changed and defined again."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function = undecorated(function)
        source = textwrap.dedent(inspect.getsource(function))
        (definition,) = ast.parse(source).body
        assert isinstance(definition, ast.FunctionDef)
        self.parameters = definition.args
        self.statements = definition.body
        self.type_comment: str | None = get_type_line(source)  # type: ignore[no-untyped-call]

    def takes_any(self) -> bool:
        return self.parameters.vararg is not None or self.parameters.kwarg is not None

    def without(self, keyword: str) -> None:
        """The parameter that only this keyword reaches is one no longer."""
        index = [a.arg for a in self.parameters.kwonlyargs].index(keyword)
        del self.parameters.kwonlyargs[index], self.parameters.kw_defaults[index]

    def defined(self, **names: Any) -> Callable[..., Any]:
        body = "\n".join(map(ast.unparse, self.statements))
        lines = [self.type_comment or "", *body.splitlines()]
        origin = f"# {self.function.__module__}.{self.function.__qualname__}"
        source = (
            f"{origin}\ndef forward({ast.unparse(self.parameters)}):\n{textwrap.indent(chr(10).join(lines), '    ')}\n"
        )
        closure = inspect.getclosurevars(self.function).nonlocals
        return defined(source, {**self.function.__globals__, **closure, **names})


def passing_on(name: str, module: nn.Module) -> Iterator[Callable[..., Any]]:
    """Methods that take what `module` takes and call it, as the part `name` of another."""
    declared: list[Any] | None = _get_overloaded_methods(module.forward, type(module))  # type: ignore[no-untyped-call]
    for forward in declared or [type(module).forward]:
        method = _Borrowed(forward)
        if not method.takes_any():
            itself, *positional = (a.arg for a in [*method.parameters.posonlyargs, *method.parameters.args])
            given = ", ".join([*positional, *(f"{a.arg}={a.arg}" for a in method.parameters.kwonlyargs)])
            method.statements = ast.parse(f"return {itself}.{name}({given})").body
            yield method.defined()


def with_part(function: Callable[..., Any], keyword: str) -> Callable[..., Any]:
    """`function` as a method, which has what the argument `keyword` brings in its part `ops`."""
    method = _Borrowed(function)
    method.parameters.args.insert(0, ast.arg("self"))
    method.without(keyword)
    method.statements = [*ast.parse(f"{keyword} = self.ops").body, *method.statements]
    return method.defined()


def with_names(function: Callable[..., Any], keyword: str, names: object) -> Callable[..., Any]:
    """`function` without its argument `keyword`, whose name stands for `names` instead."""
    borrowed = _Borrowed(function)
    borrowed.without(keyword)
    return borrowed.defined(**{keyword: names})


def in_place_of(module: nn.Module, itself: bool = True) -> Iterator[Callable[..., Any]]:
    """What `module` computes, if that is a module of torch's without parts and parameters.

    `itself`: as a method of another module, which is in training when `module` is. Else as a function.
    """
    whole = not module._modules and not module._parameters and not module._buffers
    if whole and type(module).__module__.startswith("torch.nn.modules."):
        method = _Borrowed(type(module).forward)
        settings = _Settings(module, {"training"} if itself else set())
        if not itself:
            del method.parameters.args[0]
        method.statements = [settings.visit(statement) for statement in method.statements]
        if settings.are_constants:
            yield method.defined()


class _Settings(ast.NodeTransformer):
    """Writes what a module reads from itself into the source."""

    def __init__(self, module: nn.Module, kept: set[str]) -> None:
        self.module = module
        self.kept = kept
        self.are_constants = True

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if not isinstance(node.value, ast.Name) or node.value.id != "self" or node.attr in self.kept:
            return self.generic_visit(node)
        value = getattr(self.module, node.attr)
        self.are_constants &= _is_constant(value)
        return ast.parse(literal(value), mode="eval").body if _is_constant(value) else node


def _is_constant(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_constant, value))
    return value is None or isinstance(value, bool | int | float | str)
