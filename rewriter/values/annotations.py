"""What annotations and defaults say of values."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from rewriter.python.type_names import TypeNames
from rewriter.values.base import UNKNOWN, Unknown, Value
from rewriter.values.dictionary import DICT, Dictionary
from rewriter.values.modules import MODULE, TorchModule
from rewriter.values.objects import objects
from rewriter.values.one_of import OneOf, join, join_all
from rewriter.values.plain import FACT, NONE, NUMBER, OTHER, STRING, WHOLE, Nothing
from rewriter.values.sequence import SEQUENCE, SHAPE, Sequence, sequence
from rewriter.values.tensor import TENSOR, Tensor

_CONTAINERS: dict[str, Value] = {
    "torch.nn.Sequential": TorchModule("torch.nn.Sequential"),
    "torch.nn.ModuleList": sequence(MODULE),
    "torch.nn.ModuleDict": Dictionary(MODULE),
}
_SIMPLE: dict[str, Value] = {
    **dict.fromkeys(["float", "complex"], NUMBER),
    **dict.fromkeys(["int", "bool"], WHOLE),
    **dict.fromkeys(["str", "bytes"], STRING),
    **dict.fromkeys(["torch.dtype", "torch.device"], FACT),
    "torch.Generator": OTHER,
    **dict.fromkeys(["list", "tuple"], SEQUENCE),
    **dict.fromkeys(["dict", "Dict", "Mapping", "MutableMapping"], DICT),
    "torch.Size": SHAPE,
    "torch.nn.Module": MODULE,
    **_CONTAINERS,
}


_WHOLE = frozenset({"LongTensor", "IntTensor", "ShortTensor", "ByteTensor", "CharTensor", "BoolTensor"})


@dataclass(frozen=True)
class _Annotations:
    """Reads type annotations; `names` resolves names as the annotated file does."""

    names: TypeNames
    behind: frozenset[str] = frozenset()
    """The names for types by way of which it is read."""

    def read(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return join(self.read(node.left), self.read(node.right))
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        name = self._name(node)
        if name.startswith("torch.") and name.endswith("Tensor"):
            return Tensor(is_whole=name.rpartition(".")[2] in _WHOLE)
        if name in ("torch.nn.Parameter", "torch.nn.parameter.Parameter", "torch.nn.Buffer"):
            return TENSOR
        if (known := _SIMPLE.get(name)) is not None:
            return known
        is_elsewhere = "." in name and not name.startswith("torch.")
        return (self._aliased(name) or objects(name)) if is_elsewhere else UNKNOWN

    def _aliased(self, name: str) -> Value | None:
        """What a name that the project has for a type stands for."""
        found = self.names.alias(name) if name not in self.behind else None
        return None if found is None else _Annotations(found[1], self.behind | {name}).read(found[0])

    def _name(self, node: ast.expr) -> str:
        name = self.names.full_name(node) or ast.unparse(node)
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
            return Dictionary(self.read(arguments[-1]))
        if name in ("Annotated", "Final", "ClassVar"):
            return self.read(arguments[0])
        # Shape-typed arrays, such as Float[Tensor, "batch channels"], wrap what they hold.
        first = self.read(arguments[0])
        return first if first == TENSOR else UNKNOWN


def from_annotation(node: ast.expr | None, names: TypeNames) -> Value | None:
    """The value that an annotation promises; None where it promises nothing.

    A sequence is only assumed: libraries annotate tensors as tuples of tensors.
    """
    if node is None:
        return None
    value = _Annotations(names).read(node)
    if value.is_only(Sequence, Nothing) and value.member().may_be(Tensor):
        return _assumed(value)
    return None if value.is_only(Unknown) else value


def or_nothing(annotated: Value, default: ast.expr | None) -> Value:
    """`layers: nn.Sequential = None`: who goes through the layers has to know that there may be none."""
    is_container = annotated in _CONTAINERS.values()
    return join(annotated, NONE) if is_container and from_default(default) == NONE else annotated


def _assumed(value: Value) -> Value:
    if isinstance(value, OneOf):
        return OneOf(tuple(map(_assumed, value.alternatives)))
    return replace(value, assumed=True) if isinstance(value, Sequence) else value


def objects_annotated(node: ast.expr | None, names: TypeNames, otherwise: Value = UNKNOWN) -> Value:
    """What an annotation says of something that is of no kind known here: at most its class."""
    value = _Annotations(names).read(node) if node is not None else UNKNOWN
    return value if value.is_only(Unknown) and not value.says_nothing else otherwise


def from_default(node: ast.expr | None) -> Value | None:
    """What a parameter's default says of its kind; `None` says only that None may come."""
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    if not isinstance(node, ast.Constant):
        return SEQUENCE if isinstance(node, ast.Tuple | ast.List) else None
    if node.value is None:
        return NONE
    if isinstance(node.value, int | float | complex):
        return WHOLE if isinstance(node.value, int) else NUMBER
    return STRING if isinstance(node.value, str | bytes) else None
