"""Modules that store nothing on themselves once they are made: their parts can be copied, as nobody misses a store."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from rewriter.facts.instances.memory import acts_as_module, stores_later
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.filled import added_to_list
from rewriter.python.attributes import assignments_of
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import CONTAINERS, own_name
from rewriter.python.trees import walk
from rewriter.torch_api import modules
from rewriter.values.base import UNKNOWN, Value
from rewriter.values.classes import ProjectClass
from rewriter.values.dictionary import Dictionary
from rewriter.values.modules import ProjectModule
from rewriter.values.objects import PlainObject
from rewriter.values.sequence import Sequence

FullName = Callable[[ast.expr], str | None]
Seen = frozenset[Class | Function]

_REGISTERING = frozenset({"add_module", "register_module"})
# They return the layer that they are given: what computes its weight before each call is a hook of the layer.
_RETURNING_IT = frozenset(
    {
        "torch.nn.utils.weight_norm", "torch.nn.utils.spectral_norm", "torch.nn.utils.parametrizations.weight_norm",
        "torch.nn.utils.parametrizations.spectral_norm", "torch.nn.utils.parametrizations.orthogonal",
    }
)  # fmt: skip
_GROWING = frozenset({"append", "extend", "insert", "update"})


def made_class(knowledge: Knowledge, node: ast.expr | None, full_name: FullName) -> str | Class | None:
    """The module class, by full name or of the project, that a constructing call names outright."""
    name = full_name(node.func) if isinstance(node, ast.Call) else None
    if name is None:
        return None
    found = knowledge.project.find(name)
    if isinstance(found, Class):
        return found if knowledge.hierarchy.lineage(found).is_module else None
    is_of_torch = name.startswith("torch.nn.") and name.rpartition(".")[2][:1].isupper()
    return name if is_of_torch or name in modules.PARAMETER_FREE else None


def keeps_nothing(knowledge: Knowledge, cls: Class, seen: Seen = frozenset()) -> bool:
    """Whether no object of the class, nor any part of it, stores something on itself once it is made."""
    lineage = knowledge.hierarchy.lineage(cls)
    if cls in seen:
        return True
    if lineage.unseen or stores_later(knowledge, cls) or acts_as_module(knowledge, cls) is not None:
        return False
    seen |= {cls}
    is_container = bool(lineage.torch & CONTAINERS)
    registered = (pair for base in lineage.project for pair in _registered(base, is_container))
    if not all(makes_memoryless(knowledge, part, name, seen) for part, name in registered):
        return False
    used = {name for base in lineage.project for name in _names_used(base)}
    attributes = knowledge.attributes(cls).items()
    return all(
        all(_is_memoryless(knowledge, held, name in used, seen) for held in _members(value))
        or _is_filled_with_memoryless(knowledge, cls, name, seen)
        for name, value in attributes
    )


def _is_filled_with_memoryless(knowledge: Knowledge, cls: Class, name: str, seen: Seen) -> bool:
    """Whether the constructor that makes a list puts modules into it, of different kinds, that store nothing."""
    classes = knowledge.hierarchy.lineage(cls).project
    stores = [(store, base.constructor) for base in classes for store in assignments_of(base, name)]
    if len(stores) != 1:
        return False
    (store, init), *_ = stores
    own = own_name(init) if init is not None else None
    if init is None or own is None or store.value is None or store not in init.node.body:
        return False
    made = [store.value, *added_to_list(name, init, own)]
    return all(makes_memoryless(knowledge, part, init.name_inside, seen) for part in made)


def classes_of_parts(knowledge: Knowledge, cls: Class) -> list[Class]:
    """The classes of the modules that an object of the class is known to have, however far down."""
    found, waiting = list[Class](), [cls]
    while waiting:
        values = knowledge.attributes(waiting.pop()).values()
        held = (part for value in values for part in (value.held or value.parts) if isinstance(part, ProjectModule))
        new = [part.cls for part in held if part.cls not in found and part.cls is not cls]
        found += dict.fromkeys(new)
        waiting += dict.fromkeys(new)
    return found


def makes_memoryless(
    knowledge: Knowledge,
    node: ast.expr,
    full_name: FullName,
    seen: Seen = frozenset(),
) -> bool:
    """Whether an expression makes a module, or several, of which none stores anything on itself."""
    if isinstance(node, ast.Constant):
        return True
    made = made_class(knowledge, node, full_name)
    if isinstance(made, Class):
        return keeps_nothing(knowledge, made, seen)
    if made is not None and made not in CONTAINERS:
        return True
    parts = _parts(node, made is not None or _is_ordered_dict(node, full_name))
    if parts is not None:
        return all(makes_memoryless(knowledge, part, full_name, seen) for part in parts)
    name = full_name(node.func) if isinstance(node, ast.Call) else None
    if name in _RETURNING_IT and isinstance(node, ast.Call) and node.args:
        return isinstance(made_class(knowledge, node.args[0], full_name), str)
    maker = knowledge.project.find(name) if name is not None else None
    if isinstance(maker, Function) and maker not in seen:
        results = [n.value for n in walk(maker.node) if isinstance(n, ast.Return)]
        named, seen = maker.name_inside, seen | {maker}
        return bool(results) and all(r is not None and makes_memoryless(knowledge, r, named, seen) for r in results)
    return name is not None and name.startswith("runtime.modules.")


def _parts(node: ast.expr, is_container: bool) -> list[ast.expr] | None:
    """The expressions that make what a container or a display holds; None for anything else."""
    if isinstance(node, ast.Call) and is_container:
        return [*node.args, *(keyword.value for keyword in node.keywords)]
    if isinstance(node, ast.List | ast.Tuple):
        return node.elts
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        return [node.elt]
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):  # `[nn.ReLU()] * depth`
        return [side for side in (node.left, node.right) if isinstance(side, ast.List | ast.Tuple)] or None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [node.left, node.right]
    if isinstance(node, ast.Dict) and None not in node.keys:
        return node.values
    return [node.value] if isinstance(node, ast.Starred) else None


def _is_ordered_dict(node: ast.expr, full_name: FullName) -> bool:
    return isinstance(node, ast.Call) and full_name(node.func) == "collections.OrderedDict"


def _registered(cls: Class, is_container: bool) -> Iterator[tuple[ast.expr, FullName]]:
    """The expressions for modules that become parts of an object by other ways than an attribute of their own."""
    for method in cls.methods.values():
        for node in walk(method.node):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            receiver, name = node.func.value, node.func.attr
            is_own = isinstance(receiver, ast.Name) or _is_super(receiver)
            sets_up = name == "__init__" and _is_super(receiver)
            if name in _REGISTERING:
                yield from ((part, method.name_inside) for part in node.args[1:])
            elif is_container and is_own and (sets_up or name in _GROWING):
                yield from ((part, method.name_inside) for part in node.args)


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _members(value: Value) -> tuple[Value, ...]:
    return (value.held or (UNKNOWN,)) if value.may_be(Sequence, Dictionary) else (value,)


def _is_memoryless(knowledge: Knowledge, held: Value, is_used: bool, seen: Seen) -> bool:
    if isinstance(held, ProjectModule | ProjectClass | PlainObject):
        return keeps_nothing(knowledge, held.cls, seen)
    is_some_module = held.is_some_module and not held.has_name
    return not (is_used and (is_some_module or not held.known))


def _names_used(cls: Class) -> Iterator[str]:
    """The attributes that methods call, go through, or take something out of."""
    for method in cls.methods.values():
        for node in walk(method.node) if method is not cls.constructor else ():
            if isinstance(node, ast.Call):
                taken = node.func
            elif isinstance(node, ast.For | ast.comprehension):
                taken = node.iter
            elif isinstance(node, ast.Subscript):
                taken = node.value
            else:
                continue
            yield from (n.attr for n in walk(taken) if isinstance(n, ast.Attribute))
