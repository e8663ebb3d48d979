"""What a handle knows of the module that it stands for: which one it is now, its children, and its hooks."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from inspect import isfunction

import torch
from torch import nn

STATE = ("_parameters", "_buffers", "_non_persistent_buffers_set")
HOOKS = {
    "_forward_hooks": ("_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
    "_forward_pre_hooks": ("_forward_pre_hooks_with_kwargs",),
    "_backward_hooks": (),
    "_backward_pre_hooks": (),
}
"""Each kind of hook, and what else is kept about it."""

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)

_OF_ANY = frozenset(name for name, value in vars(nn.Module).items() if isfunction(value))
"""Methods that every module has."""


def _standing(part: nn.Module | None) -> Standing | None:
    """What a handle knows; None for a part that is none."""
    found: Standing | None = getattr(part, "__dict__", {}).get("_stands")
    return found


@dataclass(eq=False)
class Standing:
    """Kept by a handle, whose own attributes would hide those of the module."""

    handle: nn.Module
    module: nn.Module
    cls: type[nn.Module]
    """The module's class when the handle was made."""
    apart: bool
    """The handle's children are handles, too; else they are the module's."""
    of_part: Callable[[nn.Module], nn.Module]
    """Makes a handle of a child."""
    methods: tuple[str, ...] = ()
    """What the module's class and those above it define, below nn.Module."""
    whole: bool = False
    """A method looks into the dict of its object, or at its class: only the module itself can run."""
    before: nn.Module | None = None
    """The module that it was before its owner put another in its place."""
    home: tuple[nn.Module, str] | None = None
    """The owner of the module, and its name there, as long as the handle follows."""
    place: tuple[nn.Module, str] | None = None
    """Where the handle itself was put first."""
    children: dict[str, nn.Module | None] = field(default_factory=dict)
    """The module's, when the handle last looked."""
    replaced: dict[str, nn.Module | None] = field(default_factory=dict)
    """Children that somebody put in the place of the handle's own."""
    settled: bool = False
    """The handle keeps the parts that it has, whatever children its module gets."""
    observed: bool = False
    """The handle was given hooks of its own."""
    marked: set[str] = field(default_factory=set)
    """What was set through the handle, on the module."""
    running: int = 0
    """How many times the handle's forward is running."""

    # Which module it is.

    def now(self) -> nn.Module:
        """The module, which is another one when its owner has put another in its place."""
        if self.home is not None:
            found = self.home[0]._modules.get(self.home[1])
            if found is not None and found is not self.module:
                if self._is_in_place():
                    self.take(found)
                else:
                    self.stay()
        return self.module

    def take(self, module: nn.Module) -> None:
        """Stands for this one from now on."""
        own, shared = self.handle.__dict__, module.__dict__
        self.before, self.module = self.module, module
        own.update({name: shared[name] for name in STATE})
        own.update({name: shared[name] for kind, more in HOOKS.items() for name in (kind, *more)})
        own["_load_state_dict_post_hooks"] = OrderedDict()
        own["_modules"] = {} if self.apart else shared["_modules"]
        self.children = {}
        self.take_up_parts()

    def pin(self, module: nn.Module) -> None:
        """Stands for this one, whatever the owner does."""
        self.home = None
        self.take(module)

    def placed(self, owner: nn.Module, name: str) -> None:
        """The handle was registered there. Where that is a second place, it stays with the module that it has."""
        if self.place is None:
            self.place = (owner, name)
            self.follow(owner)
        elif self.place[0] is not owner:
            self.stay()

    def follow(self, owner: nn.Module) -> None:
        """From now on the handle stands for what the owner has under the module's name."""
        name = next((name for name, child in owner._modules.items() if child is self.module), None)
        if name is not None and self.home is None:
            self.home = (owner, name)

    def stay(self) -> None:
        """The handle follows no longer. What was put around the module goes around the handle as well."""
        found = self.home[0]._modules.get(self.home[1]) if self.home is not None else None
        self.home = None
        if found is not None and not any(part is self.module for part in found.modules()):
            self.take(found)

    def comes_later(self) -> bool:
        """Whether who goes through the owner's children has met the module when he comes to the handle."""
        if self.home is None or self.place is None or self.home[0] is not self.place[0]:
            return False
        names = list(self.home[0]._modules)
        return names.index(self.home[1]) < names.index(self.place[1])

    def _is_in_place(self) -> bool:
        return self.place is None or self.place[0]._modules.get(self.place[1]) is self.handle

    # Its children.

    def take_up_parts(self) -> None:
        """Has a handle for each child that the module has now."""
        if (
            not self.apart
            or (self.settled and self.children)
            or self._is_compiled_apart()
            or self.children == self.module._modules
        ):
            return
        parts = self.handle._modules
        known = {id(child): parts[name] for name, child in self.children.items() if name in parts}
        self.children = dict(self.module._modules)
        parts.clear()
        for name, child in self.children.items():
            if child is not None and id(child) not in known:  # one handle for one child, under all of its names
                known[id(child)] = self.of_part(child)
            parts[name] = None if child is None else known[id(child)]
        parts.update({name: part for name, part in self.replaced.items() if name in parts})

    def _is_compiled_apart(self) -> bool:
        """torch.compile looks at all children that are compared: at those of containers, which it iterates over."""
        return torch.compiler.is_compiling() and not isinstance(self.module, CONTAINERS)

    def part_for(self, name: str, child: nn.Module) -> nn.Module:
        """What stands for a child that the module has under this name."""
        self.take_up_parts()
        if self.children[name] is not child and name not in self.replaced:
            return child  # while it is compiled: nothing may be changed then
        part = self.handle._modules[name]
        assert part is not None
        if (stands := _standing(part)) is not None:
            stands.take_up_parts()
        return part

    def put(self, name: str, part: nn.Module) -> None:
        """In the place of the handle's own."""
        self.replaced[name] = self.handle._modules[name] = part

    def has_own_parts(self) -> bool:
        """Whether somebody put something in the place of a part, at any depth."""
        if self.replaced:
            return True
        parts = (_standing(part) for part in self.handle._modules.values() if self.apart)
        return any(part.has_own_parts() for part in parts if part is not None)

    # How it runs.

    def runs_here(self, module: nn.Module) -> bool:
        """Whether the module's forward is that of the handle's class, called as usual, or by a method of the class's."""
        called = self.cls.__call__ is nn.Module.__call__ or "__call__" in self.methods
        usual = called and not self.whole and type(module) is self.cls
        if not usual or "forward" in module.__dict__ or module._compiled_call_impl is not None:
            return False
        # Somebody put something else in the place of a method: the handle has that of the class.
        return _OF_ANY.isdisjoint(module.__dict__) and not any(name in module.__dict__ for name in self.methods)

    @contextlib.contextmanager
    def handing_back(self) -> Iterator[None]:
        """While the forward runs: what it puts in the place of its own children is the module's, as without a handle."""
        holding = [(stands, dict(stands.handle._modules)) for stands in self._holding()]
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            for stands, before in holding:
                stands._hand_back(before)

    def _holding(self) -> Iterator[Standing]:
        """Itself, and those of its parts that only hold others. A list for turns grows by itself."""
        yield self
        for part in self.handle._modules.values():
            stands = _standing(part)
            if stands is not None and stands.apart and isinstance(part, CONTAINERS):
                yield from () if stands.cls.__module__.startswith("runtime.") else stands._holding()

    def _hand_back(self, before: dict[str, nn.Module | None]) -> None:
        """Gives the module the children that were put into the handle's dict since then."""
        own, shared = self.handle._modules, self.module._modules
        for name in [name for name in before if name not in own and name in shared]:
            del shared[name]
        for name, part in own.items():
            if part is not before.get(name) and part is not self.replaced.get(name) and not self._is_handle(name, part):
                shared[name] = self.own_part(part)

    def _is_handle(self, name: str, part: nn.Module | None) -> bool:
        """Whether the part stands for the child that the module has under the name."""
        stands = _standing(part)
        return stands is not None and stands.module is self.module._modules.get(name)

    def own_part(self, part: nn.Module | None) -> nn.Module | None:
        """The module's child, where the part is what stands for it."""
        name = next((name for name, known in self.handle._modules.items() if known is part), "")
        return self.children.get(name, part) if _standing(part) is not None else part

    def keep_own_hooks(self, kind: str) -> None:
        """The first hook of its kind is about to be put on the handle."""
        own, shared = self.handle.__dict__, self.now().__dict__
        self.observed = True
        if own[kind] is not shared[kind]:
            return
        # What torch.nn.utils hooks to a module computes its weights.
        kept = {n: hook for n, hook in shared[kind].items() if type(hook).__module__.startswith("torch.")}
        own[kind] = OrderedDict(kept)
        own.update({more: OrderedDict((n, v) for n, v in shared[more].items() if n in kept) for more in HOOKS[kind]})

    def has_own_hooks(self) -> bool:
        """Whether there still are some; where they were removed, the module's serve again."""
        own, shared = self.handle.__dict__, self.module.__dict__
        for kind, more in HOOKS.items():
            if own[kind] is not shared[kind] and own[kind].keys() <= shared[kind].keys():
                own.update({name: shared[name] for name in (kind, *more)})
        self.observed = any(own[kind] is not shared[kind] for kind in HOOKS)
        return self.observed
