"""Post-training quantization of many models with random data: signal to quantization noise of each, and its worst layer.

    python -m tests.bench.ptq_models CASES --site DIR [--only NAME,NAME] [--range RULE]

CASES is a JSON list of {"name", "setup", "model", "inputs"}: statements, and expressions for a model and its inputs.
DIR holds the rewritten source that these import, and goes first on the path. Weights are as they are initialized, but
matrices that would be all zero, and with them the output, get random numbers.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from runtime.quantization.calibration import calibrate
from runtime.quantization.post_training import PostTrainLinearQuantizer
from runtime.quantization.summary import noise, noise_by_layer, state_bytes

WANTED = 20.0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", type=Path)
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--range", default="mse")
    options = parser.parse_args(argv)
    sys.path.insert(0, str(options.site.resolve()))
    warnings.filterwarnings("ignore")
    _stand_in_for_compiled_operators()
    only = set(filter(None, options.only.split(",")))
    print(f"{'model':<30} {'dB':>6} {'size':>5} {'int':>5} {'float':>5} {'s':>5}  worst layer")
    low = []
    for case in json.loads(options.cases.read_text()):
        if not only or case["name"] in only:
            low += [case["name"]] * (_measure(case, options.range) < WANTED)
    print(f"below {WANTED:g} dB: {', '.join(low) or 'none'}")
    return 0


def _measure(case: dict[str, str], chosen: str) -> float:
    start = time.perf_counter()
    model, inputs = _build(case)
    arguments = ((), inputs) if isinstance(inputs, dict) else (inputs, {})
    quantized = copy.deepcopy(model)
    before = state_bytes(model)
    with torch.no_grad():
        statistics = calibrate(model, [inputs])
        quantizer = PostTrainLinearQuantizer(quantized, statistics=statistics, activation_range=chosen)
        quantizer.prepare_model(inputs)
        decibels = _of_outputs(model(*arguments[0], **arguments[1]), quantized(*arguments[0], **arguments[1]))
        layers = noise_by_layer(model, quantized, *arguments[0], **arguments[1])
    worst = min(layers, key=layers.__getitem__)
    size = state_bytes(quantized) / before
    left = len(quantizer.reasons)
    seconds = time.perf_counter() - start
    print(
        f"{case['name']:<30} {decibels:6.1f} {size:5.2f} {len(quantizer.plan) - left:5} {left:5} {seconds:5.1f}  "
        f"{worst} ({type(model.get_submodule(worst)).__name__}) {layers[worst]:.1f}",
        flush=True,
    )
    return decibels


def _build(case: dict[str, str]) -> tuple[nn.Module, Any]:
    names: dict[str, Any] = {"torch": torch}
    torch.manual_seed(0)
    exec(case.get("setup", ""), names)
    model: nn.Module = eval(case["model"], names)
    inputs = eval(case["inputs"], names)
    for parameter in model.parameters():
        if not parameter.detach().any() and parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.02)
    return model.eval(), inputs


def _of_outputs(exact: Any, quantized: Any) -> float:
    """Of the worst of the outputs."""
    pairs = zip(tree_leaves(exact), tree_leaves(quantized), strict=True)
    return min(noise(a, b) for a, b in pairs if isinstance(a, Tensor) and a.is_floating_point() and a.shape == b.shape)


def _stand_in_for_compiled_operators() -> None:
    """torchvision registers fake kernels for operators of its compiled part, which source alone does not have."""
    for name in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


if __name__ == "__main__":
    sys.exit(main())
