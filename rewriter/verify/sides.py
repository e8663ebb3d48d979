"""Two sides of a model, each built and run in a process of its own, and what differs between them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from rewriter.verify.errors import VerifyError

_SHOWN = 5
CASE = ", case "
"""In the name of an observation of the model, as it was built, with what a user gives."""
OTHER_LAYER = "with another "
NOTHING_COMPARED = "the model raises in every case, before as well: nothing that it computes was compared"


def target_of(text: str) -> tuple[str, str, list[Path]]:
    """`pkg.mod:Net(3)` or `src/pkg/mod.py:Net(3)`: the module, what makes the model, and where it is imported from."""
    place, colon, expression = text.partition(":")
    if not colon or not expression:
        raise VerifyError(f"{text}: expected MODULE:EXPRESSION, such as net.model:Net(3) or src/net/model.py:Net(3)")
    here = Path.cwd()
    if not place.endswith(".py"):
        return place, expression, [root for root in (here, here / "src") if root.is_dir()]
    file = here / place
    if not file.is_file() or not file.is_relative_to(here):
        raise VerifyError(f"{place}: there is no such file below {here}")
    from rewriter.python.import_roots import import_root

    root = import_root(file)
    return ".".join(file.relative_to(root).with_suffix("").parts), expression, [root]


def both(before: Any, after: Any, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    import torch

    first = _observed(before, folder, "before")
    torch.save(first["state"], folder / "start.pt")
    return first, _observed(after, folder, "after")


def _observed(spec: Any, folder: Path, side: str) -> dict[str, Any]:
    import torch

    (folder / side).write_bytes(pickle.dumps(spec))
    out = folder / f"{side}.pt"
    own = str(Path(__file__).parents[2])
    paths = [own, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "rewriter.verify.child", str(folder / side), str(out)]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno())
    if done.returncode or not out.is_file():
        raise VerifyError(f"the process that ran the source {side} ended with {done.returncode}")
    observed: dict[str, Any] = torch.load(out, weights_only=True)
    if observed["error"]:
        raise VerifyError(f"the model could not be built {side} the change:\n{observed['error']}")
    return observed


def verdict(
    before: dict[str, Any], after: dict[str, Any], verbose: bool, tolerance: float = 0
) -> tuple[list[str], int]:
    """What to print, and how many observations differ; layers that only one side has were not put in on the other."""
    lines: list[str] = []
    differing = 0
    for name in [*before, *(name for name in after if name not in before and not name.startswith(OTHER_LAYER))]:
        found = differences(dict(before.get(name, ())), dict(after.get(name, ())), tolerance)
        differing += bool(found)
        raised = dict(before.get(name, ())).get("raises")
        if found:
            lines.append(f"differs  {name}")
        elif raised is not None:  # a case in which nothing was computed shows little
            lines.append(f"equal    {name}: both raise {raised}")
        elif verbose:
            lines.append(f"equal    {name}")
        lines += [f"         {line}" for line in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"         and {len(found) - _SHOWN} more")
    return lines, differing


def raised_everywhere(seen: dict[str, Any]) -> str | None:
    """What the first case raises, where none comes to a result."""
    raised = [dict(found).get("raises") for name, found in seen.items() if CASE in name]
    return None if None in raised or not raised else str(raised[0])


def differences(before: dict[str, Any], after: dict[str, Any], tolerance: float = 0) -> list[str]:
    from rewriter.verify.values import difference

    found = []
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in before or name not in after:
            found.append(f"{name}: only {'before' if name in before else 'after'}")
        elif (what := difference(before[name], after[name], tolerance)) is not None:
            found.append(f"{name}: {what}" if name else what)
    return found
