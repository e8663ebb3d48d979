"""A second call of a module that exists: a module of its own for a quantizer, the same module for everybody else."""

from __future__ import annotations

import copy
from typing import Any, TypeVar, cast

from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

from runtime.modules.function import as_module
from runtime.modules.handles import handle_of, has_state
from runtime.modules.owners import notice
from runtime.modules.places import Tied

__all__ = ["Tied", "again", "handed", "own"]

Called = TypeVar("Called")

register_module_module_registration_hook(notice)


def again(module: Called, parts: bool = False, hidden: bool = False) -> Called:
    """A module to call where `module` would be called a second time in one forward.

    The handle stands for `module`: it is an instance of the same class, and all attributes are the module's own, read
    and set. It adds nothing to a state_dict. What its owner puts in the module's place later is what it stands for
    then. A function, or what is called like one, gets a module that calls it; None is returned as it is.

    With `parts` a module that is made of others is taken apart: each part is a handle as well, so that each operation
    inside has a name of its own in `named_modules()`. So is an nn.Sequential in any case, as far as its members are
    torch's own.

    Code that goes through the modules of a model does not meet the handle of a module with parameters or buffers as an
    object of its class, so that nothing is initialized twice. With `hidden` the same holds where there are none.
    """
    return cast(Called, handle_of(module, parts, hidden) if isinstance(module, nn.Module) else as_module(module))


def handed(module: Any, handle: Any) -> Any:
    """What is given to others in place of `module`, which may call it: its handle.

    Where the object has None under the name now, or had when the handle was to be made, it is what the object has.
    """
    return module if module is None or handle is None else handle


def own(module: Called) -> Called:
    """An instance for one place of a module that may be in other places as well.

    A module without parameters and buffers is copied. One that has some is returned and stays shared, since its
    state_dict names them once for each place; so is what is not a module.
    """
    return copy.deepcopy(module) if isinstance(module, nn.Module) and not has_state(module) else module
