"""Methods for TorchScript, written from the signatures of the functions that they call."""

from __future__ import annotations
import __future__

import linecache
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import combinations, count, dropwhile, islice
from typing import Any

import torch
from torch.jit._state import _set_jit_overload_cache
from torch.jit.frontend import FrontendError

from runtime.modules.scripting.signatures import Parameter, Signature, literal

_OF_ALL = ("torch", "__name__", "__builtins__")
"""The names that every method knows."""
NOTHING = 'def forward(self):\n    raise NotImplementedError("TorchScript cannot call the function behind this")\n'
_MOST_CHOICES = 128
"""Of optional arguments, small ones first: each costs the compiler a millisecond, and nobody passes ten of them."""
_files = count()
_sources: dict[str, str] = {}
"""Of all methods that were written, by the file that they seem to stand in."""


def defined(source: str, names: Mapping[str, Any]) -> Callable[..., Any]:
    """The function in `source`, which can be read again, as TorchScript does. It knows `names`."""
    file = f"<scripted {next(_files)}>"
    _sources[file] = source
    _make_readable(file)
    # Annotations stay text: TorchScript knows names in them that Python does not.
    code = compile(source, file, "exec", flags=__future__.annotations.compiler_flag)
    found: dict[str, Callable[..., Any]] = {}
    exec(code, {"torch": torch, **names, "__name__": __name__}, found)
    (function,) = found.values()
    return function


def without_self(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that does not use itself, as a function."""
    return defined(source_of(method).replace("self, ", "", 1), method.__globals__)


def overloaded(functions: Iterable[Callable[..., Any]]) -> Callable[..., Any]:
    """One function that TorchScript takes for all of these."""
    stand_in = defined(NOTHING, {})
    _set_jit_overload_cache(stand_in, [torch.jit.script(function) for function in functions])
    return stand_in


def source_of(function: Callable[..., Any]) -> str:
    """The source, which TorchScript can read from now on, whoever has emptied Python's cache of lines meanwhile."""
    file = function.__code__.co_filename
    if file in _sources:
        _make_readable(file)
    return "".join(linecache.getlines(file))


def names_of(function: Callable[..., Any]) -> str:
    """What the names in the source of a method stand for: functions of one signature are called by the same source."""
    given = {name: value for name, value in function.__globals__.items() if name not in _OF_ALL}
    return "".join(f"# {name} is {id(value)}\n" for name, value in given.items())


def _make_readable(file: str) -> None:
    source = _sources[file]
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)


def overloads(
    signatures: Iterable[Signature], fixed: Mapping[str, Any], defaults: bool = True
) -> Iterator[Callable[..., Any]]:
    """Methods for the signatures that have the `fixed` arguments and take their values.

    Methods that are called by others of their module have no `defaults`: TorchScript forgets them there.
    """
    given = {name: literal(value) for name, value in fixed.items()}
    for signature in signatures:
        if given.keys() <= {p.name for p in signature.parameters}:
            made = (_compiled(signature.function, source) for source in sources(signature, given, defaults))
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


def sources(signature: Signature, fixed: Mapping[str, str], defaults: bool) -> Iterator[str]:
    """Methods that make the call, with `fixed` arguments (name -> source)."""
    optional = [p for p in signature.parameters if p.default is not None and p.name not in fixed]
    values = {p.name: str(p.default) for p in optional}
    rest = {*dropwhile(lambda p: defaults and not p.is_inexpressible(), optional)}
    yield _source(signature, {**fixed, **{p.name: values[p.name] for p in rest}})
    # A method of its own for each choice of optional arguments that has some of the rest among them.
    choices = (chosen for size in range(1, len(optional) + 1) for chosen in combinations(optional, size))
    for chosen in islice((c for c in choices if rest & {*c}), _MOST_CHOICES if rest else 0):
        omitted = {p.name: values[p.name] for p in optional if p not in chosen}
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
    call, results = f"{signature.callee}({_arguments(signature, given)})", range(signature.results)
    if len(results) == 1:
        return f"def forward({declaration}):\n    return {call}\n"
    named = ", ".join(f"result{number}" for number in results)  # TorchScript counts what a call is unpacked into
    return f"def forward({declaration}):\n    {named} = {call}\n    return {named}\n"


def _arguments(signature: Signature, given: Mapping[str, str]) -> str:
    receiver = signature.callee.partition(".")[0]
    values = ((p, given.get(p.name, p.name)) for p in signature.parameters if p.name != receiver)
    return signature.separator.join(f"{p.name}={value}" if p.keyword_only else value for p, value in values)
