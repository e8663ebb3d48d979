"""Rewriting source and running it beside the original."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rewriter.engine import rewrite
from rewriter.results import FileResult
from rewriter.settings import Settings

HEADER = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor
"""


def rewritten(source: str, /, **settings: Any) -> FileResult:
    """The result for a source; a failure of the engine fails the test."""
    result = rewrite(source.encode(), Path("model.py"), Settings(**settings))
    assert result.failure is None, result.failure
    return result


def load(source: bytes) -> dict[str, Any]:
    module = sys.modules["model"] = types.ModuleType("model")  # dataclasses look there for their module
    exec(compile(source, "model.py", "exec"), vars(module))
    return vars(module)


def leaves(result: Any) -> list[Tensor]:
    return [t for t in torch.utils._pytree.tree_leaves(result) if isinstance(t, Tensor)]


def assert_equal_models(before: nn.Module, after: nn.Module, *inputs: Any) -> None:
    """The promises that running can show: outputs, gradients, random numbers, effects on arguments, state_dict."""
    assert list(before.state_dict()) == list(after.state_dict())
    after.load_state_dict(before.state_dict(), strict=True)
    for mode in (False, True):
        runs = []
        for model in (before.train(mode), after.train(mode)):
            model.zero_grad()
            torch.manual_seed(3)
            given = [i.clone() if isinstance(i, Tensor) else i for i in inputs]
            out = leaves(model(*given))
            differentiable = [t for t in out if t.requires_grad]
            if differentiable:
                torch.stack([t.double().sum() for t in differentiable]).sum().backward()
            grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
            runs.append((out, given, grads, torch.rand(1)))
        (out, given, grads, drawn), (new_out, new_given, new_grads, new_drawn) = runs
        assert all(_same(a, b) for a, b in zip(out, new_out, strict=True))
        assert all(torch.equal(a, b) for a, b in zip(leaves(given), leaves(new_given), strict=True))
        assert grads.keys() == new_grads.keys() and all(_same(grads[n], new_grads[n]) for n in grads)
        assert torch.equal(drawn, new_drawn), "other random numbers were drawn"
        assert all(torch.equal(a, b) for a, b in zip(before.buffers(), after.buffers(), strict=True))


def _same(a: Tensor, b: Tensor) -> bool:
    """Bit for bit, but that a number which is none is like any other that is none."""
    return a.dtype == b.dtype and a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())


def check(source: str, *inputs: Any, name: str = "Net", arguments: tuple[Any, ...] = ()) -> str:
    """Rewrites a class, runs it against the original, and gives the new source."""
    result = rewritten(HEADER + source)
    assert result.changed, result.refusals
    torch.manual_seed(0)
    before = load(result.before)[name](*arguments)
    torch.manual_seed(0)
    after = load(result.after)[name](*arguments)
    assert_equal_models(before, after, *inputs)
    return result.after.decode().removeprefix(HEADER)
