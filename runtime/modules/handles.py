"""Handles: objects that stand for a module where it is called a second time.

A handle is an instance of a subclass of the module's own class, derived when it is first needed. It has no state: the
dicts that hold parameters, buffers and children are the module's, all else is read from the module and set there. So
code that asks a handle for its class, length, items or weight is answered as the module answers, and a forward that
runs on the handle runs on the module's state.

A handle follows its owner. When the owner gets another module in the place of the one that the handle was made beside,
the handle stands for that from then on. Where the handle itself has been put somewhere else, as by code that wraps each
module, it stays with the module that it stood for: both uses have been cared for.

Hooks of the module run at each use. A handle that has hooks of some kind itself runs those instead, so that who
observes each module sees each use once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial, wraps
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.jit import ScriptModule

from runtime.modules.bodies import methods, needs_itself, of_the_module
from runtime.modules.passing import Passing, forget_missing
from runtime.modules.places import Observed, Tied, place_of, standing
from runtime.modules.standing import CONTAINERS, Standing

_MAKING_CLASSES = ("abc", "builtins")
_ASKED_FOR_MEMBERS = ("__getitem__", "__len__", "__iter__")


class Handle(Observed):
    """What all handles do. `handle_class` derives from it and from a module's class."""

    _class: type[nn.Module]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A slice of a container is made by `self.__class__(...)`, and is not a handle."""
        return cls._class(*args, **kwargs)

    def __init_subclass__(cls, **options: Any) -> None:
        """What a module's class does about its subclasses is not meant for handles."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        stands = self._stands
        module = stands.now()
        is_observed = stands.observed and stands.has_own_hooks()
        if stands.apart and stands.runs_here(module):
            stands.take_up_parts()
        elif not is_observed:
            return module(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if "_stands" not in self.__dict__:  # it is being unpickled
            raise AttributeError(name)
        stands = self._stands
        value = getattr(stands.now(), name)
        if not stands.apart or not isinstance(value, nn.Module) or name not in stands.module._modules:
            return value
        return stands.part_for(name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__dict__":  # torch.export makes a second object of what one has
            object.__setattr__(self, name, value)
            return
        stands = self._stands
        if name in self.__dict__:
            self.__dict__[name] = value
            if name == "_modules" and not stands.apart:
                stands.now()._modules = value
        elif stands.apart and isinstance(value, nn.Module) and stands.running:
            setattr(stands.now(), name, stands.own_part(value))
        elif stands.apart and isinstance(value, nn.Module) and name in self._modules:
            stands.put(name, value)
        else:
            setattr(stands.now(), name, value)
            stands.marked.add(name)

    def __delattr__(self, name: str) -> None:
        """Who marks all modules, and takes the marks off again, has met the module before he comes to the handle."""
        module, marked = self._stands.now(), name in self._stands.marked
        self._stands.marked.discard(name)
        if not marked or hasattr(module, name):
            delattr(module, name)

    def __dir__(self) -> list[str]:
        return dir(self._stands.now())

    def extra_repr(self) -> str:
        return self._stands.now().extra_repr()

    # Nothing of it is saved: the module is, and what was put in the place of its parts.

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        if args or destination is None:
            return self._stands.now().state_dict(*args, destination=destination, prefix=prefix, keep_vars=keep_vars)
        for name, part in self._modules.items() if self._stands.apart else ():
            if part is not None:
                part.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return destination

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return self._stands.now().load_state_dict(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: Mapping[str, Tensor], prefix: str, *rest: Any) -> None:
        """Nothing: the module is loaded under its own name, and what is missing under this one is not missing."""
        if not self._stands.apart:
            self._load_state_dict_post_hooks[0] = partial(forget_missing, prefix)

    # Copies.

    def __deepcopy__(self, memo: dict[int, Any]) -> Handle:
        new = memo[id(self)] = object.__new__(type(self))
        stands = self._stands
        if stands.home is not None and id(stands.home[0]) not in memo:  # the owner is not copied along
            stands.now()
            stands = replace(stands, home=None, place=None)
        new.__dict__.update(copy.deepcopy({**self.__getstate__(), "_stands": stands}, memo))
        return new

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _empty, (self._class, isinstance(self, Tied)), self.__getstate__()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_place"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _replicate_for_data_parallel(self) -> nn.Module:
        """A replica stands for itself: in each there is one for each module and each handle."""
        replica: nn.Module = self._stands.now()._replicate_for_data_parallel()  # type: ignore[no-untyped-call]
        return replica

    def __prepare_scriptable__(self) -> nn.Module:
        return Passing(self._stands.now()).__prepare_scriptable__()


class TiedHandle(Handle, Tied):
    """A handle of a module that has parameters or buffers, or is not to be met twice.

    It is the same module under a second name, and equal to it, so that `children()`, `apply()` and all that visits each
    module once do so once: nothing is initialized, pruned or wrapped twice. What `named_modules()` has for it is its
    `Place`, which is not an instance of the module's class.

    Once a part of it has been replaced it is a module like any other, with that part.
    """

    def _is_same(self) -> bool:
        return not self._stands.has_own_parts()

    def __eq__(self, other: object) -> bool:
        if self is other or not self._is_same():
            return self is other
        module = other._stands.now() if isinstance(other, TiedHandle) else other
        return module is self._stands.now() or module is self._stands.before

    def __hash__(self) -> int:
        """Of the module that it was when this was asked last: a loop that replaced it meanwhile has visited that."""
        if not self._is_same():
            return object.__hash__(self)
        number = hash(self._stands.module)
        self._stands.now()
        return number

    def named_modules(
        self, memo: set[nn.Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Module]]:
        if not self._is_same():
            yield from super().named_modules(memo, prefix, remove_duplicate)
            return
        if memo is None:  # the handle itself was asked, and not a model that has it
            yield from self._stands.now().named_modules(memo, prefix, remove_duplicate)
            return
        yield from place_of(self).named_modules(memo, prefix, remove_duplicate)
        if self._stands.apart:
            self._stands.take_up_parts()
            for name, part in self._modules.items():
                if part is not None:
                    yield from part.named_modules(memo, f"{prefix}.{name}", remove_duplicate)

    def train(self, mode: bool = True) -> TiedHandle:
        self._same_or_parts(lambda module: module.train(mode))
        return self

    def apply(self, fn: Callable[[nn.Module], None]) -> TiedHandle:
        if not self._is_same() or not self._stands.comes_later():
            self._same_or_parts(lambda module: module.apply(fn))
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> TiedHandle:
        self._same_or_parts(lambda module: module._apply(fn, recurse))  # type: ignore[no-untyped-call]
        return self

    def _same_or_parts(self, do: Callable[[nn.Module], object]) -> None:
        """The module, for whoever asks the handle for it; a model that has both asks for the parts that differ."""
        for module in [self._stands.now()] if self._is_same() else self.children():
            do(module)


def is_second_name(module: nn.Module) -> bool:
    """Whether a module is a handle of one that its owner has under another name, and nothing else."""
    return isinstance(module, TiedHandle) and module._is_same()


def settle(model: nn.Module) -> None:
    """The handles in a model stand for what they stand for now, whatever becomes of that."""
    for module in list(model.modules()):
        if isinstance(module, Handle | Tied):
            standing(module).stay()
            standing(module).settled = True


def handle_of(module: nn.Module, parts: bool = False, hidden: bool = False) -> nn.Module:
    """A handle; with `parts` or where there is no state, its children are handles as well.

    So are those of an nn.Sequential in any case. Of its members those that are torch's own have instances of their
    own; of the others nobody knows what they do when they run, and what stands for them runs the member itself.
    """
    if isinstance(module, Handle):
        return another(module)
    if isinstance(module, ScriptModule):
        return Passing(module)
    tied = hidden or has_state(module)
    if parts or not tied:
        return _made(module, tied, _can_be_apart(module), _part_handle)
    return _made(module, tied, type(module).forward is nn.Sequential.forward, _member_handle)


def another(handle: Handle) -> Handle:
    """One more handle of the same module."""
    stands = standing(handle)
    new = _made(stands.now(), isinstance(handle, Tied), stands.apart, stands.of_part)
    new._stands.home = stands.home
    return new


def has_state(module: nn.Module) -> bool:
    return any(True for _ in chain(module.parameters(), module.buffers()))


def _can_be_apart(module: nn.Module) -> bool:
    """Torch's own modules stay whole, but for those that run or hold others; what has no forward only holds them."""
    forward = type(module).forward
    return forward is nn.Module.forward or not _is_torchs(forward) or isinstance(module, CONTAINERS)


def _is_torchs(forward: Callable[..., Any]) -> bool:
    """A function that `exec` made of a text, in names without `__name__`, is of no file."""
    return (forward.__module__ or "").startswith("torch.nn.")


def _made(module: nn.Module, tied: bool, apart: bool, of_part: Callable[[nn.Module], nn.Module]) -> Handle:
    cls: Any = type(module)
    handle = _empty(cls, tied)
    whole = needs_itself(cls)
    stands = Standing(handle, module, cls, apart and not whole, of_part, methods(cls), whole)
    handle.__dict__["_stands"] = stands
    stands.take(module)
    return handle


def _part_handle(child: nn.Module) -> nn.Module:
    return handle_of(child, parts=True)


def _member_handle(child: nn.Module) -> nn.Module:
    if isinstance(child, Handle | ScriptModule) or _is_torchs(type(child).forward):
        return handle_of(child)
    return _made(child, has_state(child), apart=False, of_part=_part_handle)


def _empty(cls: Any, tied: bool) -> Handle:
    return object.__new__(handle_class(cls, tied))


def _of_members(cls: Any, name: str) -> Callable[..., Any]:
    """Asks those that stand for what the container holds now."""
    of_container = getattr(cls, name)

    @wraps(of_container)
    def method(self: Any, *args: Any) -> Any:
        self._stands.now()
        self._stands.take_up_parts()
        return of_container(self, *args)

    return method


@cache
def handle_class(cls: Any, tied: bool) -> type[Handle]:
    @wraps(cls.forward)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        module = self._stands.now()
        if not self._stands.runs_here(module):
            return module(*args, **kwargs)
        if not self._stands.apart or torch.compiler.is_compiling():
            return cls.forward(self, *args, **kwargs)
        with self._stands.handing_back():
            return cls.forward(self, *args, **kwargs)

    names = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        **of_the_module(cls),
        **{
            name: _of_members(cls, name)
            for name in _ASKED_FOR_MEMBERS
            if issubclass(cls, CONTAINERS) and hasattr(cls, name)
        },
    }
    bases = (TiedHandle if tied else Handle, cls)
    return _class_of(type(cls), cls.__name__, bases, {**names, "_class": cls, "forward": forward})


def _class_of(metaclass: Any, *described: Any) -> type[Handle]:
    """A class whose metaclass is the given one: what the author's own do when a class is made is not meant for handles."""
    makes = next(base for base in metaclass.__mro__ if base.__module__ in _MAKING_CLASSES)
    made: type[Handle] = makes.__new__(metaclass, *described)
    return made
