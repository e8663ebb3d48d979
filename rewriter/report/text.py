"""For a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rewriter.report.summary import Summary, plural
from rewriter.results import FileResult, Refusal, Safety, Span


@dataclass(frozen=True)
class Style:
    """Escape codes, or nothing where the reader is no terminal."""

    color: bool

    def paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.color else text

    def bold(self, text: str) -> str:
        return self.paint(text, "1")

    def code(self, text: str) -> str:
        return self.paint(text, "1;31")

    def dim(self, text: str) -> str:
        return self.paint(text, "2")


def shown_path(path: Path) -> str:
    """Relative to where the user stands, where that is shorter."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(path)


def lines(results: Sequence[FileResult], style: Style, verbose: bool, written: bool) -> Iterator[str]:
    for result in results:
        path = shown_path(result.path)
        if result.failure is not None:
            span = result.failure.span or Span(1, 0, 1, 0)
            yield f"{_place(path, span, style)} {style.code('error')} {result.failure.kind}: {result.failure.message}"
        for item in result.items:
            if isinstance(item, Refusal):
                yield f"{_place(path, item.span, style)} {style.dim(item.code)} left: {item.message}"
                if verbose:
                    yield style.dim(f"    {item.advice}")
            else:
                unsafe = f" (only with --unsafe-fixes: {item.why_unsafe})" if item.safety is Safety.UNSAFE else ""
                yield f"{_place(path, item.span, style)} {style.code(item.code)} {item.message}{unsafe}"
    yield from _closing(Summary.of(results), written)


def _place(path: str, span: Span, style: Style) -> str:
    return f"{style.bold(path)}:{span.line}:{span.column + 1}:"


def _closing(summary: Summary, written: bool) -> Iterator[str]:
    changes = sum(summary.findings.values())
    verb = "rewritten" if written else "to rewrite"
    parts = [f"{plural(changes, 'operation')} {verb} in {plural(summary.changed, 'file')}"]
    if summary.refusals:
        parts.append(f"{sum(summary.refusals.values())} left with a reason")
    if summary.suppressed:
        parts.append(f"{summary.suppressed} suppressed")
    if summary.failed:
        parts.append(f"{plural(summary.failed, 'file')} failed")
    yield f"{'; '.join(parts)} ({plural(summary.files, 'file')} read)."


def statistics(results: Sequence[FileResult]) -> Iterator[str]:
    """Counts for each rule and each reason, most frequent first."""
    from rewriter.rules.listing import ALL

    names = {rule.code: rule.name for rule in ALL}
    summary = Summary.of(results)
    for title, counts in (("rewritten", summary.findings), ("left", summary.refusals)):
        for code, count in counts.most_common():
            yield f"{count:6d}  {title:9}  {code}  {names.get(code, '')}"
