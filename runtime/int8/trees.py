"""Nested tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tree:
    """A tuple, list or dict of trees, or a leaf."""

    kind: str
    """tuple, list, dict or leaf."""
    children: tuple[Tree, ...] = ()
    keys: tuple[str, ...] = ()
    leaf: Any = None

    @classmethod
    def of(cls, value: Any, leaf: Callable[[Any], Any]) -> Tree:
        """The structure of `value`, with what `leaf` makes of each leaf."""
        kind = type(value).__name__ if type(value) in (tuple, list, dict) else "leaf"
        if kind == "leaf":
            return cls(kind, leaf=leaf(value))
        if kind == "dict" and not all(isinstance(key, str) for key in value):
            raise ValueError(f"the keys of a dict must be strings, not {list(value)}")
        items = value.values() if kind == "dict" else value
        keys = tuple(value) if kind == "dict" else ()
        return cls(kind, tuple(cls.of(item, leaf) for item in items), keys)

    def build(self, leaf: Callable[[Any], Any]) -> Any:
        if self.kind == "leaf":
            return leaf(self.leaf)
        parts = [child.build(leaf) for child in self.children]
        if self.kind == "dict":
            return dict(zip(self.keys, parts, strict=True))
        return tuple(parts) if self.kind == "tuple" else parts

    def leaves(self) -> list[Any]:
        if self.kind == "leaf":
            return [self.leaf]
        return [leaf for child in self.children for leaf in child.leaves()]

    def map(self, leaf: Callable[[Any], Any]) -> Tree:
        if self.kind == "leaf":
            return Tree("leaf", leaf=leaf(self.leaf))
        return Tree(self.kind, tuple(child.map(leaf) for child in self.children), self.keys)
