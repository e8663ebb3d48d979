"""int8 against the peers on whole networks, one and two threads.

    python -m tests.bench.int8_models --site DIR [--networks NAME,NAME] [--threads 1,2] [--batch 1] [--rounds 15]

DIR holds torchvision's source as `rewriter` has rewritten it. Weights are random, normalizations too; every side runs in
one process, in turns. `tests.bench.int8_sizes` measures memory and files.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from runtime.int8.bench.command import compare, table
from runtime.int8.bench.sides import SIDES, Task
from tests.bench.int8_networks import NETWORKS, example, plain
from tests.bench.packages import torchvision_as_source


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--without", default="", help="sides to leave out, with commas")
    options = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    add_site(str(options.site.resolve()))
    sides = [side for side in SIDES if side not in options.without.split(",")]
    for name in options.networks.split(","):
        torch.manual_seed(0)
        model = NETWORKS[name][0]().eval()
        for threads in map(int, options.threads.split(",")):
            task = Task(model, example(name, options.batch), threads, plain(name, model))
            print(f"\n{name}, batch {options.batch}, {threads} threads", flush=True)
            print(table(compare(task, sides, options.rounds)), flush=True)
    return 0


def add_site(folder: str) -> None:
    """Makes libraries importable, a torchvision also that has only its Python source."""
    sys.path.insert(0, folder)
    if (Path(folder) / "torchvision").exists():
        torchvision_as_source()


if __name__ == "__main__":
    sys.exit(main())
