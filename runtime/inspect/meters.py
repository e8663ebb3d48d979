"""The small helpers that PyTorch's tutorials share: a running average, accuracy, and a loop that evaluates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from runtime.quantization.calibration import evaluating


class AverageMeter:
    """The latest value and the average of all, each counted `n` times; printed as `name latest (average)`."""

    def __init__(self, name: str, fmt: str = ":f") -> None:
        self.name = name
        self.fmt = fmt
        self.reset()

    def reset(self) -> None:
        self.val: Any = 0
        self.avg: Any = 0
        self.sum: Any = 0
        self.count = 0

    def update(self, val: Any, n: int = 1) -> None:
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count

    def __str__(self) -> str:
        form = f"{{name}} {{val{self.fmt}}} ({{avg{self.fmt}}})"
        return form.format(name=self.name, val=_number(self.val), avg=_number(self.avg))


@torch.no_grad()
def accuracy(output: Tensor, target: Tensor, topk: Sequence[int] = (1,)) -> list[Tensor]:
    """For each k the percentage of rows whose target is among the k largest outputs, as a tensor of one element."""
    largest = output.topk(max(topk), dim=1).indices
    right = largest == target.reshape(-1, 1)
    return [right[:, :k].any(dim=1).float().sum().mul(100.0 / len(target)).reshape(1) for k in topk]


def evaluate(
    model: nn.Module,
    criterion: Callable[[Tensor, Tensor], Tensor],
    data_loader: Iterable[tuple[Tensor, Tensor]],
    neval_batches: int | None = None,
) -> tuple[AverageMeter, AverageMeter]:
    """Top-1 and top-5 accuracy over the first batches; with fewer than five classes the second is over all of them."""
    top1, top5 = AverageMeter("Acc@1", ":6.2f"), AverageMeter("Acc@5", ":6.2f")
    with evaluating(model), torch.no_grad():
        for image, target in islice(data_loader, neval_batches):
            output = model(image)
            criterion(output, target)
            first, fifth = accuracy(output, target, topk=(1, min(5, output.shape[1])))
            top1.update(first[0], image.size(0))
            top5.update(fifth[0], image.size(0))
    return top1, top5


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value
