"""Runs one program and writes down everything about it that a user could rely on."""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import pickle
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tests.bench.fuzz.normal import normal, sharing, tensors
from tests.bench.fuzz.program import Places, Program

# Where the original cannot do it, the rewritten program need not.
OPTIONAL = ("deepcopy", "pickle", "script", "fx")


@dataclass
class Record:
    """What was seen at each step, in order, and the model as its bytes, for another record to load."""

    seen: dict[str, Any] = field(default_factory=dict)
    pickled: bytes | None = None

    @property
    def built(self) -> bool:
        """There was a model to run."""
        return "eval" in self.seen

    def raised(self, step: str) -> tuple[Any, ...] | None:
        value = self.seen.get(step, (None,))[0]
        return value if isinstance(value, tuple) and value[:1] == ("raised",) else None


def record(places: Places, program: Program, without: Sequence[str] = (), older: bytes | None = None) -> Record:
    """`without` names steps that nobody asks for; `older` is the model before the rewrite, pickled."""
    found = Record()
    with _imported_from(places), warnings.catch_warnings(), _random_state_kept():
        warnings.simplefilter("ignore")
        _Run(found, without).all(program, older)
    return found


@contextlib.contextmanager
def _imported_from(places: Places) -> Iterator[None]:
    files = (file for folder in places.both for file in Path(folder).rglob("*.py"))
    for name in {file.stem for file in files}:  # what others have put there by that name
        sys.modules.pop(name, None)
    before, path = set(sys.modules), list(sys.path)
    sys.path[:0] = map(str, places.both)
    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.path[:] = path
        folders = tuple(map(str, places.both))
        for name in set(sys.modules) - before:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(folders):
                del sys.modules[name]


@dataclass
class _Run:
    found: Record
    without: Sequence[str] = ()

    def all(self, program: Program, older: bytes | None) -> None:
        space = self.step("import", lambda: importlib.import_module(program.entry))
        model = self.step("make", lambda: space.make()) if space is not None else None
        if model is None:
            return
        inputs = space.inputs
        self.step("state", lambda: _state(model))
        for name, train in (("eval", False), ("train", True), ("eval again", False), ("train again", True)):
            self.step(name, lambda train=train: _forward_and_backward(model.train(train), inputs))
            self.step(f"{name}: state", lambda: _state(model))
        self.step("no_grad", lambda: _without_gradients(model.eval(), inputs))
        self.step("deepcopy", lambda: _forward_and_backward(copy.deepcopy(_without_results(model)), inputs))
        self.step("pickle", lambda: self._reloaded(model, inputs))
        self.step("loaded", lambda: _after_loading(model, inputs))
        if hasattr(space, "extra"):
            other = self.step("make again", lambda: space.make())
            self.step("extra", lambda: space.extra(other))
        if program.traced:
            self.step("fx", lambda: _traced(space.make().eval(), inputs))
        if program.scripted:
            self.step("script", lambda: _scripted(space.make().eval(), inputs))
        if (source := older or self.found.pickled) is not None and "older pickle" not in self.without:
            self.step("older pickle", lambda: _forward_and_backward(pickle.loads(source), inputs))

    def step(self, name: str, action: Callable[[], Any]) -> Any:
        """Runs the action with seeds of its own; its value, prints and the random state behind it are written down."""
        _seed()
        printed = io.StringIO()
        value: Any
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
                value = action()
            plain = normal(value)
        except Exception as error:
            value, plain = None, normal(error)
        self.found.seen[name] = (plain, printed.getvalue(), _random_state())
        return value

    def _reloaded(self, model: nn.Module, inputs: Callable[[], Any]) -> Any:
        self.found.pickled = pickle.dumps(_without_results(model))
        return _forward_and_backward(pickle.loads(self.found.pickled), inputs)


def _seed() -> None:
    torch.default_generator.manual_seed(7)  # torch.manual_seed formats a stack for each device that is absent
    random.seed(7)
    numpy.random.seed(7)


@contextlib.contextmanager
def _random_state_kept() -> Iterator[None]:
    states = torch.get_rng_state(), random.getstate(), numpy.random.get_state()
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        random.setstate(states[1])
        numpy.random.set_state(states[2])


def _random_state() -> Any:
    return torch.rand(1).item(), random.random(), float(numpy.random.rand())


def _state(model: nn.Module) -> Any:
    named = [("parameter", n, p) for n, p in model.named_parameters()]
    named += [("buffer", n, b) for n, b in model.named_buffers()]
    return model.training, dict(model.state_dict()), [(kind, name, value) for kind, name, value in named]


def _without_results(model: nn.Module) -> nn.Module:
    model.zero_grad()
    return model


def _forward_and_backward(model: nn.Module, inputs: Callable[[], Any]) -> Any:
    """The result, gradients of parameters and inputs, what became of the arguments, and what shares memory."""
    model.zero_grad()
    given, keywords = inputs()
    wanted = [t.requires_grad_() for t in tensors(given) if t.is_floating_point() and type(t) is Tensor]
    given = [t.clone() if any(t is w for w in wanted) else t for t in given]
    found: dict[str, Any] = {"result": None}
    found["result"] = _caught(lambda: model(*given, **keywords))
    found["sharing"] = sharing(given, keywords, found["result"])
    found["backward"] = _caught(lambda: _backward(found["result"]))
    found["gradients"] = {n: p.grad for n, p in model.named_parameters()}
    found["inputs"] = [t.grad for t in wanted]
    found["arguments"] = given, keywords
    return found


def _backward(result: Any) -> None:
    differentiable = [t for t in tensors(result) if t.requires_grad]
    if differentiable:
        sum(t.double().sum() for t in differentiable).backward()


def _caught(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception as error:
        return error.with_traceback(None)


def _without_gradients(model: nn.Module, inputs: Callable[[], Any]) -> Any:
    given, keywords = inputs()
    with torch.no_grad():
        return _caught(lambda: model(*given, **keywords)), given


def _after_loading(model: nn.Module, inputs: Callable[[], Any]) -> Any:
    halved = {
        name: value * 0.5 if isinstance(value, Tensor) and value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    model.load_state_dict(halved, strict=True)
    return _forward_and_backward(model, inputs)


def _scripted(model: nn.Module, inputs: Callable[[], Any]) -> Any:
    given, keywords = inputs()
    scripted = torch.jit.script(model)
    return [_caught(lambda: scripted(*given, **keywords)) for _ in range(2)]


def _traced(model: nn.Module, inputs: Callable[[], Any]) -> Any:
    """Where the graph computes what the model does.

    torch.fx makes `x += y` one that leaves `x` as it is, and errors that a model catches are not in its graph.
    """
    given, keywords = inputs()
    traced, raising = torch.fx.symbolic_trace(model), _Raising()
    found = normal(traced(*copy.deepcopy(given), **copy.deepcopy(keywords)))
    with raising:
        wanted = normal(model(*copy.deepcopy(given), **copy.deepcopy(keywords)))
    if found != wanted or raising.raised:
        raise ValueError("the graph computes something else")
    return found


class _Raising(TorchFunctionMode):
    """Takes note of operations that raise."""

    raised = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        try:
            return func(*args, **(kwargs or {}))
        except Exception:
            self.raised = True
            raise
