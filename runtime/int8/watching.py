"""What one run of a model shows of its own code: which lines run, and which codes each function has in its hands."""

from __future__ import annotations

import functools
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

import runtime
from runtime.int8.branches import way_left_out
from runtime.int8.counterparts.base import Int8Module
from runtime.quantization.adjacency import SHAPES_ONLY
from runtime.quantization.fusion import Absorbed

_TORCH = f"{Path(torch.__file__).resolve().parent}/"
_LIBRARIES = (_TORCH, *(f"{Path(path).resolve()}/" for path in (runtime.__path__[0], sysconfig.get_path("stdlib"))))
_BY_ORDER = ("view", "view_as")
_OF_NO_VALUE = frozenset(
    "shape size dim ndim ndimension numel nelement len stride storage_offset is_contiguous device get_device is_cuda "
    "is_cpu layout is_sparse requires_grad is_leaf grad_fn names hash id".split()
)
"""What may be asked of codes: the answer is the same for the real numbers."""
_PART_OF_A_FUNCTION = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


class Function:
    """A function of the model's own code, as called on one object."""

    def __init__(self, code: CodeType, owner: object) -> None:
        self.code, self.owner = code, owner
        self.lines: set[int] = set()
        self.sources: set[Int8Module] = set()
        """The modules whose codes it has had."""

    def left_out(self) -> str:
        """Where it might take tensors a way that the run has not; empty if nowhere."""
        line = way_left_out(self.code, self.lines, self.owner)
        return f"{Path(self.code.co_filename).name}:{line}" if line else ""


class Watch(TorchFunctionMode):
    """Follows codes by the memory that they lie in; all of them are kept until the end, so that none is used again."""

    def __init__(self) -> None:
        super().__init__()
        self.functions: dict[tuple[CodeType, int], Function] = {}
        self.misplaced: dict[Int8Module, str] = {}
        """Whose codes come to something that computes in floating point, and what that is."""
        self.ordered: set[Int8Module] = set()
        """Whose codes are viewed in a way that their order in memory may not allow."""
        self._made_by: defaultdict[int, set[Int8Module]] = defaultdict(set)
        self._kept: list[Any] = []
        self._inside = 0

    def entering(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if self._inside == 0 and not isinstance(module, (Int8Module, Absorbed)):
            self._misplaced((args, kwargs), f"{type(module).__name__}, which stays in floating point, takes it")
        self._inside += 1

    def leaving(self, module: nn.Module, args: Any, output: Any) -> None:
        self._inside -= 1
        if self._inside == 0 and isinstance(module, Int8Module):
            for tensor in _codes(output):
                self._keep(tensor, {module})
            self.given_back(module, args, output)

    def results(self, given: Any) -> None:
        """What the model itself returns: nobody outside of it knows of codes."""
        self._misplaced(given, "the model returns it")

    def given_back(self, module: nn.Module, args: Any, output: Any) -> None:
        if self._inside == 0:
            self._seen(sys._getframe(1), output)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = self._called(func, args, kwargs or {})
        if self._inside == 0 and (sources := self._sources((args, kwargs))):
            for tensor in _codes(output):
                self._keep(tensor, sources)
            name = _plain_name(func)
            if name not in _OF_NO_VALUE and not (name in SHAPES_ONLY and _stay_codes(args, output)):
                reads = func.__name__ == "__get__"
                self._misplaced((args, kwargs), f"{name} is read" if reads else f"{name}, not a module, takes it")
        return output

    def _called(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The codes of a view must lie in order; those that do as their sizes leave no choice might not at others."""
        by_order = func.__name__ in _BY_ORDER
        if by_order and args[0].dim() > 2 and args[0].is_contiguous() and args[0].movedim(1, -1).is_contiguous():
            self.ordered |= self._sources(args[0])
        try:
            return func(*args, **kwargs)
        except RuntimeError:
            if by_order:
                self.ordered |= self._sources(args[0])
            raise

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """As `sys.settrace` takes it."""
        if self._inside or not _is_own(frame.f_code.co_filename):
            return None
        if event == "line":
            self._function(frame).lines.add(frame.f_lineno)
        elif event == "call":
            self._seen(frame, list(frame.f_locals.values()))
        elif event == "return":
            self._seen(frame, list(frame.f_locals.values()))
            self._seen(frame.f_back, argument)
        return self.trace

    def _misplaced(self, values: Any, why: str) -> None:
        for module in self._sources(values):
            self.misplaced.setdefault(module, why)

    def _function(self, frame: FrameType) -> Function:
        owner = frame.f_locals.get("self")
        return self.functions.setdefault((frame.f_code, id(owner)), Function(frame.f_code, owner))

    def _seen(self, frame: FrameType | None, values: Any) -> None:
        """By the function that this frame is of, or the nearest that called it by way of torch."""
        sources = self._sources(values)
        while frame is not None and (_passes_on(frame.f_code) or frame.f_code.co_filename == __file__):
            frame = frame.f_back
        if frame is not None and sources and _is_own(frame.f_code.co_filename):
            self._function(frame).sources.update(sources)

    def _sources(self, values: Any) -> set[Int8Module]:
        return set().union(*(self._made_by.get(_address(tensor), ()) for tensor in _codes(values)))

    def _keep(self, tensor: Tensor, sources: set[Int8Module]) -> None:
        self._kept.append(tensor)
        self._made_by[_address(tensor)].update(sources)


@contextmanager
def watched(model: nn.Module) -> Iterator[Watch]:
    """What is seen of the model's own code that runs inside."""
    watch, hooks = Watch(), []
    for module in model.modules():
        if isinstance(module, Int8Module) or not any(module.children()):
            hooks.append(module.register_forward_pre_hook(watch.entering, with_kwargs=True))
            hooks.append(module.register_forward_hook(watch.leaving, always_call=True))
        else:
            hooks.append(module.register_forward_hook(watch.given_back))
    before = sys.gettrace()
    try:
        with watch:
            sys.settrace(watch.trace)
            yield watch
    finally:
        sys.settrace(before)
        for hook in hooks:
            hook.remove()


@functools.cache
def _is_own(file: str) -> bool:
    """Whether code is the model's, and not torch's, Python's or ours, which treat codes well."""
    return not file.startswith("<frozen") and not str(Path(file).resolve()).startswith(_LIBRARIES)


@functools.cache
def _passes_on(code: CodeType) -> bool:
    """Whether what comes back to it is what its caller gets: torch's call of a module, a part of a function."""
    return str(Path(code.co_filename).resolve()).startswith(_TORCH) or code.co_name in _PART_OF_A_FUNCTION


def _plain_name(func: Any) -> str:
    """Of a function, method, operator or attribute of tensors."""
    name: str = func.__self__.__name__ if func.__name__ == "__get__" else func.__name__
    return name.strip("_")


def _stay_codes(args: Any, output: Any) -> bool:
    """Whether codes were moved and not converted to another type, nor something else to theirs."""
    tensors = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
    return len(_codes(args[:1])) > 0 and len(tensors) == len(_codes(output)) > 0


def _codes(values: Any) -> list[Tensor]:
    with torch._C.DisableTorchFunction():  # the watch itself may ask for types and addresses
        try:
            leaves = tree_leaves(values)
        except AttributeError:  # an object of the model's own that is just being made
            return []
        return [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.dtype == torch.uint8]


def _address(tensor: Tensor) -> int:
    with torch._C.DisableTorchFunction():
        return tensor.untyped_storage().data_ptr()
