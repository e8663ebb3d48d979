"""How TorchScript may call the functions of torch: read from the schemas that it resolves such calls with."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from typing import Any

import torch
from torch._jit_internal import boolean_dispatched
from torch.jit._builtins import _find_builtin
from torch.jit._script import _get_overloads

RECEIVER = "input"
"""What torch's functions call the argument that methods have before the dot."""


_MOST_KINDS = 256
"""Of arguments, together, each of which costs the compiler a millisecond."""


@dataclass(frozen=True)
class Parameter:
    name: str
    annotation: str
    default: str | None = None
    """Source of the default."""
    keyword_only: bool = False

    def declared(self) -> str:
        default = "" if self.default is None else f" = {self.default}"
        return f"{self.name}: {self.annotation}{default}"

    def is_inexpressible(self) -> bool:
        """TorchScript allows no default that is a list, and none at all where only keywords can follow."""
        return self.default is not None and (self.keyword_only or "[" in self.default)


@dataclass(frozen=True)
class Signature:
    """One way to call a function."""

    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    callee: str = "function"
    """What stands before the parentheses of a call."""
    separator: str = ", "
    """What stands between the arguments."""
    results: int = 1
    """How many it returns."""


def signatures(function: Callable[..., Any], fixed: Mapping[str, Any]) -> tuple[Signature, ...]:
    """All of them, of a function that has some `fixed` arguments; none if TorchScript cannot call it."""
    if inspect.isfunction(function) and function in boolean_dispatched:  # on a flag whose value must be known
        choice: Mapping[str, Any] = boolean_dispatched[function]
        function = choice["if_true" if fixed.get(choice["arg_name"], choice["default"]) else "if_false"]
    return _signatures(function)


@cache
def _signatures(function: Callable[..., Any]) -> tuple[Signature, ...]:
    if isinstance(function, types.MethodDescriptorType):
        schemas = _schemas(f"aten::{function.__name__}")
        return tuple(_of_method(function, s) for s in schemas if "self" in {a.name for a in s.arguments})
    if (builtin := _find_builtin(function)) is not None:  # type: ignore[no-untyped-call]
        return tuple(Signature(function, _parameters(s, {})) for s in _schemas(builtin))
    if (differentiated := _own_gradient(function)) is not None:
        return tuple(_of_apply(differentiated))
    if not inspect.isfunction(function):
        return ()
    try:
        compiled = _get_overloads(function) or [torch.jit.script(function)]  # type: ignore[no-untyped-call]
    except Exception:  # of any kind, for any function: it matters only if the compiler meets a call
        return ()
    defaults = {name: p.default for name, p in inspect.signature(function).parameters.items()}
    return tuple(Signature(function, _parameters(c.schema, defaults)) for c in compiled)


def _own_gradient(function: Callable[..., Any]) -> type[torch.autograd.Function] | None:
    """The class whose `apply` it is."""
    cls = getattr(function, "__self__", None)
    if not isinstance(cls, type) or not issubclass(cls, torch.autograd.Function):
        return None
    return cls if function == cls.apply else None


def _of_apply(cls: type[torch.autograd.Function]) -> Iterator[Signature]:
    """For each kind of argument that its forward may take: TorchScript asks for types that hardly anybody writes."""
    given = [*inspect.signature(cls.forward).parameters.values()]
    apart = cls.setup_context is not torch.autograd.Function.setup_context
    given = given if apart else given[1:]  # without `ctx`
    if any(p.kind is not p.POSITIONAL_OR_KEYWORD for p in given):
        return
    first = ("Tensor",)  # what a gradient is for
    for kinds in islice(product(*(first if p is given[0] else _kinds(p) for p in given)), _MOST_KINDS):
        parameters = tuple(Parameter(p.name, kind) for p, kind in zip(given, kinds, strict=True))
        yield Signature(cls, parameters, "function.apply", results=_results(cls))


def _kinds(parameter: inspect.Parameter) -> tuple[str, ...]:
    said = parameter.annotation
    plain = {torch.Tensor: "Tensor", float: "float", int: "int", bool: "bool", str: "str"}
    return (plain[said],) if said in plain else ("Tensor", "float", "int", "bool", "Optional[Tensor]")


def _results(cls: type[torch.autograd.Function]) -> int:
    """As its source says, which TorchScript does not read where the result is handed on."""
    try:
        source = textwrap.dedent(inspect.getsource(cls.forward))
    except OSError:
        return 1
    returned = (n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Return))
    return next((len(value.elts) for value in returned if isinstance(value, ast.Tuple)), 1)


def _schemas(name: str) -> Iterator[Any]:
    """The overloads of an operator that take tensors and return what they compute."""
    for schema in torch._C._jit_get_schemas_for_operator(name):
        takes_tensors = any("Tensor" in a.type.annotation_str for a in schema.arguments)
        if takes_tensors and not any(a.is_out for a in schema.arguments):
            yield schema


def _of_method(function: types.MethodDescriptorType, schema: Any) -> Signature:
    first = sorted(_parameters(schema, {}), key=lambda p: p.name != RECEIVER)
    return Signature(function, tuple(first), f"{RECEIVER}.{function.__name__}")


def _parameters(schema: Any, defaults: Mapping[str, Any]) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(RECEIVER if a.name == "self" else a.name, _annotation(a), _default(a, defaults), a.kwarg_only)
        for a in schema.arguments
    )


def _annotation(argument: Any) -> str:
    text: str = argument.type.annotation_str
    return text if not argument.N else text.replace("List[", f"BroadcastingList{argument.N}[")


def _default(argument: Any, defaults: Mapping[str, Any]) -> str | None:
    """Its source. `defaults` has those that a schema cannot tell: numbers that stand for a list of them."""
    if not argument.has_default_value():
        return None
    value = defaults[argument.name] if defaults else argument.default_value
    if argument.N and isinstance(value, list) and len({*value}) == 1:
        value = value[0]
    return literal(value)


def literal(value: Any) -> str:
    """Source of a value, as TorchScript reads it."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]" if value else "torch.jit.annotate(List[int], [])"
    if isinstance(value, tuple):
        return f"({''.join(f'{literal(v)}, ' for v in value)})"
    return repr(value)
