"""Does each kind of surgery to each model, before and after it was rewritten, and says whether they are still equal."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tests.rewriter.executed import leaves
from tests.rewriter.surgery.kinds import KINDS, Original, Surgery
from tests.rewriter.surgery.models import MODELS, Model

EQUAL, NOTHING, DIFFERENT = "equal", "", "differs"


class Cell(NamedTuple):
    surgery: str
    model: str
    result: str
    why: str = ""


def cells() -> Iterator[Cell]:
    return (cell(kind, model) for kind in KINDS for model in MODELS)


def cell(kind: str, name: str) -> Cell:
    model = MODELS[name]
    original = Original(model.build(rewritten=False))
    runs = [_outcome(model, after, KINDS[kind], original) for after in (False, True)]
    if runs[0] is None or runs[1] is None:
        return Cell(kind, name, NOTHING)
    why = _difference(*runs)
    return Cell(kind, name, DIFFERENT if why else EQUAL, why)


Outcome = dict[str, Any]


def _outcome(model: Model, rewritten: bool, surgery: Surgery, original: Original) -> Outcome | None:
    torch.manual_seed(0)
    built = model.build(rewritten)
    seen: Outcome = {}
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            changed = surgery(built, original)
            if changed is None:
                return None
            seen["drawn in surgery"] = torch.rand(1)
            for mode in (True, False):
                _run(changed.train(mode), model.example(), f"train={mode}", seen)
        except Exception as error:
            seen["raised"] = f"{type(error).__name__}: {error}"
    return seen


def _run(model: nn.Module, x: Tensor, mode: str, seen: Outcome) -> None:
    model.zero_grad()
    torch.manual_seed(2)
    given = x.clone()
    if x.is_floating_point():
        given.requires_grad_()
    out = leaves(model(given * 1))
    seen[f"{mode}: output"] = [t.detach().clone() for t in out]
    if any(t.requires_grad for t in out):
        torch.stack([t.square().sum() for t in out]).sum().backward()
    seen[f"{mode}: gradient of the input"] = given.grad
    seen[f"{mode}: gradients"] = [p.grad if p.grad is None else p.grad.clone() for p in model.parameters()]
    seen[f"{mode}: buffers"] = [b.clone() for b in model.buffers()]
    seen[f"{mode}: state_dict"] = list(model.state_dict())
    seen[f"{mode}: drawn"] = torch.rand(1)


def _difference(before: Outcome, after: Outcome) -> str:
    """What differs first; an exception is one by its type."""
    for key in [*before, *(key for key in after if key not in before)]:
        if key == "raised" and key in before and key in after:
            if before[key].split(":")[0] != after[key].split(":")[0]:
                return f"raised {after[key]}, not {before[key]}"
        elif key not in after or key not in before:
            return f"raised {after.get('raised', before.get('raised'))}"
        elif not _same(before[key], after[key]):
            return key
    return ""


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and a.shape == b.shape and bool(torch.equal(a, b))
    return bool(a == b)
