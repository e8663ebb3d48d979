"""Compares a twin with the torch module it stands for: the same draws, the same state, the same results."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


def distance(ours: Tensor, theirs: Tensor, floor: float = 0.0) -> float:
    """The largest difference, relative to the largest value (or to `floor`, where all values are nearly zero)."""
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    assert ours.dtype == theirs.dtype
    if ours.numel() == 0 or torch.equal(ours, theirs):
        return 0.0
    scale = max(theirs.abs().max().item(), floor)
    return (ours - theirs).abs().max().item() / scale


def tensors(result: Any) -> list[Tensor]:
    """The tensors in a result, None left out."""
    return [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]


def pair(theirs: Callable[..., nn.Module], ours: Callable[..., nn.Module], *args: Any, **kwargs: Any) -> Any:
    """Both made from the same seed; asserts that they drew the same numbers and hold the same state."""
    made, generators = [], []
    for constructor in (theirs, ours):
        torch.manual_seed(11)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.append(constructor(*args, **kwargs))
        generators.append(torch.get_rng_state())
    assert torch.equal(*generators)
    original, twin = made
    ours_named, theirs_named = list(twin.named_parameters()), list(original.named_parameters())
    assert [name for name, _ in ours_named] == [name for name, _ in theirs_named]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(ours_named, theirs_named, strict=True))
    assert list(twin.state_dict()) == list(original.state_dict())
    return original, twin


def assert_same(original: nn.Module, twin: nn.Module, *args: Any, **kwargs: Any) -> None:
    """Outputs, every gradient (parameters and arguments) and the random numbers drawn are the same."""
    records = []
    for module in (original, twin):
        module.zero_grad()
        leaves = [t for t in tensors((args, kwargs)) if t.requires_grad]
        for leaf in leaves:
            leaf.grad = None
        torch.manual_seed(5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs = tensors(module(*args, **kwargs))
        generator = torch.get_rng_state()
        loss = sum(
            (o * torch.linspace(0.5, 1.5, o.numel(), dtype=o.dtype).view_as(o)).sum()
            for o in outputs
            if o.requires_grad
        )
        if isinstance(loss, Tensor):
            loss.backward()
        gradients = [t.grad for t in (*module.parameters(), *leaves)]
        records.append((outputs, gradients, generator))
    (their_outputs, their_gradients, their_generator), (outputs, gradients, generator) = records
    assert torch.equal(generator, their_generator)
    assert len(outputs) == len(their_outputs)
    tolerance = TOLERANCE[next(original.parameters()).dtype]
    for ours, theirs in zip(outputs, their_outputs, strict=True):
        assert distance(ours, theirs) <= tolerance
    largest = max((g.abs().max().item() for g in their_gradients if g is not None and g.numel()), default=0.0)
    for our_grad, their_grad in zip(gradients, their_gradients, strict=True):
        if our_grad is None or their_grad is None:
            assert (our_grad is None) == (their_grad is None)
        else:
            # A gradient that is zero but for rounding (attention's key bias) is measured by the others.
            assert distance(our_grad, their_grad, floor=1e-2 * largest) <= tolerance


def assert_refuses_alike(original: nn.Module, twin: nn.Module, *args: Any, **kwargs: Any) -> None:
    """Both raise, the same type with the same message."""
    raised = []
    for module in (original, twin):
        try:
            module(*args, **kwargs)
        except Exception as error:
            raised.append((type(error), str(error)))
    assert len(raised) == 2, "expected both to refuse"
    assert raised[0] == raised[1]
