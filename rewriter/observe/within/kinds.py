"""Of what kind a value is, found out without running a line of the program's code: its type alone is asked."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

Key = tuple[Any, Any]
"""What tells the kinds at one place apart, and is cheap to make: `shown` says it in words."""

_PLAIN: dict[type, str] = {
    int: "int", bool: "bool", float: "float", complex: "complex", str: "str", bytes: "bytes", type(None): "None",
    dict: "dict", set: "set",
}  # fmt: skip
_LOOKED_AT = 8
"""How many members of a sequence."""
_MOST_TYPES = 4096
_DEPTH = 2

_mro = type.__dict__["__mro__"].__get__
_known: dict[int, tuple[type, str]] = {}
"""By the identity of the type, which is kept alive: a type may have a hash of its own."""


def key_of(value: Any, depth: int = 0) -> Key:
    cls = type(value)
    kind = _of_type(cls)
    if kind == "tensor":
        return _of_tensor(value)
    if kind == "function":
        return f"function {_name_of(value)}", None
    if kind in ("list", "tuple") and depth < _DEPTH:
        members = frozenset(key_of(member, depth + 1)[0] for member in value[:_LOOKED_AT])
        return (kind, members), None
    return kind, None


def _of_type(cls: type) -> str:
    known = _known.get(id(cls))
    if known is None:
        known = cls, _found(cls)
        if len(_known) < _MOST_TYPES and known[1] != "unknown":
            _known[id(cls)] = known
    return known[1]


def _found(cls: type) -> str:
    if cls in (list, tuple):
        return cls.__name__
    if cls in (FunctionType, BuiltinFunctionType, MethodType):
        return "function"
    if cls in _PLAIN:
        return _PLAIN[cls]
    torch = sys.modules.get("torch")
    above = [id(base) for base in _mro(cls)]
    if torch is not None and id(getattr(torch, "Tensor", None)) in above:
        usual = (torch.Tensor, getattr(torch.nn, "Parameter", None)) if hasattr(torch, "nn") else (torch.Tensor,)
        return "tensor" if any(cls is known for known in usual) else "tensor of a subclass"
    nn = sys.modules.get("torch.nn")
    name = f"{cls.__module__}.{cls.__qualname__}"
    return f"module {name}" if nn is not None and id(getattr(nn, "Module", None)) in above else f"object {name}"


def _of_tensor(value: Any) -> Key:
    """Modes that a program has set would see that attributes are read, and a trace would hold it: then none is."""
    bottom = sys.modules["torch"]._C
    if bottom._len_torch_function_stack() or bottom._is_tracing():
        return "tensor", None
    return value.dtype, tuple(value.shape)


def _name_of(function: Any) -> str:
    """`torch.nn.functional.relu`; of a method, what it is called."""
    module = getattr(function, "__module__", None)
    name = str(getattr(function, "__qualname__", "?")).removeprefix("_VariableFunctionsClass.")
    return f"{module}.{name}" if isinstance(module, str) else name


def shown(key: Key) -> tuple[str, list[int] | None]:
    """The kind in words, and the shape of a tensor."""
    kind, shape = key
    return _in_words(kind), None if shape is None else [int(size) for size in shape]


def _in_words(kind: Any) -> str:
    if isinstance(kind, str):
        return kind
    if isinstance(kind, tuple):
        members = " | ".join(sorted(map(_in_words, kind[1])))
        return f"{kind[0]}[{members}]" if members else str(kind[0])
    return f"tensor {str(kind).removeprefix('torch.')}"
