"""Counts of operations: those met, those that become modules, and those that do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rewriter.report.summary import is_applied
from rewriter.results import FileResult
from rewriter.rules.refusals import REASONS

# Their operations become modules; what is said of them is that one module serves several runs.
_SHARED = frozenset({"RW902", "RW908"})
# A call of what nobody can see: whether there are operations behind it is not known either.
_UNKNOWN = "RW911"
_LEFT = frozenset(rule.code for rule in REASONS) - _SHARED - {_UNKNOWN}


@dataclass
class Coverage:
    """The operations of some files."""

    files: int = 0
    failed: int = 0
    rewritten: int = 0
    """`fix` makes modules of them."""
    unsafe: int = 0
    """`fix --unsafe-fixes` would."""
    shared: int = 0
    """Of those rewritten: one module serves several runs in a forward."""
    unknown: int = 0
    """Calls of what nobody can see, which are not among the operations met."""
    left: Counter[str] = field(default_factory=Counter)
    """By the code of the reason."""

    @property
    def met(self) -> int:
        return self.rewritten + self.unsafe + self.left.total()

    def add(self, result: FileResult, unsafe_fixes: bool) -> None:
        codes = Counter(refusal.code for refusal in result.refusals)
        applied = sum(is_applied(finding, unsafe_fixes) for finding in result.findings)
        self.files += 1
        self.failed += result.failure is not None
        self.rewritten += applied
        self.unsafe += len(result.findings) - applied
        self.shared += sum(codes[code] for code in _SHARED)
        self.unknown += codes[_UNKNOWN]
        self.left.update({code: count for code, count in codes.items() if code in _LEFT})


def by_folder(results: Iterable[FileResult], unsafe_fixes: bool) -> dict[Path, Coverage]:
    """The folders in which operations were met, and the coverage of each one's own files."""
    folders: dict[Path, Coverage] = {}
    for result in results:
        folders.setdefault(result.path.parent, Coverage()).add(result, unsafe_fixes)
    return {folder: folders[folder] for folder in sorted(folders)}


def total(folders: Iterable[Coverage]) -> Coverage:
    whole = Coverage()
    for part in folders:
        whole.files += part.files
        whole.failed += part.failed
        whole.rewritten += part.rewritten
        whole.unsafe += part.unsafe
        whole.shared += part.shared
        whole.unknown += part.unknown
        whole.left.update(part.left)
    return whole
