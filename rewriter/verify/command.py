"""Two sides, two processes, one verdict."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from rewriter.commands import chosen_settings
from rewriter.console import FOUND, OK, complain, put_on_stdout
from rewriter.settings import SettingsError
from rewriter.verify.errors import VerifyError
from rewriter.verify.inputs import InputError, parse
from rewriter.verify.sides import NOTHING_COMPARED, both, raised_everywhere, target_of, verdict


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

    module, expression, roots = target_of(arguments.target)
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
    return _judged(arguments, both(before, after, folder))


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


def _judged(arguments: argparse.Namespace, sides: tuple[dict[str, Any], dict[str, Any]]) -> int:
    before, after = sides
    if arguments.against is None and not after["rewritten"]:
        print("rewriter: warning: nothing was rewritten in what was imported", file=sys.stderr)
    lines, differing = verdict(before["seen"], after["seen"], arguments.verbose, arguments.tolerance)
    if not differing and (raised := raised_everywhere(before["seen"])) is not None:
        return complain(f"{NOTHING_COMPARED}; give it inputs that it takes: {raised}")
    equal = f"all numbers within {arguments.tolerance:g}" if arguments.tolerance else "all equal, bit for bit"
    how = f"{differing} differ" if differing else equal
    lines.append(f"{len(before['seen'])} observations compared: {how}.")
    lines += filter(None, [after["unprepared"]])
    put_on_stdout("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
    return FOUND if differing else OK
