"""What torch's compilers make of a package's models, as they were and as they are after rewriting.

    python tests/bench/compilers.py --cases CASES.json --before SITE --after COPY

SITE and COPY are directories that hold the package. A case is an object with `name`, `setup` (statements), `model` and
`inputs` (expressions). Each model is built from the same seed and run in eval mode. A result is a digest of what the
compiled model returns, or the error; what worked before must work after and return the same bits.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import hashlib
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

Inputs = tuple[Any, ...]
ROOT = Path(__file__).parents[2]


def digest(result: Any) -> str:
    """Of the bits of all tensors in a result."""
    found = hashlib.sha1()
    for leaf in tree_leaves(result):
        if isinstance(leaf, torch.Tensor):
            found.update(str((leaf.dtype, tuple(leaf.shape))).encode())
            found.update(leaf.detach().contiguous().numpy().tobytes())
    return found.hexdigest()[:12]


def eager(model: nn.Module, inputs: Inputs) -> str:
    return digest(model(*inputs))


def script(model: nn.Module, inputs: Inputs) -> str:
    return digest(torch.jit.script(model)(*inputs))


def compile_whole(model: nn.Module, inputs: Inputs) -> str:
    torch.compiler.reset()
    return digest(torch.compile(model, fullgraph=True, backend="eager")(*inputs))


def export(model: nn.Module, inputs: Inputs) -> str:
    return digest(torch.export.export(model, inputs).module()(*inputs))


def onnx(model: nn.Module, inputs: Inputs) -> str:
    """The operators of the graph and how many there are of each: running it is not what is measured."""
    with contextlib.redirect_stdout(None):
        program = torch.onnx.export(model, inputs, dynamo=True, verbose=False)
    assert program is not None
    return str(sorted(Counter(node.op_type for node in program.model.graph).items()))


CHECKS: dict[str, Callable[[nn.Module, Inputs], str]] = {
    "eager": eager,
    "script": script,
    "compile": compile_whole,
    "export": export,
    "onnx": onnx,
}


def run(site: Path, cases: list[dict[str, str]], checks: list[str]) -> dict[str, dict[str, Any]]:
    """For each case and check: the result, or the error."""
    sys.path[:0] = [str(site), str(ROOT)]
    warnings.filterwarnings("ignore")
    for name in ("nms", "qnms"):  # which a build for another device does not register
        with contextlib.suppress(RuntimeError):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    results: dict[str, dict[str, Any]] = {}
    for case in cases:
        names: dict[str, Any] = {"torch": torch}
        exec(case.get("setup", ""), names)
        torch.manual_seed(0)
        model, inputs = eval(case["model"], names).eval(), eval(case["inputs"], names)
        results[case["name"]] = {check: attempt(check, model, inputs) for check in checks}
        print(f"{case['name']:32}", *(f"{c} {r['seconds']:.1f}s" for c, r in results[case["name"]].items()), flush=True)
    return results


def attempt(check: str, model: nn.Module, inputs: Inputs) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        with torch.no_grad():
            torch.manual_seed(1)
            found = {"result": CHECKS[check](copy.deepcopy(model), inputs)}
    except Exception as error:  # whatever the compiler raises is its answer
        found = {"error": f"{type(error).__name__}: {error}"}
    return {**found, "seconds": time.perf_counter() - start}


def verdict(before: dict[str, Any], after: dict[str, Any]) -> str:
    if "error" in before:
        return "-" if "error" in after else "gained"
    if "error" in after:
        return "LOST"
    return "same" if before["result"] == after["result"] else "DIFFERS"


def report(before: dict[str, Any], after: dict[str, Any], checks: list[str]) -> int:
    """Prints the table; returns how many results were lost or differ."""
    print(f"\n{'model':32}" + "".join(f"{check:>10}" for check in checks))
    bad = 0
    for name, old in before.items():
        verdicts = [verdict(old[check], after[name][check]) for check in checks]
        bad += sum(v in ("LOST", "DIFFERS") for v in verdicts)
        print(f"{name:32}" + "".join(f"{v:>10}" for v in verdicts))
    for check in checks:
        worked = sum("result" in old[check] for old in before.values())
        works = sum("result" in new[check] for new in after.values())
        print(f"{check}: worked before {worked}, works after {works}, of {len(before)}")
    for name, new in after.items():
        for check in checks:
            if verdict(before[name][check], new[check]) == "LOST":
                print(f"\n{name} {check}: {new[check]['error'][:1500]}")
    return bad


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--after", type=Path)
    parser.add_argument("--only", default="", help="names of cases, by commas")
    parser.add_argument("--checks", default=",".join(CHECKS))
    parser.add_argument("--site", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    checks = arguments.checks.split(",")
    if arguments.site:
        cases = json.loads(arguments.cases.read_text())
        chosen = [c for c in cases if not arguments.only or c["name"] in arguments.only.split(",")]
        arguments.out.write_text(json.dumps(run(arguments.site, chosen, checks)))
        return 0
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as directory:
        for site in (arguments.before, arguments.after):  # two packages of one name need two processes
            out = Path(directory, f"{len(results)}.json")
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--site", site, "--out", out], check=True)
            results.append(json.loads(out.read_text()))
    return 1 if report(results[0], results[1], checks) else 0


if __name__ == "__main__":
    sys.exit(main())
