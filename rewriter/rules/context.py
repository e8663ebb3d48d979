"""What the decision about the sites of one class or function may draw on."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.construction import Construction
from rewriter.facts.making.function_owners import Holder
from rewriter.facts.walks.after_making import attributes_not_met
from rewriter.facts.walks.picked_classes import picked_classes, picked_texts
from rewriter.python.code import Class, Function
from rewriter.rules.function_loops import FunctionLoops
from rewriter.rules.module_loops import Turns
from rewriter.rules.new_attributes import doubt, follows_training
from rewriter.sites.site import Site
from rewriter.values.base import Value


@dataclass(frozen=True)
class Context:
    """What the decision about one class's sites may draw on."""

    knowledge: Knowledge
    place: Construction | Holder
    receiver: str
    """What a function calls the object that holds its modules; empty in a class, whose methods name it themselves."""
    values: dict[ast.expr, Value]
    takes_modules: Callable[[Function], bool]
    """Whether a function can be given modules for operations that it has."""
    loops: Turns | FunctionLoops

    @property
    def cls(self) -> Class | None:
        """The class whose methods the sites stand in."""
        return None if self.receiver or not isinstance(self.place, Construction) else self.place.cls

    @cached_property
    def follows_training(self) -> bool:
        """`self.training` reaches children by nn.Module's own train() and nothing else."""
        return self.cls is not None and follows_training(self.knowledge, self.cls)

    @cached_property
    def doubt(self) -> str | None:
        """Why a new attribute may be met by code that does not expect it."""
        return None if self.cls is None else doubt(self.knowledge, self.cls)

    @cached_property
    def picked_classes(self) -> frozenset[str]:
        """Classes of torch that the code around the class looks for among modules."""
        return picked_classes(self.knowledge, self.cls) if self.cls is not None else frozenset()

    @cached_property
    def picked_texts(self) -> frozenset[str]:
        """What the code around the class looks for in the names of modules' classes."""
        return picked_texts(self.knowledge, self.cls) if self.cls is not None else frozenset()

    @cached_property
    def asked_attributes(self) -> frozenset[str]:
        """What the code around the class asks whether modules have it, and must not find at new ones."""
        return attributes_not_met(self.knowledge, self.cls)

    def receiver_at(self, site: Site) -> str:
        return self.receiver or site.self_name or ""
