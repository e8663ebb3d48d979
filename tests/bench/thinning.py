"""Networks thinned by half: `python -m tests.bench.thinning [--size 224] [--threads 1]`.

torchvision's source is rewritten first. Half the channels of every group of layers are pruned; the masked model and the
thinned one are compared; operations and milliseconds are those of batch 1, in fp32 and in int8.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import runtime
import runtime.int8
from runtime.inspect import summary
from runtime.schedule import CompressionScheduler, CoupledFilterPruner, PruningPolicy, thin
from tests.bench.digits_models import PACKAGE, torchvision_models

NETWORKS = {"resnet18": "resnet", "mobilenet_v2": "mobilenetv2", "densenet121": "densenet"}


def network(name: str) -> nn.Module:
    """With statistics and affine parameters that are not those of a new normalization."""
    torchvision_models(rewritten=True)
    torch.manual_seed(0)
    model: nn.Module = getattr(importlib.import_module(f"{PACKAGE}.models.{NETWORKS[name]}"), name)(weights=None)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, std=0.1)
    model.train()
    with torch.no_grad():
        for _ in range(2):
            model(torch.randn(4, 3, 96, 96))
    return model.eval()


def masked(model: nn.Module, x: Tensor) -> CompressionScheduler:
    scheduler = CompressionScheduler(model, x)
    scheduler.add_policy(PruningPolicy(CoupledFilterPruner("half", model, x, 0.5)), epochs=[0])
    scheduler.on_epoch_begin(0)
    return scheduler


def milliseconds(run: Callable[[], Any], repeats: int = 40) -> float:
    """The least of all runs: what a busy machine adds is no property of the model."""
    for _ in range(3):
        run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)


def int8(model: nn.Module, x: Tensor) -> Any:
    calibration = [torch.randn_like(x) for _ in range(2)]
    quantized = runtime.quantize(model, calibration, verbose=False, activation_range="minmax")
    return runtime.int8.compile(runtime.int8.convert(quantized), x)


def variant_figures(model: nn.Module, x: Tensor) -> tuple[float, float, float, float]:
    """Millions of operations and weights, milliseconds in fp32 and in int8."""
    macs = sum(row["MACs"] for row in summary(model, "compute", x).rows)
    compiled = int8(model, x)
    weights = sum(p.numel() for p in model.parameters())
    return macs / 1e6, weights / 1e6, milliseconds(lambda: model(x)), milliseconds(lambda: compiled(x))


@torch.no_grad()
def measure(name: str, size: int) -> None:
    x = torch.randn(1, 3, size, size)
    model = network(name).to(memory_format=torch.channels_last)
    whole = copy.deepcopy(model)
    scheduler = masked(model, x)
    expected = model(x)
    thin(model, x, scheduler.masks)
    error = (model(x) - expected).abs().max() / expected.abs().max()
    rows = [variant_figures(variant, x) for variant in (whole, model)]
    for label, (macs, weights, fp32, in_int8) in zip(("whole", "thinned"), rows, strict=True):
        print(f"{name:13} {label:8} {macs:8.0f} M operations {weights:6.2f} M weights", end=" ")
        print(f"{fp32:8.2f} ms fp32 {in_int8:8.2f} ms int8")
    ratios = [after / before for before, after in zip(*rows, strict=True)]
    print(f"{name:13} ratio    {ratios[0]:8.2f} {ratios[1]:19.2f} {ratios[2]:18.2f} {ratios[3]:16.2f}")
    print(f"{name:13} greatest difference between masked and thinned, of the greatest output: {error:.1e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=NETWORKS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.networks:
        measure(name, options.size)


if __name__ == "__main__":
    main()
