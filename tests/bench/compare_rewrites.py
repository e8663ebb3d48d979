"""Whether two checkouts of the rewriter write the same text and say the same of it, and what each takes.

    python tests/bench/compare_rewrites.py record CHECKOUT RESULTS PACKAGE...
    python tests/bench/compare_rewrites.py compare RESULTS RESULTS

`record` runs `fix --unsafe-fixes` of the checkout over each package and keeps, below RESULTS, the report and a hash of
every file written, with processor time and peak memory. `compare` prints one line a package, and what differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SHOWN = 20
"""How many differences are printed for each package."""


def record(checkout: Path, results: Path, packages: list[Path]) -> None:
    results.mkdir(parents=True, exist_ok=True)
    for package in packages:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out"
            report = Path(folder) / "report.json"
            command = [sys.executable, "-m", "rewriter", "fix", "--isolated", "--unsafe-fixes", "-j", "1"]
            command += ["--format", "json", "-o", str(report), "--out-dir", str(out), package.name]
            environment = {**os.environ, "PYTHONPATH": str(checkout.absolute()), "PYTHONHASHSEED": "0"}
            process = subprocess.Popen(command, cwd=package.absolute().parent, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            hashes = {str(f.relative_to(out)): _hash(f.read_bytes()) for f in sorted(out.rglob("*.py"))}
            found: dict[str, Any] = {
                "exit": process.returncode,
                "report": json.loads(report.read_text()),
                "written": hashes,
            }
        found["seconds"] = round(usage.ru_utime + usage.ru_stime, 2)
        found["megabytes"] = usage.ru_maxrss // 1024
        (results / f"{package.name}.json").write_text(json.dumps(found))
        print(f"{package.name}: exit {found['exit']}, {found['seconds']} s, {found['megabytes']} MB", flush=True)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def compare(one: Path, other: Path) -> int:
    names = sorted({p.name for p in one.glob("*.json")} & {p.name for p in other.glob("*.json")})
    alike = True
    for name in names:
        old, new = (json.loads((results / name).read_text()) for results in (one, other))
        differences = [*_texts(old, new), *_sayings(old, new)]
        alike &= not differences
        cost = f"{old['seconds']} -> {new['seconds']} s, {old['megabytes']} -> {new['megabytes']} MB"
        print(f"{Path(name).stem}: {len(differences) or 'no'} differences; {cost}")
        for difference in differences[:SHOWN]:
            print(f"    {difference}")
    return 0 if alike and names else 1


def _texts(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    paths = sorted(old["written"].keys() | new["written"].keys())
    return [f"{path}: other text" for path in paths if old["written"].get(path) != new["written"].get(path)]


def _sayings(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    before, after = ({file["path"]: file for file in found["report"]["files"]} for found in (old, new))
    found = []
    for path in sorted(before.keys() | after.keys()):
        one, other = _items(before.get(path)), _items(after.get(path))
        found += [f"{path}: no longer {item}" for item in one if item not in other]
        found += [f"{path}: now {item}" for item in other if item not in one]
        if not found and before.get(path) != after.get(path):
            found.append(f"{path}: the report differs in its order or its count")
    return found


def _items(file: dict[str, Any] | None) -> list[str]:
    if file is None:
        return ["no file"]
    items = [item for kind in ("findings", "refusals", "suppressed") for item in file[kind]]
    said = [
        f"{i['range']['line']}:{i['range']['column']} {i['code']} {i['message']} {i.get('safety', '')}" for i in items
    ]
    return [*said, *([f"failure {file['failure']}"] if file["failure"] else [])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("checkout", type=Path)
    recording.add_argument("results", type=Path)
    recording.add_argument("packages", type=Path, nargs="+")
    comparing = commands.add_parser("compare")
    comparing.add_argument("one", type=Path)
    comparing.add_argument("other", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "compare":
        return compare(arguments.one, arguments.other)
    record(arguments.checkout, arguments.results, arguments.packages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
