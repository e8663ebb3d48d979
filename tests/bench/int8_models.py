"""int8 against the peers on whole networks, one and two threads.

    python -m tests.bench.int8_models --site DIR [--networks NAME,NAME] [--threads 1,2] [--batch 1] [--rounds 15]

DIR holds torchvision's source as `rewriter` has rewritten it. Weights are random, normalizations too; every side runs in
one process, in turns. Sizes are those of the saved program beside fp32's state.
"""

from __future__ import annotations

import argparse
import resource
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from runtime.int8.bench.command import compare, table
from runtime.int8.bench.sides import SIDES, Task, compile_ours
from runtime.int8.files import to_bytes
from tests.bench.int8_networks import NETWORKS, example, plain


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--without", default="", help="sides to leave out, with commas")
    options = parser.parse_args(argv)
    sys.path.insert(0, str(options.site.resolve()))
    warnings.filterwarnings("ignore")
    for name in ("nms", "qnms"):  # torchvision's own compiled operators are not there
        torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    sides = [side for side in SIDES if side not in options.without.split(",")]
    for name in options.networks.split(","):
        torch.manual_seed(0)
        model = NETWORKS[name][0]().eval()
        for threads in map(int, options.threads.split(",")):
            task = Task(model, example(name, options.batch), threads, plain(name, model))
            print(f"\n{name}, batch {options.batch}, {threads} threads", flush=True)
            print(table(compare(task, sides, options.rounds)), flush=True)
        _print_sizes(task)
    return 0


def _print_sizes(task: Task) -> None:
    compiled = compile_ours(task)
    assert compiled.program is not None
    fp32 = sum(tensor.nbytes for tensor in task.model.state_dict().values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"file {len(to_bytes(compiled.program)) / 1e6:.1f} MB beside {fp32 / 1e6:.1f} MB, "
        f"activations {compiled.memory(task.example) / 1e6:.2f} MB (process so far {peak:.0f} MB)",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
