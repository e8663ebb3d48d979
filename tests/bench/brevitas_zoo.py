"""Networks that Brevitas' own preparation cannot prepare, as `rewriter fix --target brevitas` has written them.

    python -m tests.bench.brevitas_zoo CASES --before DIR --after DIR [--only NAME,NAME]

CASES is a JSON list of {"name", "setup", "model", "inputs"}, Python source each. The first folder holds libraries as they
are, the second as `rewriter fix --target brevitas --fallback runtime --unsafe-fixes` has rewritten them. Each network has
random weights and processes of its own. A row each:

- what `preprocess_for_quantize` and `quantize` of Brevitas say to the network as it is
- of the rewritten one after `layerwise_quantize`: layers with quantized weights and additions that quantize, as many as a
  forward calls
- how far its results are, calibrated on the input, from those of the network as it is, in percent of their norm
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from tests.bench.digits_models import define_schemas
from tests.bench.int8_models import add_site

_SHOWN = 70


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", type=Path)
    parser.add_argument("--before", required=True)
    parser.add_argument("--after", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--here", choices=["before", "after"], help="one side, in this process, with tracebacks")
    parser.add_argument("--kept", type=Path, help="where one side leaves weights and results for the other")
    options = parser.parse_args(argv)
    only = options.only.split(",") if options.only else []
    for case in json.loads(options.cases.read_text()):
        if only and case["name"] not in only:
            continue
        if options.here:
            warnings.filterwarnings("ignore")
            logging.disable(logging.CRITICAL)
            add_site(options.before if options.here == "before" else options.after)
            print((_before if options.here == "before" else _after)(case, options.kept))
        else:
            print(f"| {case['name']} | {_both(case['name'], options)} |", flush=True)
    return 0


def _both(name: str, options: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.bench.brevitas_zoo", str(options.cases), "--only", name]
        command += ["--before", options.before, "--after", options.after, "--kept", str(Path(folder) / "kept.pt")]
        return " | ".join(_last_line([*command, "--here", side]) for side in ("before", "after"))


def _last_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    lines = (done.stderr if done.returncode else done.stdout).strip().splitlines()
    return lines[-1][:_SHOWN] if lines else f"ended with {done.returncode}"


def _made(case: dict[str, str]) -> tuple[nn.Module, tuple[Any, ...]]:
    define_schemas()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    scope: dict[str, Any] = {"torch": torch, "nn": nn}
    exec(case["setup"], scope)
    model = eval(case["model"], scope).eval()
    given = eval(case["inputs"], scope)
    return model, given if isinstance(given, tuple) else (given,)


def _before(case: dict[str, str], kept: Path) -> str:
    from brevitas.graph.quantize import preprocess_for_quantize, quantize

    model, given = _made(case)
    with torch.no_grad():
        torch.save({"state": model.state_dict(), "given": given, "results": _floats(model(*given))}, kept)
        try:
            quantize(preprocess_for_quantize(model))(*given)
        except Exception as error:  # whatever its tracer or its passes stumble over
            return " ".join(f"{type(error).__name__}: {error}".split()).replace("|", "/")
    return "prepared"


def _after(case: dict[str, str], kept: Path) -> str:
    from brevitas.graph.calibrate import calibration_mode
    from brevitas.graph.quantize import layerwise_quantize

    model, _ = _made(case)
    before = torch.load(kept, weights_only=False)
    model.load_state_dict(before["state"], strict=False)  # additions have scales
    model = layerwise_quantize(model)
    with torch.no_grad():
        with calibration_mode(model):
            model(*before["given"])
        called = _called(model)
        results = _floats(model(*before["given"]))
    wanted, given = (torch.cat([x.flatten() for x in each]) for each in (before["results"], results))
    apart = (wanted - given).norm() / wanted.norm()
    return f"{called['layers']} | {called['additions']} | {100 * apart:.1f}%"


def _called(model: nn.Module) -> dict[str, int]:
    """Starts counting which modules of Brevitas are called; the counts are right once the model has run."""
    from brevitas.nn import QuantEltwiseAdd
    from brevitas.nn.mixin import QuantWeightMixin

    counts = {"layers": 0, "additions": 0}
    for module in model.modules():
        kind = "additions" if isinstance(module, QuantEltwiseAdd) else "layers"
        if kind == "additions" or isinstance(module, QuantWeightMixin):
            module.register_forward_hook(lambda *_, kind=kind: counts.update({kind: counts[kind] + 1}))
    return counts


def _floats(results: Any) -> list[Tensor]:
    found = [x.value if hasattr(x, "value") and not isinstance(x, Tensor) else x for x in tree_leaves(results)]
    return [x.float() for x in found if isinstance(x, Tensor) and x.is_floating_point()]


if __name__ == "__main__":
    raise SystemExit(main())
