"""Runs a file before and after rewriting in processes of its own kind: two modules, and all that a user can see of them.

A file has `make()`, which builds the model, `inputs()`, which returns the arguments and keywords of a call, and may have
`extra(model)`, which does what a user does afterwards, and `GRAD_IN = False` where its inputs want no gradient.
"""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import linecache
import pickle
import random
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rewriter.engine import rewrite
from rewriter.results import FileResult
from rewriter.settings import Settings

_NUMBERS = itertools.count()
Seen = dict[str, Any]


def rewritten(source: str) -> FileResult:
    return rewrite(source.encode(), Path("model.py"), Settings())


def observe(source: str) -> Seen:
    """Everything that a user can see of the file: what it prints, returns, raises, draws, keeps and saves."""
    seen: Seen = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), _imported(source) as module:
        torch.manual_seed(0)
        random.seed(0)
        made = _attempt(seen, "make", module.make)
        seen["drawn at making"] = torch.rand(1)
        if isinstance(made, nn.Module):
            seen["keys"] = _plain(dict(made.state_dict()))
            for mode in (False, True):
                _attempt(seen, f"train={mode}", lambda mode=mode: _run(made.train(mode), module))
            _attempt(seen, "copied", lambda: _run(copy.deepcopy(made), module))
            _attempt(seen, "pickled", lambda: _run(pickle.loads(pickle.dumps(made)), module))
        if made is not None and hasattr(module, "extra"):
            _attempt(seen, "extra", lambda: _plain(module.extra(made)))
    seen["printed"] = printed.getvalue()
    return seen


def differences(before: Seen, after: Seen) -> list[str]:
    """What differs, by name; empty where nothing does."""
    names = [*before, *(name for name in after if name not in before)]
    return [f"{n}: {before.get(n)!r} became {after.get(n)!r}" for n in names if not _same(before.get(n), after.get(n))]


def _run(model: nn.Module, module: types.ModuleType) -> Seen:
    """One call, with the gradients it leads to and what it does to its arguments."""
    torch.manual_seed(3)
    given = module.inputs()
    arguments, keywords = given if len(given) == 2 and isinstance(given[1], dict) else (given, {})
    leaves = [t for t in pytree.tree_leaves((arguments, keywords)) if isinstance(t, Tensor) and t.is_floating_point()]
    for leaf in leaves if getattr(module, "GRAD_IN", True) else ():
        leaf.requires_grad_()
    model.zero_grad()
    before = [leaf.detach().clone() for leaf in leaves]
    result = model(*arguments, **keywords)
    outputs = [t for t in pytree.tree_leaves(result) if isinstance(t, Tensor) and t.requires_grad]
    if outputs:
        torch.stack([t.double().sum() for t in outputs]).sum().backward()
    return {
        "result": _plain(result),
        "changed arguments": [not _same(a, b.detach()) for a, b in zip(before, leaves, strict=True)],
        "input gradients": [leaf.grad for leaf in leaves],
        "gradients": {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None},
        "buffers": {name: b.clone() for name, b in model.named_buffers()},
        "drawn": torch.rand(1),
    }


def _plain(value: Any) -> Any:
    return pytree.tree_map(lambda leaf: leaf.detach().clone() if isinstance(leaf, Tensor) else leaf, value)


def _attempt(seen: Seen, name: str, action: Callable[[], Any]) -> Any:
    try:
        result = action()
    except Exception as error:
        seen[name] = f"{type(error).__name__}: {re.sub(r'0x[0-9a-f]+', '0x', str(error))}"
        return None
    seen[name] = type(result).__name__ if name == "make" else result
    return result


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        alike = type(one) is type(other) or {type(one), type(other)} <= {Tensor, nn.Parameter}
        if not alike and type(one).__name__ != type(other).__name__:
            return False
        return one.dtype == other.dtype and one.shape == other.shape and _bits(one) == _bits(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        alike = type(one).__name__ == type(other).__name__ and len(one) == len(other)
        return alike and all(map(_same, one, other))
    if callable(one) and callable(other):
        return getattr(one, "__name__", "") == getattr(other, "__name__", "")
    return repr(one) == repr(other) if isinstance(one, np.ndarray) else bool(one == other)


def _bits(tensor: Tensor) -> bytes:
    return tensor.detach().as_subclass(Tensor).contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


@contextlib.contextmanager
def _imported(source: str) -> Iterator[types.ModuleType]:
    """The source as a module that pickle and dataclasses find by its name, and TorchScript with its lines."""
    name = f"observed_{next(_NUMBERS)}"
    module = sys.modules[name] = types.ModuleType(name)
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    try:
        exec(compile(source, name, "exec"), vars(module))
        yield module
    finally:
        del sys.modules[name], linecache.cache[name]
