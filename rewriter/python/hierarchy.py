"""Class hierarchies across files: order of bases, who is an nn.Module, which attribute names are taken."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from rewriter.python.answers import Answers, Question
from rewriter.python.chosen_bases import chosen_bases
from rewriter.python.code import Class, File, Function
from rewriter.python.given_methods import GivenMethods, classes_given, given_to_class
from rewriter.python.lineage import HARMLESS_BASES, Above, Lineage, is_known_base, is_torch_module
from rewriter.python.project import Project
from rewriter.torch_api.bases import names_of_base

CONTAINERS = frozenset({"torch.nn.Sequential", "torch.nn.ModuleList", "torch.nn.ModuleDict"})


_LINEAGE = Question[Class, Lineage]("what does the class inherit from?")
_ORDER = Question[Class, tuple[Class | str, ...]]("where does Python look the class's attributes up?")
_SUBCLASSES = Question[Class, list[Class]]("which classes are below the class?")
_SHARING = Question[Class, tuple[Class, ...]]("whose methods may run on objects of the class?")


@dataclass(eq=False)
class Hierarchy:
    """Answers about classes of one project, remembered."""

    project: Project
    _answers: Answers = field(init=False)

    def __post_init__(self) -> None:
        self._answers = Answers(self.project.answers.grounds)

    def lineage(self, cls: Class) -> Lineage:
        if (known := self._answers.known(_LINEAGE, cls)) is not None:
            return known
        against_cycles = Lineage((cls,), frozenset(), frozenset())
        return self._answers.found(_LINEAGE, cls, lambda: self._linearize(cls), against_cycles)

    def holds_children(self, cls: Class | None, attribute: str) -> bool:
        """Whether an attribute of such an object holds its children, or those that are steps of its forward."""
        if attribute == "step_modules" and cls is not None:
            return self.lineage(cls).holds_operations  # any other class may call something else so
        return attribute == "_modules"

    def last_module_base(self, cls: Class) -> int:
        """The last of the bases that is a module: what follows it comes behind nn.Module in Python's own order."""
        bases = list(zip(cls.node.bases, cls.base_names, strict=True))
        found = [place for place, (node, name) in enumerate(bases) if self._is_module_base(cls, node, name)]
        return found[-1] if found else len(bases) - 1

    def _is_module_base(self, cls: Class, node: ast.expr, name: str | None) -> bool:
        if name is not None and (name.startswith("torch.nn.") or names_of_base(name) is not None):
            return True
        base = self._base(cls, node, name)
        return isinstance(base, Class) and self.lineage(base).is_module

    def _linearize(self, cls: Class) -> Lineage:
        order: list[Class] = []
        above = Above()
        for node, name in zip(cls.node.bases, cls.base_names, strict=True):
            for meant in self._meant(cls, node, name):
                if isinstance(meant, Class):
                    lineage = self.lineage(meant)
                    order += lineage.project
                    above.join(lineage)
                else:
                    above.add(meant)
        # A base reached twice counts where it comes last, as in Python's own order.
        last = [c for i, c in enumerate(order) if c not in order[i + 1 :]]
        return above.lineage((cls, *last))

    def _meant(self, cls: Class, node: ast.expr, name: str | None) -> list[Class | str]:
        """One class, or each that a variable may stand for, where all of them are known and none sets objects up."""
        if name is not None and is_known_base(name):
            return [name]  # even where its source is at hand
        base, written = self._base(cls, node, name), name or ast.unparse(node)
        if isinstance(base, Class):
            return [base]
        if is_known_base(written) or written in cls.shadowed:
            return [written]
        chosen = chosen_bases(self.project, cls.file, node)
        for one in chosen:
            sets_up = isinstance(one, Class) and (one is cls or self.lineage(one).constructor is not None)
            if sets_up or (isinstance(one, str) and not is_known_base(one)):
                return [written]
        return chosen or [written]

    def _base(self, cls: Class, node: ast.expr, name: str | None) -> Class | Function | None:
        """What a base's name means above the class: in `class Block(Block)`, the one before."""
        if name is None and ast.unparse(node).partition(".")[0] not in cls.shadowed:
            name = cls.file.names.searched_name(node.value if isinstance(node, ast.Subscript) else node)
        found = self.project.find(name) if name else None
        if not isinstance(found, Class) or found.file is not cls.file or found.node.lineno < cls.node.lineno:
            return found
        alike = (c for c in cls.file.classes if c.node.name == found.node.name and c.node.lineno < cls.node.lineno)
        return max(alike, key=lambda c: c.node.lineno, default=found)

    def lookup_order(self, cls: Class) -> tuple[Class | str, ...]:
        """Where Python looks attributes up, the project's classes and others by name; by C3, as Python has it."""
        return self._answers.found(_ORDER, cls, lambda: self._lookup_order(cls), meanwhile=(cls,))  # against cycles

    def _lookup_order(self, cls: Class) -> tuple[Class | str, ...]:
        found = [self._base(cls, node, name) for node, name in zip(cls.node.bases, cls.base_names, strict=True)]
        written = [name or ast.unparse(node) for node, name in zip(cls.node.bases, cls.base_names, strict=True)]
        bases = [b if isinstance(b, Class) else name for b, name in zip(found, written, strict=True)]
        bases = [base for base in bases if base not in HARMLESS_BASES]
        above = [self.lookup_order(b) if isinstance(b, Class) else _outside(b) for b in bases]
        return (cls, *_merged([*map(list, above), bases]))

    def subclasses(self, cls: Class) -> list[Class]:
        """All classes of the project below `cls`."""
        return self._answers.found(_SUBCLASSES, cls, lambda: list(self.below(cls)), meanwhile=[])

    def sharing(self, cls: Class) -> tuple[Class, ...]:
        """The classes, itself among them, whose methods may run on one object with its own: a mixin and its user, too.

        Bases come before what derives from them, and the order is the same for whichever class is asked.
        """
        return self._answers.found(_SHARING, cls, lambda: self._family(cls))

    def _family(self, cls: Class) -> tuple[Class, ...]:
        family = [*self.lineage(cls).project, *self.subclasses(cls)]
        joining = [member for member in family if len(member.base_names) > 1]  # others bring in nobody new
        found = {*family, *(relative for member in joining for relative in self.lineage(member).project)}
        found |= {given for member in found for given in given_to_class(self.project, member)}
        if isinstance(cls, GivenMethods):
            found |= {relative for user in classes_given(self.project, cls) for relative in self.sharing(user)}
        return tuple(sorted(found, key=self._depth))

    def _depth(self, cls: Class) -> tuple[int, str, int]:
        return len(self.lineage(cls).project), cls.file.module, cls.node.lineno

    def below(self, cls: Class) -> Iterator[Class]:
        """The same one by one, for those who need only the first: a base may have hundreds of files below it."""
        found: set[Class] = set()
        seen: set[str] = set()
        searched: set[File] = set()
        pending = [cls.node.name]
        while pending:
            word = pending.pop()
            if word in seen:
                continue
            seen.add(word)
            for file in self.project.files_deriving(word):
                if file in searched:
                    continue
                searched.add(file)
                for other in file.classes:
                    if cls in self.lineage(other).project and other is not cls and other not in found:
                        found.add(other)
                        pending.append(other.node.name)
                        yield other


def _outside(name: str) -> tuple[str, ...]:
    """A class outside of the project, and what is known to be above it."""
    is_module = is_torch_module(name) or names_of_base(name) is not None
    return (name, "torch.nn.Module") if is_module and name != "torch.nn.Module" else (name,)


def _merged(orders: list[list[Class | str]]) -> Iterator[Class | str]:
    """The first of the heads that none of the orders has further behind, again and again."""
    while orders := [order for order in orders if order]:
        behind = [cls for order in orders for cls in order[1:]]
        head = next((order[0] for order in orders if order[0] not in behind), orders[0][0])
        yield head
        orders = [[cls for cls in order if cls != head] for order in orders]


REGISTERING = frozenset({"add_module", "add_operation", "register_module", "register_buffer", "register_parameter"})


def own_name(method: Function) -> str | None:
    """What a method calls its own object; None for static and class methods and for functions without arguments."""
    if method.is_static:
        return None
    parameters = [*method.node.args.posonlyargs, *method.node.args.args]
    return parameters[0].arg if parameters else None


def is_init_call(call: ast.Call) -> bool:
    """`super().__init__(...)` or `Base.__init__(self, ...)`."""
    return isinstance(call.func, ast.Attribute) and call.func.attr in ("__init__", "__post_init__")
