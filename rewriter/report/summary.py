"""Counting what a run found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rewriter.results import FileResult


@dataclass
class Summary:
    files: int = 0
    changed: int = 0
    failed: int = 0
    suppressed: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, results: Sequence[FileResult]) -> Summary:
        summary = cls(files=len(results))
        for result in results:
            summary.changed += result.changed
            summary.failed += result.failure is not None
            summary.suppressed += len(result.suppressed)
            summary.findings.update(f.code for f in result.findings)
            summary.refusals.update(r.code for r in result.refusals)
        return summary


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
