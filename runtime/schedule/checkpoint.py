"""Checkpoints of a whole training: what is loaded goes on as if it had never been interrupted, bit for bit.

A checkpoint holds dictionaries, lists, strings, numbers and tensors only, so `torch.load(..., weights_only=True)`
reads it. It may be taken at the end of any epoch, and in an epoch after any `on_minibatch_end`, before the next batch
is drawn.
"""

from __future__ import annotations

import os
from typing import IO, Any

import torch
from torch.optim import Optimizer

from runtime.quantization.checkpoint import plain
from runtime.quantization.metadata import unwrapped
from runtime.schedule.random_state import random_state, restore_random_state
from runtime.schedule.scheduler import CompressionScheduler

Target = str | os.PathLike[str] | IO[bytes]

_KEYS = ("model", "optimizer", "scheduler", "random")


def save_checkpoint(target: Target, scheduler: CompressionScheduler, optimizer: Optimizer, **more: Any) -> None:
    """Writes the model, the optimizer, the schedule and the random state, and what else is given (`best=0.97`)."""
    taken = [name for name in more if name in _KEYS]
    if taken:
        raise ValueError(f"the checkpoint uses the names {taken} itself; call yours something else")
    content = {
        "model": unwrapped(scheduler.model).state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": plain(scheduler.state_dict(), "scheduler"),
        "random": random_state(),
        **{name: plain(value, name) for name, value in more.items()},
    }
    torch.save(content, target)


def load_checkpoint(source: Target, scheduler: CompressionScheduler, optimizer: Optimizer) -> dict[str, Any]:
    """Reads what `save_checkpoint` wrote, and returns what else was saved.

    Model, optimizer and scheduler are made as they were at the training's beginning, and nothing was run yet.
    """
    content = torch.load(source, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or not set(_KEYS) <= content.keys():
        raise ValueError(f"{source} was not written by save_checkpoint: it needs the entries {', '.join(_KEYS)}")
    model, optimizer_state, state, random = (content.pop(key) for key in _KEYS)
    scheduler.prepare_to_load(state, optimizer)
    unwrapped(scheduler.model).load_state_dict(model)
    optimizer.load_state_dict(optimizer_state)
    scheduler.load_state_dict(state)
    restore_random_state(random)
    return content
