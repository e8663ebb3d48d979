"""A residual network on handwritten digits, compressed by one schedule: `python -m tests.bench.compression [--seeds 3]`.

The network is trained in floating point; then compression.yaml prunes 80% of its weights gradually and quantizes them
in training, and it is computed in int8. With `--resume` the training is also interrupted at every epoch's border and in
the midst of every epoch, goes on from the checkpoint in a new model, and has to end with the same bits. With
`--report FILE` a page says what became of the first seed's network.
"""

from __future__ import annotations

import argparse
import copy
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import runtime.int8
from runtime.inspect import Report, Variant, sensitivity_to_pruning
from runtime.modules import EltWiseAdd
from runtime.quantization import finish_training
from runtime.quantization.summary import state_bytes
from runtime.quantization.trained import FoldedNormalization
from runtime.schedule import CompressionScheduler, file_config, load_checkpoint, save_checkpoint
from tests.bench.digits_data import Digits, accuracy, digits, train
from tests.bench.thinning import milliseconds

SCHEDULE = Path(__file__).with_suffix(".yaml")
EPOCHS = 18
LR = 0.02
Border = tuple[int, int]
"""An epoch, and how many of its minibatches are done."""
BORDERS = [(epoch, number) for epoch in range(EPOCHS) for number in (0, 7)]


class ConvNorm(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.relu(self.norm(self.conv(x)))
        return result


class Block(nn.Module):
    """Two convolutions and a way around them, every operation a module."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.add = EltWiseAdd()
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu1(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        result: Tensor = self.relu2(self.add(out, self.shortcut(x)))
        return result


class ResidualNet(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stem = ConvNorm(3, width)
        self.blocks = nn.Sequential(Block(width, width, 1), Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(4 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.flatten(self.pool(self.blocks(self.stem(x)))))
        return logits


def compress(
    model: nn.Module,
    data: Digits,
    seed: int,
    start: io.BytesIO | None = None,
    save_at: Sequence[Border] = (),
    stop_at: Border | None = None,
) -> tuple[CompressionScheduler, list[io.BytesIO]]:
    """The training loop, with the scheduler's callbacks; from `start` on, with checkpoints at the borders named."""
    torch.manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=1e-4)
    scheduler = file_config(model, optimizer, SCHEDULE, dummy_input=data.x[:2])
    if start is not None:
        load_checkpoint(start, scheduler, optimizer)
    files = []
    for epoch in range(scheduler.epoch, EPOCHS):
        if (epoch, 0) in save_at:
            files.append(_saved(scheduler, optimizer))
        if (epoch, 0) == stop_at:
            return scheduler, files
        model.train()
        scheduler.on_epoch_begin(epoch)
        for number, (x, y) in scheduler.minibatches(data.batches()):
            scheduler.on_minibatch_begin(epoch, number)
            loss = scheduler.before_backward_pass(epoch, number, loss=F.cross_entropy(model(x), y))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.on_minibatch_end(epoch, number)
            if (epoch, number + 1) in save_at:
                files.append(_saved(scheduler, optimizer))
            if (epoch, number + 1) == stop_at:
                return scheduler, files
        scheduler.on_epoch_end(epoch)
    return scheduler, files


def _saved(scheduler: CompressionScheduler, optimizer: Any) -> io.BytesIO:
    file = io.BytesIO()
    save_checkpoint(file, scheduler, optimizer)
    file.seek(0)
    return file


def results(seed: int, resume: bool, page: str | None) -> dict[str, float]:
    torch.manual_seed(seed)
    data = digits(seed)
    dense = ResidualNet().to(memory_format=torch.channels_last)
    train(dense, torch.optim.AdamW(dense.parameters(), lr=5e-3, weight_decay=1e-2), data, 20, 5e-3)
    found = {"float32": accuracy(dense, data)}
    model = copy.deepcopy(dense)
    scheduler, files = compress(model, data, seed, save_at=BORDERS if resume else ())
    if resume:
        found["interruptions with the same bits"] = _resumed(dense, model, data, files)
    found["pruned and trained quantized"] = accuracy(model, data)
    exact = in_floating_point(model, scheduler)
    zeros = {name: mask.mask for name, mask in scheduler.masks.items() if mask.mask is not None}
    found["sparsity of these weights"] = 100 * _fraction([~mask for mask in zeros.values()])
    finish_training(model, data.x[:2])
    found["zeros that are zero among the integers"] = 100 * _still_zero(model, zeros)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.int8"
        runtime.int8.save(runtime.int8.compile(runtime.int8.convert(model), data.x[:2]), path)
        loaded = runtime.int8.load(path)
        found["int8, from its file"] = 100 * float((loaded(data.test_x).argmax(1) == data.test_y).float().mean())
        found["zeros among the file's int8 weights"] = 100 * _zeros_in(loaded)
        found["kB of the file"] = path.stat().st_size / 1000
    if page:
        write_page(page, dense, exact, model, loaded, data, found)
    return found


def in_floating_point(model: nn.Module, scheduler: CompressionScheduler) -> nn.Module:
    """The network with the weights that training has ended with, not yet quantized."""
    exact = ResidualNet()
    with torch.no_grad():
        for name, parameter in exact.named_parameters():
            parameter.copy_(scheduler.masks[name].parameter)
    for folded in model.modules():
        if isinstance(folded, FoldedNormalization):
            exact.get_submodule(folded.norm_name).load_state_dict(folded.norm.state_dict())
    return exact.eval()


def write_page(
    page: str,
    dense: nn.Module,
    exact: nn.Module,
    model: nn.Module,
    loaded: Any,
    data: Digits,
    found: dict[str, float],
) -> None:
    batch = data.test_x[:50]
    report = Report("A residual network on digits, pruned to 80%, in int8")
    float_bytes = state_bytes(dense)
    report.variants(
        [
            Variant("float32", found["float32"], float_bytes, milliseconds(lambda: dense(batch))),
            Variant("pruned, trained quantized", found["pruned and trained quantized"], float_bytes),
            Variant(
                "pruned, int8, from its file",
                found["int8, from its file"],
                int(1000 * found["kB of the file"]),
                milliseconds(lambda: loaded(batch)),
            ),
        ]
    )
    report.quantization(exact, model, data.calibration())
    report.sparsity(model)
    names = [name for name, parameter in dense.named_parameters() if parameter.dim() > 1]
    report.sensitivity(sensitivity_to_pruning(dense, lambda m: accuracy(m, data), (0.0, 0.4, 0.6, 0.8, 0.9), names))
    report.operations(loaded, batch)
    report.graph(dense, data.x[:2], model)
    report.write(page)


def _resumed(dense: nn.Module, whole: nn.Module, data: Digits, files: list[io.BytesIO]) -> float:
    """In percent of all interruptions: what goes on from each checkpoint is, at the next one, what was not interrupted."""
    same = []
    for file, until, later in zip(files, [*BORDERS[1:], None], [*files[1:], None], strict=True):
        again = copy.deepcopy(dense)
        compress(again, data, seed=1000, start=io.BytesIO(file.getvalue()), stop_at=until)
        expected = whole.state_dict() if later is None else torch.load(later, weights_only=True)["model"]
        found = again.state_dict()
        same.append(found.keys() == expected.keys() and all(torch.equal(found[key], expected[key]) for key in found))
    return 100 * sum(same) / len(same)


def _fraction(masks: list[Tensor]) -> float:
    joined = torch.cat([mask.flatten() for mask in masks])
    return joined.float().mean().item()


def _still_zero(model: nn.Module, masks: dict[str, Tensor]) -> float:
    zero = [model.get_submodule(name.rpartition(".")[0]).weight[~mask] == 0 for name, mask in masks.items()]
    return _fraction(zero)


def _zeros_in(loaded: Any) -> float:
    return _fraction([weights == 0 for weights in loaded.program.constants if weights.dtype is torch.int8])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--report", metavar="FILE")
    options = parser.parse_args()
    rows = [
        results(seed, options.resume and seed == 0, None if seed else options.report) for seed in range(options.seeds)
    ]
    for name in rows[0]:
        values = [row[name] for row in rows if name in row]
        print(f"{name:42} {sum(values) / len(values):8.2f}   {' '.join(f'{value:.2f}' for value in values)}")


if __name__ == "__main__":
    main()
