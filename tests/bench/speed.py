"""How fast the rewriter is, as a multiple of what LibCST needs to parse and print the same files.

    python -m tests.bench.speed FOLDER

Each figure is CPU seconds of a process of its own, cold; the best of three, interleaved.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_FLOOR = """
import sys, time
from pathlib import Path
files = [p for p in sorted(Path(sys.argv[1]).rglob("*.py")) if b"torch" in p.read_bytes()]
import libcst
start = time.process_time()
for path in files:
    libcst.parse_module(path.read_bytes()).bytes
print(time.process_time() - start)
"""
_COMMAND = """
import contextlib, io, sys, time
start = time.process_time()
from rewriter.cli import main
sys.stdout, out = io.TextIOWrapper(io.BytesIO()), sys.stdout
main([*sys.argv[2:], "--isolated", "--no-cache", "-j", "1", sys.argv[1]])
print(time.process_time() - start, file=out)
"""


def seconds(code: str, folder: Path, *arguments: str) -> float:
    command = [sys.executable, "-c", code, str(folder), *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(folder: Path) -> None:
    sides = {
        "libcst parse and print": (_FLOOR,),
        "check": (_COMMAND, "check"),
        "fix --diff": (_COMMAND, "fix", "--diff"),
    }
    best: dict[str, float] = {}
    for _ in range(3):
        for name, (code, *arguments) in sides.items():
            best[name] = min(best.get(name, 1e9), seconds(code, folder, *arguments))
    floor = best["libcst parse and print"]
    for name, value in best.items():
        print(f"{name:24} {value:6.2f} s  {value / floor:5.2f}")


if __name__ == "__main__":
    measure(Path(sys.argv[1]))
