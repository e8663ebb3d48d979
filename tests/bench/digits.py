"""Accuracy and size of quantized networks on handwritten digits: `python -m tests.bench.digits [--seeds 5] [--width 1.0]`.

Needs scikit-learn and torchvision, whose MobileNetV2 and vision transformer are rewritten on the way. Each seed splits
the data and trains the network anew; the table gives the mean over seeds, the spread (standard deviation), and what is
lost against floating point. Every quantized figure is of a model that computes on integers.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from runtime.quantization.adaround import adaround
from runtime.quantization.aware import QuantAwareTrainRangeLinearQuantizer
from runtime.quantization.calibration import calibrate
from runtime.quantization.finish import finish_training
from runtime.quantization.methods.lsq import LSQQuantizer
from runtime.quantization.post_training import PostTrainLinearQuantizer
from runtime.quantization.summary import state_bytes
from tests.bench import digits_ao
from tests.bench.digits_data import BATCH, Digits, accuracy, digits, train
from tests.bench.digits_models import mobilenet, row_reader, vision_transformer

Result = tuple[str, float, int | None]
"""What was done, the accuracy in percent, the size in bytes."""


@dataclass(frozen=True)
class Network:
    make: Callable[[float], nn.Module]
    epochs: int
    lr: float
    tuning_epochs: int
    tuning_lr: float
    """For four bits it is three times that, and half as many epochs more."""
    in_torch_ao: bool = False


NETWORKS = {
    "mobilenet": Network(mobilenet, epochs=40, lr=5e-3, tuning_epochs=6, tuning_lr=3e-4, in_torch_ao=True),
    "lstm": Network(row_reader, epochs=30, lr=5e-3, tuning_epochs=3, tuning_lr=3e-4),
    "vit": Network(vision_transformer, epochs=40, lr=2e-3, tuning_epochs=4, tuning_lr=3e-4),
}


def results(network: Network, width: float, seed: int) -> Iterator[Result]:
    """Trains one network and quantizes it in every way."""
    torch.manual_seed(seed)
    data = digits(seed)
    trained = network.make(width).to(memory_format=torch.channels_last)
    train(
        trained,
        torch.optim.AdamW(trained.parameters(), lr=network.lr, weight_decay=1e-2),
        data,
        network.epochs,
        network.lr,
    )
    yield "float32", accuracy(trained, data), state_bytes(trained)

    model = post_training(trained, data, activation_range="minmax", per_channel_weights=False)
    yield "PTQ, per tensor, min-max", accuracy(model, data), state_bytes(model)
    model = post_training(trained, data)
    yield "PTQ, per channel, histogram", accuracy(model, data), state_bytes(model)
    model = tuned(QuantAwareTrainRangeLinearQuantizer, trained, data, network, bits_weights=8)
    yield "QAT", accuracy(model, data), state_bytes(model)
    model = post_training(trained, data, bits_weights=4)
    yield "PTQ, 4-bit weights, nearest", accuracy(model, data), state_bytes(model)
    adaround(model, trained, data.calibration())
    yield "PTQ, 4-bit weights, AdaRound", accuracy(model, data), state_bytes(model)
    model = tuned(LSQQuantizer, trained, data, network, bits_weights=4)
    yield "QAT, 4-bit weights, LSQ", accuracy(model, data), state_bytes(model)
    if network.in_torch_ao:
        yield "torch.ao eager, PTQ", *digits_ao.post_training(trained, width, data)
        tuning = digits_ao.aware_training(trained, width, data, network.tuning_epochs, network.tuning_lr)
        yield "torch.ao eager, QAT", tuning, None


def post_training(trained: nn.Module, data: Digits, **settings: Any) -> nn.Module:
    model = copy.deepcopy(trained)
    found = calibrate(model, data.calibration())
    PostTrainLinearQuantizer(model, statistics=found, **settings).prepare_model(data.x[:2])
    return model


def tuned(kind: Any, trained: nn.Module, data: Digits, network: Network, bits_weights: int) -> nn.Module:
    """Trained further with quantization in the loop, then on integers."""
    model = copy.deepcopy(trained)
    epochs, lr = network.tuning_epochs, network.tuning_lr
    if bits_weights < 8:
        epochs, lr = epochs * 3 // 2, 3 * lr
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    freeze = epochs * (len(data.x) // BATCH) * 2 // 3
    kind(model, optimizer, bits_activations=8, bits_weights=bits_weights, freeze_bn_after=freeze).prepare_model(
        data.x[:2]
    )
    train(model, optimizer, data, epochs, lr)
    finish_training(model, data.x[:2])
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=NETWORKS, default="mobilenet")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found: dict[str, list[Result]] = defaultdict(list)
    for seed in range(options.seeds):
        start = time.perf_counter()
        for result in results(NETWORKS[options.network], options.width, seed):
            found[result[0]].append(result)
            print(f"seed {seed}  {time.perf_counter() - start:6.0f} s  {result[0]:30} {result[1]:6.2f}", flush=True)
        print_table(found)


def print_table(found: dict[str, list[Result]]) -> None:
    exact = found["float32"]
    print(f"\n| {len(exact)} seeds | accuracy | spread | lost | MB | of float32 |\n|---|---|---|---|---|---|")
    for name, rows in found.items():
        values = [accuracy for _, accuracy, _ in rows]
        lost = statistics.mean(e[1] for e in exact) - statistics.mean(values)
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        size = rows[0][2]
        sizes = "| |" if size is None else f"{size / 1e6:.3f} | {size / (exact[0][2] or 1):.3f} |"
        print(f"| {name} | {statistics.mean(values):.2f} | {spread:.2f} | {lost:.2f} | {sizes}")
    print(flush=True)


if __name__ == "__main__":
    main()
