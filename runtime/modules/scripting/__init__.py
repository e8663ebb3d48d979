"""Modules that TorchScript could not compile as they are.

TorchScript wants a signature where a wrapper module takes any arguments. The function behind an operation has some, one
for each of its overloads. Each of them, less the arguments that the constructor has fixed, becomes a method, and the
methods become the overloads of `forward`. So the compiler resolves a call of the module just as it would resolve the
call of the function.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from runtime.modules.scripting.functions import find_announced
from runtime.modules.scripting.methods import NOTHING, defined, names_of, source_of

_PREFIX = "_scripted_"
_FOR_TORCH = ("__overloads__", "__constants__", "__jit_ignored_attributes__")


class Scriptable(nn.Module):
    """A module that says what TorchScript compiles in place of some of its methods and children.

    torch.jit.script prepares every module before it compiles. The methods are then put on the instance, for the
    compiler alone: a copy and a pickle have none of them.
    """

    def scripted(self) -> Mapping[str, Iterable[Callable[..., Any]]]:
        """For `forward`, or for a child: functions that take `self` and its arguments, each with a signature."""
        raise NotImplementedError

    def __prepare_scriptable__(self) -> Scriptable:
        find_announced()
        state, unprepared = vars(self), self.__getstate__()
        state.clear()
        state.update(unprepared)
        overloads: dict[str, list[str]] = {}
        sources = []
        for name, methods in self.scripted().items():
            overloads[name] = []
            for method in [*methods] or [defined(NOTHING, {})]:
                overloads[name].append(f"{_PREFIX}{name}_{len(overloads[name])}")
                state[overloads[name][-1]] = types.MethodType(torch.jit.export(method), self)
                sources.append(source_of(method) + names_of(method))
        state[f"{_PREFIX}source"] = "".join(sources)
        # Modules of one class share their compiled code unless their constants differ.
        constants = [*getattr(type(self), "__constants__", ()), f"{_PREFIX}source"]
        ignored = [*getattr(type(self), "__jit_ignored_attributes__", ()), *(overloads.keys() & self._modules)]
        state.update(zip(_FOR_TORCH, (overloads, constants, ignored), strict=True))
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {n: value for n, value in vars(self).items() if not n.startswith(_PREFIX) and n not in _FOR_TORCH}
