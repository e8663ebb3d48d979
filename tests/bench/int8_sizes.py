"""Memory of a process that runs a network, size of its file, and time to import: int8 beside fp32.

    python -m tests.bench.int8_sizes --site DIR [--networks NAME,NAME] [--batch 1]

DIR holds torchvision's source as `rewriter` has rewritten it. Each figure is of a fresh process that does nothing else:
the largest resident size, in MB, less that of one that only imports torch. fp32 is torch's own eager mode, from a saved
state_dict; int8 is a saved program.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from runtime.int8 import save
from runtime.int8.bench.sides import Task, compile_ours
from tests.bench.int8_models import add_site
from tests.bench.int8_networks import NETWORKS, example, plain

_PEAK = "print(next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM')) / 1024)"
"""getrusage would count what the process was before it became Python."""
_INT8 = """
import torch
from runtime import int8
torch.set_num_threads(1)
model = int8.load({file!r})
for _ in range(3): model(torch.randn(*{shape}))
"""
_FP32 = """
import torch
from tests.bench.int8_models import add_site
from tests.bench.int8_networks import NETWORKS, plain
add_site({site!r})
torch.set_num_threads(1)
with torch.device("meta"): model = plain({name!r}, NETWORKS[{name!r}][0]().eval())
model.load_state_dict(torch.load({file!r}, mmap=True), assign=True)
with torch.inference_mode():
    for _ in range(3): model(torch.randn(*{shape}))
"""
_IMPORT = "import torch, time; start = time.process_time(); import {module}; print(time.process_time() - start)"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--batch", type=int, default=1)
    options = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    add_site(str(options.site.resolve()))
    for module in ("runtime", "runtime.modules", "runtime.int8"):
        print(f"import {module}, over torch's: {_median_of(_IMPORT.format(module=module)):.3f} s of CPU time")
    empty = _median_of(f"import torch\n{_PEAK}")
    print(f"{'MB':<14}{'fp32 file':>10}{'int8 file':>10}{'fp32 memory':>13}{'int8 memory':>13}  batch {options.batch}")
    for name in options.networks.split(","):
        print(f"{name:<14}{_measured(name, options, empty)}", flush=True)
    return 0


def _measured(name: str, options: argparse.Namespace, empty: float) -> str:
    torch.manual_seed(0)
    model, x = NETWORKS[name][0]().eval(), example(name, options.batch)
    own = plain(name, model)
    with tempfile.TemporaryDirectory() as folder:
        fp32, int8 = Path(folder) / "model.pt", Path(folder) / "model.int8"
        torch.save(own.state_dict(), fp32)
        save(compile_ours(Task(model, x, 1, own)), int8)
        shape, site = tuple(x.shape), str(options.site.resolve())
        peaks = [
            _median_of(code + _PEAK) - empty
            for code in (
                _FP32.format(name=name, file=str(fp32), shape=shape, site=site),
                _INT8.format(file=str(int8), shape=shape),
            )
        ]
        files = [path.stat().st_size / 1e6 for path in (fp32, int8)]
    return "".join(f"{size:>10.1f}" for size in files) + "".join(f"{peak:>13.1f}" for peak in peaks)


def _median_of(code: str, runs: int = 3) -> float:
    """Of what fresh processes print."""
    command, environment = [sys.executable, "-c", code], {**os.environ, "OMP_NUM_THREADS": "1"}
    outputs = [subprocess.run(command, env=environment, capture_output=True, text=True) for _ in range(runs)]
    for output in outputs:
        if output.returncode:
            raise RuntimeError(output.stderr)
    return statistics.median(float(output.stdout.split()[-1]) for output in outputs)


if __name__ == "__main__":
    sys.exit(main())
