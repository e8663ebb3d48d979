"""Rewrites one file for torch.ao: modules as for any target, and then what its eager mode asks for besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from rewriter.emit.authors_style import style_of
from rewriter.emit.naming import Importer
from rewriter.emit.splice import apply
from rewriter.engine import rewrite
from rewriter.python.project import Project
from rewriter.python.source import Source, SourceError
from rewriter.results import Failure, FileResult, Finding, Refusal, Safety, Span
from rewriter.settings import Settings
from rewriter.targets.torch_ao.composed import Added, Composed
from rewriter.targets.torch_ao.further import Found, Further, Rewritten
from rewriter.targets.torch_ao.fusing import fusing
from rewriter.targets.torch_ao.relu6 import relu6
from rewriter.targets.torch_ao.stubs import stubs
from rewriter.wanted import planner_for

Find = Callable[[Rewritten], Iterator[Found]]
Item = TypeVar("Item", Finding, Refusal)


def written(source: bytes, path: Path, settings: Settings, project: Project | None = None) -> FileResult:
    """What the file becomes; an engine like `rewriter.engine.rewrite`."""
    result = rewrite(source, path, settings, project)
    if result.failure is not None or b"torch" not in source or settings.selection is not None:
        return result
    try:
        result = _further(result, relu6, path, settings, project)
        return _further(result, _of_entry, path, settings, project) if settings.entry else result
    except SourceError as error:
        return FileResult(path, source, source, failure=error.failure)
    except Exception as error:  # a fault of ours: this file fails, the run goes on
        return FileResult(path, source, source, failure=Failure("internal", f"{type(error).__name__}: {error}"))


def _further(result: FileResult, find: Find, path: Path, settings: Settings, project: Project | None) -> FileResult:
    """One step more."""
    parsed = Source.parse(result.after)
    rewritten = _read(parsed, path, settings, project)
    found = [item for item in find(rewritten) if rewritten.wants(item if isinstance(item, Refusal) else item.finding)]
    if not found:
        return result
    composed = Composed(Source.parse(result.before), result.edits)
    further = [item for item in found if isinstance(item, Further)]
    findings = [*result.findings, *(_told(item.finding, parsed, composed) for item in further)]
    applied = [
        Added(splice, (number,))
        for number, item in enumerate(further, len(result.findings))
        if item.finding.safety is Safety.SAFE or settings.unsafe_fixes
        for splice in item.splices
    ]
    imports = [Added(splice) for splice in rewritten.importer.splices()] if applied else []
    added = [*imports, *applied]
    after = parsed.encode(apply(parsed.text, [item.splice for item in added]))
    Source.parse(after)
    refusals = [_told(item, parsed, composed) for item in found if isinstance(item, Refusal)]
    return replace(
        result,
        after=after,
        findings=tuple(findings),
        refusals=(*result.refusals, *refusals),
        edits=composed.with_added(added),
    )


def _of_entry(rewritten: Rewritten) -> Iterator[Found]:
    for cls in rewritten.file.classes:
        if rewritten.knowledge.may_be_module(cls) and cls.methods:
            if rewritten.is_entry(cls):
                yield from stubs(rewritten, cls)
            yield from fusing(rewritten, cls)


def _read(parsed: Source, path: Path, settings: Settings, project: Project | None) -> Rewritten:
    own, file = Project.reading(parsed, path, project)
    style = style_of(parsed, path, settings.isolated)
    importer = Importer(file, settings.runtime_import, style.formatter)
    knowledge = planner_for(own, settings).knowledge
    return Rewritten(file, path, settings, style, knowledge, importer)


def _told(item: Item, parsed: Source, composed: Composed) -> Item:
    """The same, by the lines that the author has."""
    start, end = (parsed.line_end(line - 1) + column for line, column in _ends(item.span))
    return replace(item, span=composed.span(start, end))


def _ends(span: Span) -> tuple[tuple[int, int], tuple[int, int]]:
    return (span.line, span.column), (span.end_line, span.end_column)
