"""int8 against the peers on whole networks: MobileNetV2, ResNet-18 and ResNet-50, one and two threads.

    python -m tests.bench.int8_models --site DIR [--models NAME,NAME] [--threads 1,2] [--batch 1] [--rounds 15]

DIR holds torchvision's source as `rewriter` has rewritten it. Weights are random, normalizations too; every side runs in
one process, in turns. Sizes are those of the saved program beside fp32's state.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from runtime.int8.bench.command import compare, table
from runtime.int8.bench.sides import SIDES, Task, compile_ours
from runtime.int8.files import to_bytes

MODELS = "mobilenet_v2,resnet18,resnet50"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--without", default="", help="sides to leave out, with commas")
    options = parser.parse_args(argv)
    sys.path.insert(0, str(options.site.resolve()))
    warnings.filterwarnings("ignore")
    for name in ("nms", "qnms"):  # torchvision's own compiled operators are not there
        torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    models = importlib.import_module("torchvision.models")
    sides = [side for side in SIDES if side not in options.without.split(",")]
    for name in options.models.split(","):
        torch.manual_seed(0)
        model = _with_statistics(getattr(models, name)())
        example = torch.randn(options.batch, 3, 224, 224)
        for threads in map(int, options.threads.split(",")):
            found = compare(Task(model, example, threads), sides, options.rounds)
            print(f"\n{name}, batch {options.batch}, {threads} threads\n{table(found)}", flush=True)
        _print_sizes(model, example)
    return 0


def _with_statistics(model: nn.Module) -> nn.Module:
    """Normalizations that change what they are given."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None:
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2.0)
    return model.eval()


def _print_sizes(model: nn.Module, example: torch.Tensor) -> None:
    compiled = compile_ours(Task(model, example, torch.get_num_threads()))
    assert compiled.program is not None
    fp32 = sum(tensor.nbytes for tensor in model.state_dict().values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"file {len(to_bytes(compiled.program)) / 1e6:.1f} MB beside {fp32 / 1e6:.1f} MB, "
        f"activations {compiled.memory(example) / 1e6:.2f} MB (process so far {peak:.0f} MB)",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
