"""How fast the rewriter is and how it grows. All times are of the processor, since others may use the machine.

    python -m tests.bench.codemod [PATH...] [--lines 10000 100000 1000000] [-j 2] [--rounds 3]

PATHs are packages (default: torchvision's models). First the rewriter beside LibCST and torchfix over them, in one run;
then where `fix` spends its time; then trees made of copies of them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.bench.codemod import growth, sides
from tests.bench.codemod.measured import measured


def _models() -> list[Path]:
    spec = find_spec("torchvision")
    assert spec is not None and spec.origin is not None
    return [Path(spec.origin).parent / "models"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    parser.add_argument("--lines", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    packages = [path.resolve() for path in arguments.paths] or _models()
    with tempfile.TemporaryDirectory() as folder:  # away from what stands beside them, which would be read as well
        places = (Path(folder, str(number), package.name) for number, package in enumerate(packages))
        paths = [Path(shutil.copytree(*pair)) for pair in zip(packages, places, strict=True)]
        sides.show(paths, arguments.rounds)
        print(measured([sys.executable, "-m", "tests.bench.codemod.stages", *map(str, paths)]).said)
        growth.show(paths, arguments.lines, arguments.jobs)


if __name__ == "__main__":
    main()
