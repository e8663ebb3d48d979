"""Times the modular LSTM against `nn.LSTM`: `python -m tests.bench.recurrent [--threads N] [--rounds N]`.

Batch 16, 64 steps, 512 features in and hidden, float32, eager. The two take turns, so that a busy machine is busy for
both, and each round's ratio is of neighbours in time; the median ratio is what to quote, with the quartiles.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

import runtime.modules

BATCH, STEPS, SIZE = 16, 64, 512
LIMITS = {"forward": 1.5, "forward+backward": 2.0}


def forward(module: nn.Module, x: torch.Tensor) -> None:
    with torch.no_grad():
        module(x)


def forward_backward(module: nn.Module, x: torch.Tensor) -> None:
    module.zero_grad()
    module(x)[0].sum().backward()


def seconds(work: Callable[[nn.Module, torch.Tensor], None], module: nn.Module, x: torch.Tensor) -> float:
    start = time.perf_counter()
    work(module, x)
    return time.perf_counter() - start


def compare(name: str, work: Callable[[nn.Module, torch.Tensor], None], rounds: int) -> None:
    torch.manual_seed(0)
    theirs, ours = nn.LSTM(SIZE, SIZE), runtime.modules.LSTM(SIZE, SIZE)
    x = torch.randn(STEPS, BATCH, SIZE)
    times: list[tuple[float, float]] = []
    for number in range(-2, rounds):
        pair = [(theirs, 0), (ours, 1)] if number % 2 else [(ours, 1), (theirs, 0)]
        taken = {side: seconds(work, module, x) for module, side in pair}
        if number >= 0:
            times.append((taken[0], taken[1]))
    ratios = [our / their for their, our in times]
    low, median, high = statistics.quantiles(ratios, n=4)
    their, our = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
    print(
        f"{name}: nn.LSTM {their:.1f} ms, modular {our:.1f} ms, "
        f"ratio {median:.2f} (quartiles {low:.2f} to {high:.2f}), limit {LIMITS[name]}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads, {options.rounds} rounds")
    compare("forward", forward, options.rounds)
    compare("forward+backward", forward_backward, options.rounds)


if __name__ == "__main__":
    main()
