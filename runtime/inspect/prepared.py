"""Is a model prepared? Which operations a quantizer that works on modules would not see, and where they stand."""

from __future__ import annotations

import operator
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from rewriter.torch_api.traits import Trait
from rewriter.torch_api.wrappers import WRAPPERS
from runtime.inspect.repeats import repeated_calls
from runtime.modules.convert import TWINS
from runtime.modules.operations import OPERATIONS
from runtime.modules.plain_weights import with_plain_weights

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_COMPARISONS = {"getitem", "setitem", "index", "eq", "ne", "lt", "le", "gt", "ge"}
_OPERATORS = {name.strip("_") for name in dir(operator)} - _COMPARISONS
_REFLECTED = {"radd", "rsub", "rmul", "rdiv", "rtruediv", "rpow", "rmatmul", "rfloordiv"}


@dataclass(frozen=True)
class RawOperation:
    """An operation that ran outside of every library module."""

    name: str
    file: str
    line: int
    count: int

    def __str__(self) -> str:
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self.file}:{self.line}: {self.name}{times}"


@dataclass(frozen=True)
class Preparation:
    """What one forward has shown."""

    raw: tuple[RawOperation, ...]
    repeated: dict[str, int]
    """Modules called more than once, with their calls."""
    recurrent: dict[str, int]
    """Parts of recurrent modules, which run at each time step: sharing is what recurrence means."""
    compound: tuple[str, ...] = ()
    """Layers of torch that compute several operations in one; each is left as it is, and counts as prepared."""

    @property
    def prepared(self) -> bool:
        return not self.raw and not self.repeated

    def __bool__(self) -> bool:
        return self.prepared

    def __str__(self) -> str:
        if self.prepared:
            inside = f", but for those inside of {', '.join(self.compound)} (RW301)" if self.compound else ""
            return f"prepared: every operation is a module of its own{inside}"
        raw = f"{len(self.raw)} place{'s' if len(self.raw) != 1 else ''} with raw operations"
        again = f"{len(self.repeated)} module{'s' if len(self.repeated) != 1 else ''} called again"
        lines = [f"not prepared: {raw}, {again}"]
        lines += [f"  {raw}" for raw in self.raw]
        lines += [f"  {name} is called {count} times" for name, count in self.repeated.items()]
        return "\n".join(
            [*lines, "  `rewriter fix` mends what no comment keeps; `rewriter check -v` says what it leaves, and why"]
        )


def check_prepared(model: nn.Module, *args: Any, **kwargs: Any) -> Preparation:
    """Runs `model` once and says which value-changing operations no module stands for."""
    model = with_plain_weights(model)  # what computes a weight is quantized with it
    found: Counter[tuple[str, str, int]] = Counter()
    with torch.no_grad(), _tracking(model) as stack, _Watch(stack, found):
        model(*args, **kwargs)
    raw = tuple(
        RawOperation(name, file, line, count) for (name, file, line), count in sorted(found.items(), key=_place)
    )
    repeated = repeated_calls(model, *args, **kwargs)
    steps = {name: count for name, count in repeated.items() if _is_step(model, name)}
    compound = [name for name, module in model.named_modules() if type(module) in TWINS]
    whole = [name for name in compound if not any(name.startswith(f"{above}.") for above in compound)]
    return Preparation(raw, {n: c for n, c in repeated.items() if n not in steps}, steps, tuple(whole))


def _is_step(model: nn.Module, name: str) -> bool:
    """Whether the module is a part of an LSTM, GRU or RNN."""
    parts = name.split(".")
    above = (model.get_submodule(".".join(parts[:depth])) for depth in range(len(parts)))
    return any(isinstance(module, nn.RNNBase) for module in above)


def _place(item: tuple[tuple[str, str, int], int]) -> tuple[str, int, str]:
    (name, file, line), _ = item
    return file, line, name


@contextmanager
def _tracking(model: nn.Module) -> Iterator[list[nn.Module]]:
    """The modules whose forward is running, outermost first."""
    stack: list[nn.Module] = []
    hooks = []

    def leave(*_: Any) -> None:
        stack.pop()

    for module in model.modules():
        hooks.append(module.register_forward_pre_hook(lambda m, _: stack.append(m)))
        hooks.append(module.register_forward_hook(leave, always_call=True))
    try:
        yield stack
    finally:
        for hook in hooks:
            hook.remove()


def _is_library(module: nn.Module) -> bool:
    """The forward was written by torch or by this package, as one operation; containers only pass on."""
    if isinstance(module, _CONTAINERS):
        return False
    return (type(module).forward.__module__ or "").startswith(("torch.nn.", "torch.ao.nn.", "runtime."))


class _Watch(TorchFunctionMode):
    def __init__(self, stack: list[nn.Module], found: Counter[tuple[str, str, int]]) -> None:
        super().__init__()
        self.stack = stack
        self.found = found

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = _plain_name(func)
        if name in _computing() and _has_floats((args, kwargs)) and not any(map(_is_library, self.stack)):
            file, line = _caller()
            self.found[name, file, line] += 1
        return func(*args, **(kwargs or {}))


def _plain_name(func: Callable[..., Any]) -> str:
    return getattr(func, "__name__", "").strip("_")


@cache
def _computing() -> frozenset[str]:
    """The names of all operations but those that only take tensors apart, and of Python's operators."""
    names: set[str] = set()
    for wrapper in WRAPPERS:
        apart = Trait.MOVE | Trait.MAXIMUM | Trait.RANDOM
        if Trait.MOVE not in {row.traits & apart for row in wrapper.rows if row.returns == "tensors"}:
            names.add(_plain_name(OPERATIONS[wrapper.name].function))
            names.update(spelling.name.rpartition(".")[2].strip("_") for spelling in wrapper.spellings)
    return frozenset(names | _OPERATORS | _REFLECTED)


def _has_floats(arguments: Any) -> bool:
    """Numbers and indices are not activations, nor are scalars that hold a setting."""
    tensors = [t for t in tree_leaves(arguments) if isinstance(t, Tensor) and t.is_floating_point() and t.numel()]
    return any(t.dim() > 0 for t in tensors)


def _caller() -> tuple[str, int]:
    """The nearest line of code that is neither torch's nor this package's."""
    own = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(own):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
