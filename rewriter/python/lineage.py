"""What a class inherits from: the project's classes, those of torch, and what is known of others by their names."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewriter.python.code import Class, Function
from rewriter.torch_api.bases import names_mixed_in, names_of_base, notes_arguments

HARMLESS_BASES = frozenset({"abc.ABC", "typing.Generic", "typing.Protocol", "builtins.object", "object"})

# Where torch keeps module classes; torch.autograd.Function has a forward as well, and is none.
_MODULES = ("torch.nn.", "torch.ao.", "torch.jit.", "torch.fx.", "torch.distributed.")
_WITH_OPERATIONS = ".modules.WithOperations"


@dataclass(frozen=True)
class Lineage:
    """A class with everything it inherits from, nearest first."""

    project: tuple[Class, ...]
    """The class itself and its bases that the project defines."""
    torch: frozenset[str]
    """Bases that torch defines, by full name."""
    unseen: frozenset[str]
    """Bases whose source is not at hand, as written."""
    holds_operations: bool = False
    """A base is `runtime.modules.WithOperations`."""
    reserved: frozenset[str] = frozenset()
    """Names that bases of other libraries use."""
    notes_arguments: bool = False
    """A base notes what `__init__` is given, by the names of its parameters."""

    @property
    def is_module(self) -> bool:
        return any(is_torch_module(name) for name in self.torch)

    @property
    def constructor(self) -> Function | None:
        """What runs first of the project's code when an object is set up."""
        return next((c.constructor for c in self.project if c.constructor is not None or c.is_dataclass), None)

    def method(self, name: str) -> Function | None:
        return next((c.methods[name] for c in self.project if name in c.methods), None)


@dataclass
class Above:
    """What the bases of a class bring in, gathered one by one."""

    torch: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)
    reserved: set[str] = field(default_factory=set)
    holds_operations: bool = False
    notes_arguments: bool = False

    def join(self, above: Lineage) -> None:
        self.torch |= above.torch
        self.unseen |= above.unseen
        self.reserved |= above.reserved
        self.holds_operations |= above.holds_operations
        self.notes_arguments |= above.notes_arguments

    def add(self, name: str) -> None:
        """A base that is no class of the project, by its full name or as it is written."""
        if name.startswith("torch."):
            self.torch.add(name)
        elif name.endswith(_WITH_OPERATIONS):
            self.holds_operations = True
        elif (names := names_of_base(name)) is not None:
            self.torch.add("torch.nn.Module")
            self.reserved |= names
        elif (names := names_mixed_in(name)) is not None:
            self.reserved |= names
            self.notes_arguments |= notes_arguments(name)
        elif name not in HARMLESS_BASES:
            self.unseen.add(name)

    def lineage(self, project: tuple[Class, ...]) -> Lineage:
        return Lineage(
            project,
            frozenset(self.torch),
            frozenset(self.unseen),
            self.holds_operations,
            frozenset(self.reserved),
            self.notes_arguments,
        )


def is_known_base(name: str) -> bool:
    """Whether it is known what a class out of sight brings in."""
    before = Above()
    before.add(name)
    return not before.unseen


def is_torch_module(name: str) -> bool:
    return name.startswith(_MODULES) and not name.endswith("Parameter")
