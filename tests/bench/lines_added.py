"""How many lines a rewrite adds for each operation that it makes a module of.

    python -m tests.bench.lines_added PACKAGE...

A package is a folder with sources, which are read and not changed. `added` counts the lines that `git diff --stat` calls
insertions, `grown` those by which the files become longer: a line that is only changed is inserted and deleted. Both
are given for each operation, call or stored function that is rewritten; `functions` says how many of these are calls of
functions outside of classes, each of which gets a class for its modules.
"""

from __future__ import annotations

import argparse
import difflib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rewriter.engine import rewrite
from rewriter.python.project import Project
from rewriter.results import FileResult
from rewriter.settings import Settings


@dataclass
class Lines:
    """Of one package."""

    inserted: int = 0
    deleted: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, result: FileResult) -> None:
        before, after = (text.decode(errors="replace").splitlines() for text in (result.before, result.after))
        changes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes() if result.changed else []
        for kind, start, end, new_start, new_end in changes:
            self.inserted += new_end - new_start if kind != "equal" else 0
            self.deleted += end - start if kind != "equal" else 0
        self.codes.update(finding.code for finding in result.findings if not finding.why_unsafe)

    def said(self, name: str) -> str:
        operations = self.codes.total() or 1
        added, grown = self.inserted / operations, (self.inserted - self.deleted) / operations
        counts = f"operations={self.codes.total()} functions={self.codes['RW202']}"
        return f"{name}: {counts} inserted={self.inserted} deleted={self.deleted} added={added:.2f} grown={grown:.2f}"


def measured(package: Path) -> Lines:
    project, settings, found = Project.for_paths([package]), Settings(isolated=True), Lines()
    for path in sorted(package.rglob("*.py")):
        found.add(rewrite(path.read_bytes(), path, settings, project))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="+", type=Path)
    for wanted in parser.parse_args().packages:
        print(measured(wanted).said(wanted.name), flush=True)
