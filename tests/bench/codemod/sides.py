"""The rewriter beside others that read the same files, in one run."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.bench.codemod.measured import Cost, measured, rewriter

_OTHERS = {
    "start of LibCST": "import libcst, sys",
    "LibCST: parse and print": "for path in paths:\n    libcst.parse_module(path.read_bytes()).bytes",
    "LibCST: an empty codemod": """
from libcst.codemod import CodemodContext, VisitorBasedCodemodCommand
class Empty(VisitorBasedCodemodCommand):
    pass
for path in paths:
    Empty(CodemodContext()).transform_module(libcst.parse_module(path.read_bytes())).bytes
""",
}
_BEFORE = "import libcst, sys; from pathlib import Path; paths = [Path(p) for p in sys.argv[1:]]\n"


def changed(paths: list[Path]) -> list[str]:
    """The files that `fix` would write; what it takes to parse and print them is the floor."""
    with tempfile.TemporaryDirectory() as folder:
        rewriter("fix", "--out-dir", folder, *map(str, paths))
        top = Path(os.path.commonpath(paths))
        files = [file for path in paths for file in sorted(path.rglob("*.py"))]
        return [str(file) for file in files if (Path(folder) / file.relative_to(top)).read_bytes() != file.read_bytes()]


def compare(paths: list[Path], rounds: int) -> dict[str, Cost]:
    """The best of each, interleaved."""
    files, named = changed(paths), [str(path) for path in paths]
    sides = {name: [sys.executable, "-c", _BEFORE + code, *files] for name, code in _OTHERS.items()}
    if find_spec("torchfix") is not None:
        sides["torchfix"] = [sys.executable, "-m", "torchfix", "--select", "ALL", *named]
    best: dict[str, Cost] = {}
    for _ in range(rounds):
        found = {name: measured(command) for name, command in sides.items()}
        found["check"] = rewriter("check", "-j", "1", *named)
        found["fix --diff"] = rewriter("fix", "--diff", "-j", "1", *named)
        for name, cost in found.items():
            best[name] = min(best.get(name, cost), cost, key=lambda cost: cost.seconds)
    return best


def floor_of(sides: dict[str, Cost]) -> float:
    return sides["LibCST: parse and print"].seconds - sides["start of LibCST"].seconds


def show(paths: list[Path], rounds: int) -> None:
    lines = sum(file.read_bytes().count(b"\n") for path in paths for file in path.rglob("*.py"))
    sides = compare(paths, rounds)
    floor = floor_of(sides)
    print(f"{lines} lines; the floor is LibCST's parse and print of the files that change: {floor:.2f} s")
    for name, cost in sides.items():
        speed = f"{lines / cost.seconds:9.0f} lines/s"
        print(f"{name:26} {cost.seconds:7.2f} s {cost.seconds / floor:6.2f} {speed} {cost.megabytes:5} MB")
