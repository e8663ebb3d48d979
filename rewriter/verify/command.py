"""Two sides, two processes, one verdict."""

from __future__ import annotations

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from rewriter.commands import chosen_settings
from rewriter.console import FOUND, OK, complain, put_on_stdout
from rewriter.settings import SettingsError
from rewriter.verify.inputs import InputError, parse

_SHOWN = 5


class VerifyError(Exception):
    """What keeps the two sides from being compared; the message says why."""


def verify(arguments: argparse.Namespace) -> int:
    try:
        with tempfile.TemporaryDirectory(prefix="rewriter-") as folder:
            return _verify(arguments, Path(folder))
    except ImportError as error:
        return complain(f'verify runs the model, and needs torch: pip install "torch-rewriter[torch]" ({error})')
    except (SettingsError, InputError, VerifyError) as error:
        return complain(str(error))


def _verify(arguments: argparse.Namespace, folder: Path) -> int:
    from rewriter.verify.child import Spec

    module, expression, roots = _target(arguments.target)
    settings = chosen_settings(arguments, [Path()])
    if arguments.cases is not None and not arguments.cases.is_file():
        raise VerifyError(f"--cases {arguments.cases}: no such file")
    if bool(arguments.cases) == bool(arguments.input):
        raise VerifyError("give either --input, once for each argument of the model, or --cases FILE")
    cases = arguments.cases.absolute() if arguments.cases else None
    inputs = tuple(map(parse, arguments.input or ()))
    here = tuple(str(root) for root in roots)
    after = Spec(module, expression, here, settings, inputs, cases, arguments.seed, folder / "start.pt")
    before = replace(after, rewriting=None, start=None)
    if arguments.against is not None:
        old = _other_source(arguments.against, folder)
        after = replace(after, rewriting=None)
        before = replace(before, roots=tuple(str(old / root.relative_to(Path.cwd())) for root in roots))
    return _judged(arguments, _both(before, after, folder))


def _target(text: str) -> tuple[str, str, list[Path]]:
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
    from rewriter.facts.project import import_root

    root = import_root(file)
    return ".".join(file.relative_to(root).with_suffix("").parts), expression, [root]


def _other_source(against: str, folder: Path) -> Path:
    """A folder as it is, or this one as it was at a revision."""
    if Path(against).is_dir():
        return Path(against).absolute()
    old = folder / "old"
    old.mkdir()
    packed = subprocess.run(["git", "archive", "--format=tar", against, "."], capture_output=True)
    if packed.returncode:
        why = packed.stderr.decode(errors="replace").strip()
        raise VerifyError(f"--against {against}: neither a folder nor a revision that git knows here ({why})")
    subprocess.run(["tar", "-x", "-C", old], input=packed.stdout, check=True)
    return old


def _both(before: Any, after: Any, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
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
        raise VerifyError(f"the model could not be built {side}:\n{observed['error']}")
    return observed


def _judged(arguments: argparse.Namespace, sides: tuple[dict[str, Any], dict[str, Any]]) -> int:
    before, after = sides
    if arguments.against is None and not after["rewritten"]:
        print("rewriter: warning: nothing was rewritten in what was imported", file=sys.stderr)
    lines, differing = _verdict(before["seen"], after["seen"], arguments.verbose)
    how = f"{differing} differ" if differing else "all equal, bit for bit"
    lines.append(f"{len(before['seen'])} observations compared: {how}.")
    lines += filter(None, [after["unprepared"]])
    put_on_stdout("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
    return FOUND if differing else OK


def _verdict(before: dict[str, Any], after: dict[str, Any], verbose: bool) -> tuple[list[str], int]:
    """What to print, and how many observations differ."""
    lines: list[str] = []
    differing = 0
    for name in [*before, *(name for name in after if name not in before)]:
        found = differences(dict(before.get(name, ())), dict(after.get(name, ())))
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


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    from rewriter.verify.values import difference

    found = []
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in before or name not in after:
            found.append(f"{name}: only {'before' if name in before else 'after'}")
        elif (what := difference(before[name], after[name])) is not None:
            found.append(f"{name}: {what}" if name else what)
    return found
