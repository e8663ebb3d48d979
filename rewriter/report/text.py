"""For a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rewriter.report.form import Form
from rewriter.report.summary import Summary, is_applied, is_unused_suppression, plural
from rewriter.results import FileResult, Finding, Refusal, Safety, Span

_NEXT = (
    "`git diff` shows what was written; `rewriter verify MODULE:EXPRESSION --input SHAPE --against HEAD` runs it "
    "beside what was there."
)


@dataclass(frozen=True)
class Style:
    """Escape codes, or nothing where the reader is not a terminal."""

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


def lines(results: Sequence[FileResult], form: Form) -> Iterator[str]:
    style = Style(form.color)
    for result in results:
        for item in [] if form.quiet else result.items:
            yield f"{_place(result, item.span, style)} {_item(item, form, style)}"
            if form.verbose and isinstance(item, Refusal):
                yield style.dim(f"    {item.advice}")
    for result in results:  # where they are not overlooked
        if result.failure is not None:
            yield f"{_place(result, result.failure.span, style)} {style.code('error')} {failure_text(result)}"
    if not form.quiet:
        summary = Summary.of(results, form.unsafe_fixes)
        yield closing(summary, form.written)
        if form.written and form.color and summary.changed:  # for a person; hooks and logs have seen it
            yield style.dim(_NEXT)
        if form.statistics:
            yield from _statistics(summary, form.written)


def failure_text(result: FileResult) -> str:
    """Kind and message. Errors of files begin with the path, which stands in front of the whole already."""
    assert result.failure is not None
    return f"{result.failure.kind}: {result.failure.message.removeprefix(f'{result.path}: ')}"


def _place(result: FileResult, span: Span | None, style: Style) -> str:
    path = style.bold(shown_path(result.path))
    if span is None:
        return f"{path}:"
    cell = f"cell {span.cell}:" if span.cell else ""
    return f"{path}:{cell}{span.line}:{span.column + 1}:"


def _item(item: Finding | Refusal, form: Form, style: Style) -> str:
    code = style.dim(item.code) if isinstance(item, Refusal) else style.code(item.code)
    return f"{code} {message(item, form.unsafe_fixes)}"


def message(item: Finding | Refusal, unsafe_fixes: bool) -> str:
    """What the item says, and what becomes of it."""
    if isinstance(item, Refusal):
        kind = "note" if item.is_remark else "left"
        return item.message if is_unused_suppression(item) else f"{kind}: {item.message}"
    if item.safety is Safety.SAFE:
        return item.message
    condition = "unsafe" if is_applied(item, unsafe_fixes) else "only with --unsafe-fixes"
    return f"{item.message} ({condition}: {item.why_unsafe})"


def closing(summary: Summary, written: bool) -> str:
    changes = plural(summary.findings.total(), "operation")
    parts = [f"{changes} {_done(written)} in {plural(summary.changed, 'file')}"]
    if summary.unsafe:
        parts.append(f"{summary.unsafe.total()} more with --unsafe-fixes")
    if summary.refusals:
        parts.append(f"{summary.refusals.total()} left with a reason")
    if summary.remarks:
        parts.append(plural(summary.remarks.total(), "note"))
    if summary.suppressed:
        parts.append(f"{summary.suppressed} suppressed")
    if summary.unused:
        parts.append(f"{plural(summary.unused, 'suppression')} of no use")
    if summary.failed:
        parts.append(f"{plural(summary.failed, 'file')} failed")
    return f"{'; '.join(parts)} ({plural(summary.files, 'file')} read)."


def _done(written: bool) -> str:
    return "rewritten" if written else "to rewrite"


def _statistics(summary: Summary, written: bool) -> Iterator[str]:
    """Counts for each rule and each reason, most frequent first."""
    from rewriter.rules.listing import ALL

    names = {rule.code: rule.name for rule in ALL}
    kinds = {
        _done(written): summary.findings,
        "unsafe": summary.unsafe,
        "left": summary.refusals,
        "noted": summary.remarks,
    }
    for title, counts in kinds.items():
        for code, count in counts.most_common():
            yield f"{count:6d}  {title:10}  {code}  {names.get(code, '')}"
