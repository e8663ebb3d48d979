"""Abstract values: what an expression may be, as far as the rewriter has to know."""

from __future__ import annotations

import ast
import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from rewriter.torch_api import catalogue


class Kind(enum.Enum):
    TENSOR = "tensor"
    NUMBER = "number"
    STRING = "string"
    NONE = "None"
    SEQUENCE = "sequence"
    DICT = "dict"
    MODULE = "module"
    FUNCTION = "function"
    CLASS = "class"
    OTHER = "other"
    """Something known that is none of these: a dtype, a device, an exception."""
    UNKNOWN = "unknown"

    __hash__ = object.__hash__  # in C, unlike Enum's own; members are equal only to themselves


@dataclass(frozen=True)
class Choice:
    """One of several functions of the project, by their objects or by those of tables that hold them."""

    of: frozenset[object]


@dataclass(frozen=True)
class Objects:
    """Objects of classes that are known by their full names, or of classes below these."""

    of: frozenset[str]


class Value(NamedTuple):
    """The kinds that an expression may have; the rest refines one of them."""

    kinds: frozenset[Kind]
    assumed: bool = False
    """A tensor only by convention: an argument of forward that nobody typed, or what follows from one."""
    element: Value | None = None
    """What a sequence or dict holds."""
    items: tuple[Value, ...] | None = None
    """The members of a sequence whose length is known."""
    ref: object = None
    """Which module, function or class: a full name or an object of facts."""
    sources: frozenset[str] = frozenset()
    """The assumed arguments that the value is computed from by arithmetic alone."""

    def may_be(self, kind: Kind) -> bool:
        return kind in self.kinds

    def is_only(self, *kinds: Kind) -> bool:
        return self.kinds <= frozenset(kinds)

    @property
    def is_any_operation(self) -> bool:
        return self.ref == _ANY

    @property
    def known(self) -> bool:
        return Kind.UNKNOWN not in self.kinds

    def member(self) -> Value:
        """What iterating or indexing gives."""
        if self.items:
            return join_all(self.items)
        if self.element is not None:
            return self.element
        return self._replace(items=None, ref=None) if self.may_be(Kind.TENSOR) else UNKNOWN

    def without(self, kind: Kind) -> Value:
        rest = self.kinds - {kind}
        return self._replace(kinds=rest) if rest else UNKNOWN


def of(*kinds: Kind, ref: object = None) -> Value:
    return Value(frozenset(kinds), ref=ref)


TENSOR = of(Kind.TENSOR)
ASSUMED = Value(frozenset({Kind.TENSOR}), assumed=True)
NUMBER = of(Kind.NUMBER)
STRING = of(Kind.STRING)
NONE = of(Kind.NONE)
OTHER = of(Kind.OTHER)
UNKNOWN = of(Kind.UNKNOWN)
DICT = Value(frozenset({Kind.DICT}))


_ANY = "torch.?"
ANY_OPERATION = of(Kind.FUNCTION, ref=_ANY)
"""A function of torch that is an operation; which one is known only when it runs."""


def sequence(element: Value | None = None, items: Iterable[Value] | None = None) -> Value:
    return Value(frozenset({Kind.SEQUENCE}), element=element, items=None if items is None else tuple(items))


def dictionary(element: Value | None) -> Value:
    return Value(frozenset({Kind.DICT}), element=element)


SHAPE = sequence(NUMBER)
TENSORS = sequence(TENSOR)


def objects(*names: str) -> Value:
    """Objects whose methods are known, and nothing else about them."""
    return Value(frozenset({Kind.UNKNOWN}), ref=Objects(frozenset(names)))


def join(a: Value, b: Value) -> Value:
    """Either of the two."""
    if a is b or a == b:
        return a
    same_length = a.items is not None and b.items is not None and len(a.items) == len(b.items)
    return Value(
        a.kinds | b.kinds,
        assumed=(a.assumed or b.assumed) and not _proven(a) and not _proven(b),
        element=None if same_length else _join_elements(a, b),
        items=tuple(map(join, a.items, b.items)) if same_length and a.items and b.items else None,
        ref=a.ref if a.ref == b.ref else _either(a, b),
        sources=a.sources | b.sources,
    )


def _either(a: Value, b: Value) -> object:
    """What may be meant: any function of torch, or those of the project; objects of either's classes."""
    classes = [value.ref.of for value in (a, b) if isinstance(value.ref, Objects)]
    if classes:
        return Objects(frozenset().union(*classes))
    refs = [value.ref for value in (a, b) if not value.is_only(Kind.NONE)]
    if refs and all(ref == _ANY or catalogue.is_function(ref) for ref in refs):
        return _ANY
    found: set[object] = set()
    for value in (a, b):
        if value.may_be(Kind.FUNCTION) and value.ref is not None and not isinstance(value.ref, str):
            found |= value.ref.of if isinstance(value.ref, Choice) else {value.ref}
    return Choice(frozenset(found)) if found else None


def _proven(value: Value) -> bool:
    return value.may_be(Kind.TENSOR) and not value.assumed


def _join_elements(a: Value, b: Value) -> Value | None:
    members = [v.member() for v in (a, b) if v.items or v.element is not None]
    return join_all(members) if members else None


def join_all(values: Iterable[Value]) -> Value:
    found = list(values)
    if not found:
        return UNKNOWN
    result = found[0]
    for value in found[1:]:
        result = join(result, value)
    return result


_SIMPLE = {
    **dict.fromkeys(["int", "float", "bool", "complex"], NUMBER),
    **dict.fromkeys(["str", "bytes"], STRING),
    **dict.fromkeys(["torch.dtype", "torch.device", "torch.Generator"], OTHER),
    **dict.fromkeys(["list", "tuple"], sequence()),
    "dict": DICT,
    "torch.Size": SHAPE,
    "torch.nn.Module": of(Kind.MODULE),
}


@dataclass(frozen=True)
class _Annotations:
    """Reads type annotations; `full_name` resolves names as the annotated file does."""

    full_name: Callable[[ast.expr], str | None]

    def read(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return join(self.read(node.left), self.read(node.right))
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        name = self._name(node)
        if name.startswith("torch.") and name.endswith("Tensor"):
            return TENSOR
        if name in ("torch.nn.Parameter", "torch.nn.parameter.Parameter", "torch.nn.Buffer"):
            return TENSOR
        known = _SIMPLE.get(name)
        return known or (objects(name) if "." in name and not name.startswith("torch.") else UNKNOWN)

    def _name(self, node: ast.expr) -> str:
        name = self.full_name(node) or ast.unparse(node)
        return name.removeprefix("typing.").removeprefix("typing_extensions.").removeprefix("builtins.")

    def _constant(self, node: ast.Constant) -> Value:
        if node.value is None:
            return NONE
        if isinstance(node.value, str):
            try:
                return self.read(ast.parse(node.value, mode="eval").body)
            except SyntaxError:
                return UNKNOWN
        return UNKNOWN

    def _subscript(self, node: ast.Subscript) -> Value:
        arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        name = self._name(node.value).split(".")[-1]
        if name == "Optional":
            return join(self.read(arguments[0]), NONE)
        if name == "Union":
            return join_all(self.read(a) for a in arguments)
        if name in ("List", "list", "Sequence", "Iterable", "Iterator", "Set", "set"):
            return sequence(self.read(arguments[0]))
        if name in ("Tuple", "tuple"):
            if len(arguments) == 2 and isinstance(arguments[1], ast.Constant) and arguments[1].value is ...:
                return sequence(self.read(arguments[0]))
            return sequence(items=[self.read(a) for a in arguments])
        if name in ("Dict", "dict", "Mapping", "OrderedDict", "MutableMapping"):
            return dictionary(self.read(arguments[-1]))
        if name in ("Annotated", "Final", "ClassVar"):
            return self.read(arguments[0])
        # Shape-typed arrays, such as Float[Tensor, "batch channels"], wrap what they hold.
        first = self.read(arguments[0])
        return first if first == TENSOR else UNKNOWN


def from_annotation(node: ast.expr | None, full_name: Callable[[ast.expr], str | None]) -> Value | None:
    """The value that an annotation promises; None where it promises nothing.

    A sequence is only assumed: libraries annotate tensors as tuples of tensors.
    """
    if node is None:
        return None
    value = _Annotations(full_name).read(node)
    if value.is_only(Kind.SEQUENCE, Kind.NONE) and value.member().may_be(Kind.TENSOR):
        return value._replace(assumed=True)
    return None if value.is_only(Kind.UNKNOWN) else value


def objects_annotated(node: ast.expr | None, full_name: Callable[[ast.expr], str | None]) -> Value:
    """What an annotation says of something that is of no kind known here: at most its class."""
    value = _Annotations(full_name).read(node) if node is not None else UNKNOWN
    return value if value.is_only(Kind.UNKNOWN) else UNKNOWN


def from_default(node: ast.expr | None) -> Value | None:
    """What a parameter's default says of its kind; `None` says only that None may come."""
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    if not isinstance(node, ast.Constant):
        return sequence() if isinstance(node, ast.Tuple | ast.List) else None
    if node.value is None:
        return NONE
    if isinstance(node.value, int | float | complex):
        return NUMBER
    return STRING if isinstance(node.value, str | bytes) else None
