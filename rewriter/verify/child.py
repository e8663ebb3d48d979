"""Builds and runs one side, in a process of its own: `python -m rewriter.verify.child SPEC`."""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import pickle
import random
import re
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rewriter.importer.store import cache_folder
from rewriter.settings import Settings
from rewriter.verify.inputs import Input
from rewriter.verify.sides import CASE, OTHER_LAYER
from rewriter.verify.values import Leaf, leaves, text

Seen = dict[str, list[tuple[str, Leaf]]]
Case = tuple[tuple[Any, ...], dict[str, Any]]
MANY_LAYERS = 12
"""How many layers are replaced, one after the other."""


@dataclass(frozen=True)
class Spec:
    module: str
    expression: str
    """Evaluated in the module; makes the model."""
    roots: tuple[str, ...]
    """Where the module is imported from."""
    rewriting: Settings | None
    """The settings to rewrite it with; None runs it as it is."""
    inputs: tuple[Input, ...]
    cases: Path | None
    seed: int
    start: Path | None
    """A checkpoint to start from: that of the other side."""


@dataclass
class Observed:
    seen: Seen = field(default_factory=dict)
    state: dict[str, Tensor] = field(default_factory=dict)
    error: str = ""
    """Why nothing could be observed."""
    rewritten: int = 0
    """How many files were."""
    unprepared: str = ""


def observe(spec: Spec) -> Observed:
    observed = Observed()
    sys.path[:0] = spec.roots
    try:
        model = _made(spec, observed)
        cases = list(_cases(spec))
    except Exception as error:
        observed.error = _of_theirs(error)
        return observed
    observed.state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    _look_at(model, observed.seen)
    if spec.start is not None:
        try:
            model.load_state_dict(torch.load(spec.start, weights_only=True), strict=True)
        except RuntimeError as error:
            observed.seen["checkpoint of the other side"] = [("", text(error))]
    _run_all(model, cases, spec.seed, observed.seen)
    if spec.rewriting is not None:
        observed.unprepared = _unprepared(model, cases[0], spec.rewriting)
    return observed


def _of_theirs(error: Exception) -> str:
    """The traceback without what this file did on the way to the model."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if frame.filename != __file__ and frame.filename != "<string>"]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(theirs[-3:])] if theirs else []
    return "".join([*lines, *traceback.format_exception_only(error)])


def _made(spec: Spec, observed: Observed) -> nn.Module:
    if spec.rewriting is None:
        module = importlib.import_module(spec.module)
    else:
        from rewriter.importer import rewriting

        with rewriting(spec.module.partition(".")[0], settings=spec.rewriting) as library:
            module = importlib.import_module(spec.module)
        observed.rewritten = sum(result.changed for result in library.results.values())
    _seed(spec.seed)
    made = eval(spec.expression, vars(module))
    model = made() if isinstance(made, type) and issubclass(made, nn.Module) else made
    if not isinstance(model, nn.Module):
        hint = f"; to call it, write {spec.expression}()" if callable(model) else ""
        raise TypeError(f"{spec.expression} is a {type(model).__name__}, not a module{hint}")
    observed.seen["random numbers drawn by the constructor"] = list(leaves(_drawn()))
    return model


def _look_at(model: nn.Module, seen: Seen) -> None:
    state = model.state_dict()
    seen["keys of the state_dict"] = [("", str(list(state)))]
    seen["values at the beginning"] = list(leaves(state))
    seen["parameters, in the order of an optimizer"] = [
        (name, f"{tuple(p.shape)} {p.requires_grad}") for name, p in model.named_parameters()
    ]
    places: dict[tuple[int, int], list[str]] = {}
    for name, value in state.items():
        places.setdefault((value.data_ptr(), value.storage_offset()), []).append(name)
    seen["tensors under several names"] = [("", str([names for names in places.values() if len(names) > 1]))]


def _run_all(model: nn.Module, cases: list[Case], seed: int, seen: Seen) -> None:
    for mode in ("eval", "train"):
        for number, case in enumerate(cases, 1):
            model.train(mode == "train")
            _record(seen, f"{mode}{CASE}{number}", partial(_run, model, case, seed))
    model.eval()
    first = cases[0]
    _record(seen, "a deepcopy", lambda: _run(copy.deepcopy(model), first, seed))
    _record(seen, "a pickled copy", lambda: _run(pickle.loads(pickle.dumps(model)), first, seed))
    for name in _layers(model):
        _record(seen, f"{OTHER_LAYER}{name}", partial(_run_with_other_layer, model, name, first, seed))


def _record(seen: Seen, name: str, run: Callable[[], dict[str, Any]]) -> None:
    try:
        seen[name] = [(f"{what}{path}", leaf) for what, value in run().items() for path, leaf in leaves(value)]
    except Exception as error:
        seen[name] = [("raises", f"{type(error).__name__}: {text(error)}")]


def _run(model: nn.Module, case: Case, seed: int) -> dict[str, Any]:
    """One call and everything that it leads to."""
    arguments, keywords = copy.deepcopy(case)
    given = [t for t in _tensors((arguments, keywords)) if t.is_floating_point()]
    before = [tensor.requires_grad_().detach().clone() for tensor in given]
    passed = [tensor.clone() for tensor in given]  # what is changed in place may not be a leaf
    arguments, keywords = _exchanged((arguments, keywords), dict(zip(map(id, given), passed, strict=True)))
    model.zero_grad()
    _seed(seed)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        output = model(*arguments, **keywords)
    drawn = _drawn()
    differentiable = [t for t in _tensors(output) if t.requires_grad]
    if differentiable:
        sum((t.to(torch.complex128).abs() if t.is_complex() else t.double()).sum() for t in differentiable).backward()  # type: ignore[union-attr]
    return {
        "output": output,
        "arguments": passed,
        "arguments changed": [not torch.equal(a, b) for a, b in zip(before, passed, strict=True)],
        "gradient of the input": [tensor.grad for tensor in given],
        "gradient": {name: p.grad for name, p in model.named_parameters()},
        "buffer": dict(model.named_buffers()),
        "random numbers drawn": drawn,
        "printed": printed.getvalue(),
    }


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    elif hasattr(value, "__dict__") and not isinstance(value, type | nn.Module):
        yield from _tensors(dict(vars(value)))


def _exchanged(value: Any, new: Mapping[int, Tensor]) -> Any:
    if isinstance(value, Tensor):
        return new.get(id(value), value)
    if isinstance(value, dict):
        return {key: _exchanged(item, new) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_exchanged(item, new) for item in value)
    return value


def _layers(model: nn.Module) -> list[str]:
    """Modules with parameters of their own, spread over the model: the first and the last are among them."""
    names = [
        name
        for name, module in model.named_modules()
        if name and next(module.parameters(recurse=False), None) is not None
    ]
    step = max(1, -(-len(names) // MANY_LAYERS))
    return list(dict.fromkeys([*names[::step], *names[-1:]]))


def _with_other_layer(model: nn.Module, name: str) -> nn.Module:
    """As people put another head on a model: the attribute is set, and must be what runs."""
    changed = copy.deepcopy(model)
    layer = copy.deepcopy(changed.get_submodule(name))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(1.5).add_(0.25)
    parent, _, attribute = name.rpartition(".")
    setattr(changed.get_submodule(parent), attribute, layer)
    return changed


def _run_with_other_layer(model: nn.Module, name: str, case: Case, seed: int) -> dict[str, Any]:
    return _run(_with_other_layer(model, name), case, seed)


def _cases(spec: Spec) -> Iterator[Case]:
    if spec.cases is None:
        _seed(spec.seed)
        yield tuple(map(_tensor, spec.inputs)), {}
        return
    _seed(spec.seed)
    for case in runpy.run_path(str(spec.cases))["cases"]():
        with_keywords = (
            isinstance(case, tuple) and len(case) == 2 and isinstance(case[0], tuple) and isinstance(case[1], dict)
        )
        yield case if with_keywords else (case if isinstance(case, tuple) else (case,), {})


def _tensor(given: Input) -> Tensor:
    dtype = getattr(torch, given.dtype)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(given.shape, dtype=dtype)
    return torch.randint(given.below, given.shape).to(dtype)


def _unprepared(model: nn.Module, case: Case, settings: Settings) -> str:
    """By whatever rewritten code is linked against."""
    try:
        inspect = importlib.import_module(f"{settings.runtime_import}.inspect")
        found = str(inspect.check_prepared(model.eval(), *case[0], **case[1]))
        return re.sub(rf"{re.escape(str(cache_folder()))}/\w+/(\S+):(\d+):", r"\1, line \2 as rewritten:", found)
    except Exception as error:
        return f"whether the model is prepared could not be found out: {type(error).__name__}: {error}"


def _seed(seed: int) -> None:
    random.seed(seed)
    torch.manual_seed(seed)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(seed)


def _drawn() -> list[float]:
    """The next random numbers: others where others, or more, were drawn before."""
    numpy = sys.modules.get("numpy")
    return [random.random(), float(torch.rand(1)), *([float(numpy.random.rand())] if numpy else [])]


if __name__ == "__main__":
    spec_file, out = sys.argv[1:]
    sys.path.pop(0)  # the folder that this process was started in, which is the roots' business
    torch.save(vars(observe(pickle.loads(Path(spec_file).read_bytes()))), out)
