"""The bytes of whichever report is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rewriter.report.form import Form
from rewriter.results import FileResult


def render(results: Sequence[FileResult], form: Form) -> bytes:
    if form.name == "diff":
        from rewriter.report.diff import patch

        return patch(results)
    return "".join(f"{line}\n" for line in _lines(results, form)).encode("utf-8", "surrogateescape")


def _lines(results: Sequence[FileResult], form: Form) -> Iterator[str]:
    if form.name == "json":
        from rewriter.report import as_json

        yield as_json.dumps(results, form.unsafe_fixes)
    elif form.name == "rdjson":
        from rewriter.report import rdjson

        yield rdjson.dumps(results, form.unsafe_fixes)
    elif form.name == "sarif":
        from rewriter.report import sarif

        yield sarif.dumps(results, form.unsafe_fixes)
    elif form.name == "github":
        from rewriter.report import github

        yield from github.lines(results, form.unsafe_fixes)
    else:
        from rewriter.report import text

        yield from text.lines(results, form)
