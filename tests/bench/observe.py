"""What `rewriter observe` costs: ResNet-18 trained as it is, and with expressions recorded.

    python -m tests.bench.observe [--steps 10] [--batch 4] [--rounds 3]

`open`: what `check` leaves open in a copy of torchvision's file and in the script, as `rewriter observe` runs it. The
source of ResNet leaves nothing open, so the other row is the measure of the recorder: `every` records each expression
in the file that is read in a function, whether or not anybody asks for it.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rewriter.observe import command
from rewriter.python.source import Source
from rewriter.selection import digest

TRAIN = """\
import sys, time
import torch

for name in ("nms", "qnms"):  # a torchvision for CUDA is imported without its C++ part
    torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")
from resnet import resnet18

torch.manual_seed(0)
steps, batch = map(int, sys.argv[1:])
net = resnet18(num_classes=10).train()
optimizer = torch.optim.SGD(net.parameters(), 0.01)
x, y = torch.randn(batch, 3, 64, 64), torch.randint(10, (batch,))
for step in range(-1, steps):
    if step == 0:
        start = time.perf_counter()
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
print(time.perf_counter() - start, loss.item())
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = importlib.util.find_spec("torchvision")
        assert found is not None and found.origin is not None
        text = (
            (Path(found.origin).parent / "models" / "resnet.py")
            .read_text()
            .replace("from ..", "from torchvision.")
            .replace("from .", "from torchvision.models.")
            .replace("@register_model()\n", "")
        )
        (folder / "resnet.py").write_text(text)
        (folder / "train.py").write_text(TRAIN)
        program = [sys.executable, "train.py", str(arguments.steps), str(arguments.batch)]
        sides = {
            "as it is": lambda: _timed(program, folder, {}),
            "open": lambda: _timed(
                [sys.executable, "-m", "rewriter", "observe", "--isolated", "-q", "--", *program], folder, {}
            ),
            "every": lambda: _every(program, folder),
        }
        rounds = [{side: run() for side, run in sides.items()} for _ in range(arguments.rounds)]
    assert len({loss for found in rounds for _, _, loss in found.values()}) == 1, "the loss differs"
    print(f"{'':10} {'training s':>10} {'times':>6} {'whole s':>8} {'times':>6}   (median of {arguments.rounds})")
    for side in sides:
        steps, whole = (statistics.median(found[side][i] for found in rounds) for i in (0, 1))
        by_steps, by_whole = (statistics.median(f[side][i] / f["as it is"][i] for f in rounds) for i in (0, 1))
        print(f"{side:10} {steps:10.2f} {by_steps:6.2f} {whole:8.2f} {by_whole:6.2f}")


def _timed(program: list[str], folder: Path, more: dict[str, str]) -> tuple[float, float, float]:
    """Seconds of the steps, of the whole, and the loss at the end."""
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **more}
    done = subprocess.run(program, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    steps, loss = map(float, done.stdout.split())
    return steps, time.perf_counter() - start, loss


def _every(program: list[str], folder: Path) -> tuple[float, float, float]:
    watched = folder / "watched"
    watched.mkdir()
    content = (folder / "resnet.py").read_bytes()
    source = Source.parse(content)
    functions = [n for n in ast.walk(source.tree) if isinstance(n, ast.FunctionDef)]
    read = {
        n
        for f in functions
        for s in f.body
        for n in ast.walk(s)
        if isinstance(n, ast.expr) and not isinstance(getattr(n, "ctx", None), ast.Store)
    }
    spans = sorted(
        {source.span(node) for node in read if not isinstance(node, ast.Constant | ast.JoinedStr | ast.Starred)}
    )
    places = [[s.line, s.column, s.end_line, s.end_column] for s in spans]
    plan = {"files": {str((folder / "resnet.py").resolve()): {"sha256": digest(content), "places": places}}}
    (watched / "plan.json").write_text(json.dumps(plan))
    paths = os.pathsep.join([str(Path(command.__file__).parent / "start"), str(Path(__file__).parents[2])])
    found = _timed(program, folder, {"PYTHONPATH": paths, "REWRITER_OBSERVE": str(watched)})
    assert list(watched.glob("*.jsonl")), "nothing was recorded"
    shutil.rmtree(watched)
    return found


if __name__ == "__main__":
    main()
