"""Modules whose `forward` takes any arguments, for TorchScript, which wants a signature.

The function behind an operation has signatures, one for each of its overloads. Each of them, less the arguments that
the constructor has fixed, becomes a method, and the methods become the overloads of `forward`. So the compiler resolves
a call of the module just as it would resolve the call of the function.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import linecache
import textwrap
import types
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import combinations, count, dropwhile
from typing import Any, ClassVar

import torch
from torch import nn
from torch._jit_internal import _get_overloaded_methods
from torch.jit.annotations import get_type_line
from torch.jit.frontend import FrontendError

from runtime.modules.signatures import Parameter, Signature, literal

_PREFIX = "scripted_"
_NOTHING = 'def forward(self):\n    raise NotImplementedError("TorchScript cannot call the function behind this")\n'
_files = count()


class Scriptable(nn.Module):
    """A module that says what TorchScript compiles in place of its `forward`.

    torch.jit.script prepares every module before it compiles. The methods are then put on the instance, for the
    compiler alone: a copy and a pickle have none of them.
    """

    __constants__: ClassVar[tuple[str, ...]] = ("scripted_source",)
    scripted_source: str = ""
    """Modules of one class share their compiled code unless their constants differ."""

    def overloads(self) -> Iterator[Callable[..., Any]]:
        """Functions that take `self` and what `forward` takes, each with a signature for TorchScript."""
        raise NotImplementedError

    def __prepare_scriptable__(self) -> Scriptable:
        methods = [*self.overloads()] or [defined(_NOTHING, {})]
        state = vars(self)
        state.update(self.__getstate__())
        for index, method in enumerate(methods):
            state[f"{_PREFIX}{index}"] = types.MethodType(torch.jit.export(method), self)
        state["__overloads__"] = {"forward": [f"{_PREFIX}{index}" for index in range(len(methods))]}
        state["scripted_source"] = "".join(source_of(method) for method in methods)
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {n: value for n, value in vars(self).items() if not n.startswith((_PREFIX, "__overloads__"))}


def defined(source: str, names: Mapping[str, Any]) -> Callable[..., Any]:
    """The function in `source`, which can be read again, as TorchScript does. It knows `names`."""
    file = f"<scripted {next(_files)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    # Annotations stay text: TorchScript knows names in them that Python does not.
    code = compile(source, file, "exec", flags=__future__.annotations.compiler_flag)
    found: dict[str, Callable[..., Any]] = {}
    exec(code, {"torch": torch, **names, "__name__": __name__}, found)
    (function,) = found.values()
    return function


def source_of(function: Callable[..., Any]) -> str:
    return "".join(linecache.getlines(function.__code__.co_filename))


def overloads(signatures: Iterable[Signature], fixed: Mapping[str, Any]) -> Iterator[Callable[..., Any]]:
    """Methods for the signatures that have the `fixed` arguments and take their values."""
    given = {name: literal(value) for name, value in fixed.items()}
    for signature in signatures:
        if given.keys() <= {p.name for p in signature.parameters}:
            made = (_compiled(signature.function, source) for source in sources(signature, given))
            yield from (method for method in made if method is not None)


@cache
def _compiled(function: Callable[..., Any], source: str) -> Callable[..., Any] | None:
    """The method, if TorchScript takes it."""
    method = defined(source, {"function": function})
    try:
        torch.jit.script(method)  # as a function, whose `self` is one more argument that it does not use
    except (RuntimeError, FrontendError):
        return None
    return method


def sources(signature: Signature, fixed: Mapping[str, str]) -> Iterator[str]:
    """Methods that make the call, with `fixed` arguments (name -> source)."""
    optional = [p for p in signature.parameters if p.default is not None and p.name not in fixed]
    defaults = {p.name: str(p.default) for p in optional}
    rest = list(dropwhile(lambda p: not p.is_inexpressible(), optional))
    yield _source(signature, {**fixed, **{p.name: defaults[p.name] for p in rest}})
    # A method of its own for each choice of optional arguments that has some of the rest among them.
    for size in range(1, len(optional) + 1 if rest else 1):
        for chosen in combinations(optional, size):
            if {*rest} & {*chosen}:
                omitted = {p.name: defaults[p.name] for p in optional if p not in chosen}
                yield _source(signature, {**fixed, **omitted}, required=chosen, omitted=omitted)


def _source(
    signature: Signature,
    given: Mapping[str, str],
    required: Container[Parameter] = (),
    omitted: Container[str] = (),
) -> str:
    positional, by_keyword = ["self"], list[str]()
    only_by_keyword = False
    for parameter in signature.parameters:
        only_by_keyword |= parameter.keyword_only or parameter.name in omitted
        if parameter.name not in given:
            declared = (replace(parameter, default=None) if parameter in required else parameter).declared()
            (by_keyword if only_by_keyword else positional).append(declared)
    declaration = ", ".join([*positional, "*", *by_keyword] if by_keyword else positional)
    return f"def forward({declaration}):\n    return {signature.callee}({_arguments(signature, given)})\n"


def _arguments(signature: Signature, given: Mapping[str, str]) -> str:
    receiver = signature.callee.partition(".")[0]
    values = ((p, given.get(p.name, p.name)) for p in signature.parameters if p.name != receiver)
    return ", ".join(f"{p.name}={value}" if p.keyword_only else value for p, value in values)


def passing_on(name: str, module: nn.Module) -> Iterator[Callable[..., Any]]:
    """Methods that take what `module` takes and call it, as the part `name` of another."""
    declared: list[Any] | None = _get_overloaded_methods(module.forward, type(module))  # type: ignore[no-untyped-call]
    for forward in declared or [type(module).forward]:
        source = textwrap.dedent(inspect.getsource(forward))
        (definition,) = ast.parse(source).body
        assert isinstance(definition, ast.FunctionDef)
        taken = definition.args
        if taken.vararg is None and taken.kwarg is None:
            itself, *positional = (a.arg for a in [*taken.posonlyargs, *taken.args])
            given = ", ".join([*positional, *(f"{a.arg}={a.arg}" for a in taken.kwonlyargs)])
            comment: str | None = get_type_line(source)  # type: ignore[no-untyped-call]
            body = f"    {comment or ''}\n    return {itself}.{name}({given})\n"
            known = {**forward.__globals__, **inspect.getclosurevars(forward).nonlocals}
            yield defined(f"def forward({ast.unparse(taken)}):\n{body}", known)
