"""Nested tuples, lists and dicts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any


class Named(dict[str, Any]):
    """The arguments that a call passes by name: the last of a tuple of arguments."""


TYPES: dict[str, Callable[..., Any]] = {
    "tuple": tuple,
    "list": list,
    "dict": dict,
    "OrderedDict": OrderedDict,
    "named": Named,
}
_NAMED = ("dict", "OrderedDict", "named")


@dataclass(frozen=True)
class Tree:
    """A tuple, list or dict of trees, or a leaf."""

    kind: str
    """The name of one of `TYPES`, or leaf."""
    children: tuple[Tree, ...] = ()
    keys: tuple[str, ...] = ()
    leaf: Any = None

    @classmethod
    def of(cls, value: Any, leaf: Callable[[Any], Any]) -> Tree:
        """The structure of `value`, with what `leaf` makes of each leaf."""
        kind = next((name for name, known in TYPES.items() if type(value) is known), "leaf")
        if kind == "leaf":
            return cls(kind, leaf=leaf(value))
        if kind in _NAMED and not all(isinstance(key, str) for key in value):
            raise ValueError(f"the keys of a dict must be strings, not {list(value)}")
        items, keys = (value.values(), tuple(value)) if kind in _NAMED else (value, ())
        return cls(kind, tuple(cls.of(item, leaf) for item in items), keys)

    def build(self, leaf: Callable[[Any], Any]) -> Any:
        if self.kind == "leaf":
            return leaf(self.leaf)
        parts = [child.build(leaf) for child in self.children]
        return TYPES[self.kind](zip(self.keys, parts, strict=True) if self.named else parts)

    @property
    def named(self) -> bool:
        """Whether its parts have keys."""
        return self.kind in _NAMED

    def leaves(self) -> list[Any]:
        if self.kind == "leaf":
            return [self.leaf]
        return [leaf for child in self.children for leaf in child.leaves()]

    def map(self, leaf: Callable[[Any], Any]) -> Tree:
        if self.kind == "leaf":
            return Tree("leaf", leaf=leaf(self.leaf))
        return Tree(self.kind, tuple(child.map(leaf) for child in self.children), self.keys)


def packed(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of a call as one tuple; in which order some were named makes no difference."""
    return (*args, Named(sorted(named.items()))) if named else args


def unpacked(arguments: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Those by position and those by name, of what `packed` made."""
    by_name = bool(arguments) and isinstance(arguments[-1], Named)
    return (arguments[:-1], dict(arguments[-1])) if by_name else (arguments, {})


def plain(value: Any) -> Any:
    """With tuples, lists and dicts in place of named tuples and of classes made from these."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        kind = OrderedDict if type(value) is OrderedDict else dict
        return kind((key, plain(part)) for key, part in value.items())
    if isinstance(value, (tuple, list)):
        return (list if isinstance(value, list) else tuple)(plain(part) for part in value)
    return value


def is_plain(value: Any) -> bool:
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (tuple, list)) else ()
    return type(value) is type(plain(value)) and all(map(is_plain, parts))
