"""Counting what a run found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rewriter.results import FileResult, Finding, Refusal, Safety
from rewriter.rules.listing import UNUSED


def is_applied(finding: Finding, unsafe_fixes: bool) -> bool:
    """Whether `fix` makes the change without being asked for more."""
    return unsafe_fixes or finding.safety is Safety.SAFE


def is_unused_suppression(item: Finding | Refusal) -> bool:
    return item.code == UNUSED.code


@dataclass
class Summary:
    files: int = 0
    changed: int = 0
    failed: int = 0
    suppressed: int = 0
    unused: int = 0
    """Suppressions that silence nothing."""
    findings: Counter[str] = field(default_factory=Counter)
    """By code, those that `fix` applies."""
    unsafe: Counter[str] = field(default_factory=Counter)
    """By code, those that it would only apply with --unsafe-fixes."""
    refusals: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    """By code, what is said of operations that become modules all the same."""

    @classmethod
    def of(cls, results: Sequence[FileResult], unsafe_fixes: bool) -> Summary:
        summary = cls(files=len(results))
        for result in results:
            summary.changed += result.changed
            summary.failed += result.failure is not None
            summary.suppressed += len(result.suppressed)
            for finding in result.findings:
                (summary.findings if is_applied(finding, unsafe_fixes) else summary.unsafe)[finding.code] += 1
            for refusal in result.refusals:
                if is_unused_suppression(refusal):
                    summary.unused += 1
                else:
                    (summary.remarks if refusal.is_remark else summary.refusals)[refusal.code] += 1
        return summary


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
