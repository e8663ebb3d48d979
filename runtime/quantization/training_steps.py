"""What happens once in a training step of a quantized model, whatever its modules do how often.

A step is one forward of the whole model in training mode. At its beginning the quantizers learn in which phase the
training is; at its end what they have seen becomes their range, over all processes that train together. That is one
message a step, sent by every process, however often each of them ran a module.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from runtime.quantization.metadata import unwrapped
from runtime.user_line import warn

COUNTER = "quantization_steps"
OUTPUT, INPUTS = "output_quantizer", "input_quantizers"
"""Under which names a module has its quantizers."""
_NAMED = 3


class Phases(NamedTuple):
    """From which step on. None is never."""

    start_after: int = 0
    """Values and weights are quantized; before, their ranges are only followed."""
    freeze_bn_after: int | None = None
    """Normalizations use, and keep, their running statistics."""
    freeze_scales_after: int | None = None
    """Ranges are followed no more."""


class Observing(nn.Module):
    """A quantizer that gathers during a step, in small tensors, what is combined over all processes at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.observing = True
        self.quantizing = True
        self.skipped = False
        """Whether it has let pass, in eval mode, what it has no grid for yet."""

    def gathered(self) -> tuple[Tensor, Tensor]:
        """What all processes take the least of, and what they add; neither has to hold anything."""
        return torch.empty(0), torch.empty(0)

    def finish_step(self, least: Tensor, total: Tensor) -> None:
        """Takes over what all processes have gathered, and begins anew."""


def count_training_steps(model: nn.Module, phases: Phases) -> None:
    """Counts steps in a buffer of the model, so that a checkpoint goes on where it was."""
    unwrapped(model).register_buffer(COUNTER, torch.zeros((), dtype=torch.int64))
    model.register_forward_pre_hook(partial(_begin, phases))
    model.register_forward_hook(_finish)


def stop_counting_training_steps(model: nn.Module) -> None:
    """Takes back what `count_training_steps` did."""
    unwrapped(model)._buffers.pop(COUNTER, None)
    hooks: list[dict[int, Any]] = [model._forward_pre_hooks, model._forward_hooks]
    for registered in hooks:
        for number, hook in list(registered.items()):
            if hook is _finish or (isinstance(hook, partial) and hook.func is _begin):
                del registered[number]


def _begin(phases: Phases, model: nn.Module, _args: Any) -> None:
    step = int(getattr(unwrapped(model), COUNTER))
    frozen = _reached(step, phases.freeze_bn_after)
    for module in model.modules():
        if isinstance(module, Observing):
            module.observing = not _reached(step, phases.freeze_scales_after)
            module.quantizing = _reached(step, phases.start_after)
        elif frozen and isinstance(module, _BatchNorm):
            module.eval()


def _finish(model: nn.Module, _args: Any, _output: Any) -> None:
    if not model.training:
        _warn_of_skipped(model)
        return
    getattr(unwrapped(model), COUNTER).add_(1)
    observers = {name: m for name, m in model.named_modules() if isinstance(m, Observing) and m.observing}
    gathered = [observer.gathered() for observer in observers.values()]
    if not gathered:
        return
    least = _over_all_processes([least for least, _ in gathered], dist.ReduceOp.MIN)
    total = _over_all_processes([total for _, total in gathered], dist.ReduceOp.SUM)
    for (name, observer), (own_least, own_total) in zip(observers.items(), gathered, strict=True):
        try:
            observer.finish_step(least[: len(own_least)], total[: len(own_total)])
        except ValueError as error:
            raise ValueError(f"{name!r} {error}") from error
        least, total = least[len(own_least) :], total[len(own_total) :]


def _warn_of_skipped(model: nn.Module) -> None:
    names = []
    for name, module in model.named_modules():
        if isinstance(module, Observing) and module.skipped:
            module.skipped = False
            names.append(name.rpartition(f".{OUTPUT}")[0] or name.partition(f".{INPUTS}")[0])
    if names:
        shown = ", ".join(map(repr, names[:_NAMED])) + f" and {len(names) - _NAMED} more" * (len(names) > _NAMED)
        warn(f"values of {shown} have no range yet and are not quantized: train the model first")


def _over_all_processes(gathered: list[Tensor], operation: Any) -> Tensor:
    """All of it in one tensor, so that it is one message."""
    some = [tensor for tensor in gathered if tensor.numel()]
    if not some:
        return torch.empty(0)
    joined = torch.cat(some)
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        dist.all_reduce(joined, op=operation)
    return joined


def _reached(step: int, threshold: int | None) -> bool:
    return threshold is not None and step >= threshold
