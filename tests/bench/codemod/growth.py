"""Trees made of copies of packages: time and memory as they grow, what is remembered, and one changed file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.bench.codemod.measured import Cost, rewriter
from tests.bench.codemod.sides import compare, floor_of


def grow(packages: list[Path], top: Path, lines: int) -> int:
    """Copies of the packages, each under a name of its own, until there are so many lines."""
    count = number = 0
    while count < lines:
        for package in packages:
            for file in sorted(package.rglob("*.py")):
                text = file.read_text()
                place = top / f"{package.name}{number}" / file.relative_to(package)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text.replace(f"{package.name}.", f"{package.name}{number}."))
                count += text.count("\n")
                if count >= lines:
                    return count
        number += 1
    return count


def show(packages: list[Path], sizes: Iterable[int], workers: int) -> None:
    print(f"copies of {', '.join(package.name for package in packages)}; ratio: to the floor of as many lines")
    sides = compare(packages, 1)
    of_packages = sum(file.read_bytes().count(b"\n") for package in packages for file in package.rglob("*.py"))
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            top, cache = Path(folder) / "top", Path(folder) / "cache"
            lines = grow(packages, top, size)
            floor = floor_of(sides) * lines / of_packages
            jobs = ["-j", str(workers), str(top)]
            _show(lines, "cold fix", rewriter("fix", "--diff", *jobs, cache=cache), floor)
            _show(lines, "warm fix", rewriter("fix", "--diff", *jobs, cache=cache), floor)
            rewriter("check", *jobs, cache=cache)
            _show(lines, "warm check", rewriter("check", *jobs, cache=cache), floor)
            changed = _change_one(top)
            _show(lines, "check, one file changed", rewriter("check", *jobs, cache=cache), floor)
            one = rewriter("fix", "--force-exclude", str(changed), cache=cache)
            _show(lines, "that file alone, as pre-commit does", one, floor)


def _change_one(top: Path) -> Path:
    """In the middle of the tree, the first file that is no package's own."""
    package = sorted(top.iterdir())[len(list(top.iterdir())) // 2]
    file = next(f for f in sorted(package.rglob("*.py")) if f.name != "__init__.py")
    file.write_text(file.read_text() + "\n\nCHANGED = 1\n")
    return file


def _show(lines: int, what: str, cost: Cost, floor: float) -> None:
    print(
        f"{lines:8} lines  {what:36} {cost.seconds:8.2f} s  {cost.seconds / floor:6.2f}  {cost.megabytes:5} MB",
        flush=True,
    )
