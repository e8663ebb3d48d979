"""Rewrites one file: bytes in, bytes and findings out. Reads no disk but through the project it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from rewriter import rule_codes as codes
from rewriter.changes.change import Change, NamedChange, Substitution
from rewriter.deep_recursion import with_room
from rewriter.emit.authors_style import style_of
from rewriter.emit.style import Style
from rewriter.emit.units import by_unit, edits_of, nesting
from rewriter.planning.plan import Owner, Plan
from rewriter.planning.planner import Planner
from rewriter.python.code import File
from rewriter.python.given_methods import given_in
from rewriter.python.project import Project
from rewriter.python.source import Source, SourceError, decode
from rewriter.results import Edit, Failure, FileResult, Finding, Refusal, Safety, Span
from rewriter.rules.listing import ALL, UNUSED
from rewriter.rules.refusals import refuse
from rewriter.rules.run_by_others import run_by_others
from rewriter.rules.unbound import unbound
from rewriter.settings import Settings
from rewriter.suppress import Suppressions
from rewriter.wanted import planner_for, silenced, suppressions_of

if TYPE_CHECKING:  # brings in libcst
    from rewriter.emit.removal import Unused
    from rewriter.emit.write import Reasoned

# Python's parser takes 200 brackets inside each other; some stand in the source already.
MOST_NESTED = 90
# What neither uses torch nor speaks to the rewriter has nothing in it for a project without torch.
_MARKS = re.compile(rb"torch|rewriter:")


def rewrite(source: bytes, path: Path, settings: Settings, project: Project | None = None) -> FileResult:
    """What `source`, the content of `path`, becomes. Never raises for anything that the source may hold."""
    return _guarded(_Rewrite.written, source, path, settings, project)


def judge(source: bytes, path: Path, settings: Settings, project: Project | None = None) -> FileResult:
    """What `rewrite` would say of the file; the new text is neither made nor proven."""
    return _guarded(_Rewrite.judged, source, path, settings, project)


def _guarded(goal: Goal, source: bytes, path: Path, settings: Settings, project: Project | None) -> FileResult:
    if len(source) > settings.max_file_bytes:
        size = f"the file has {len(source)} bytes, more than the {settings.max_file_bytes} of max-file-bytes"
        return FileResult(path, source, source, failure=Failure("too-large", size))
    if settings.selection is not None and settings.selection.stale(path, source):
        stale = "the file is not the one that the selection was made from; make the review again"
        return FileResult(path, source, source, failure=Failure("changed", stale))
    try:
        try:
            return _reached(goal, source, path, settings, project)
        except RecursionError:
            return with_room(partial(_reached, goal, source, path, settings, project))
    except SourceError as error:
        return FileResult(path, source, source, failure=error.failure)
    except RecursionError:
        return FileResult(path, source, source, failure=Failure("too-deep", "the code is nested too deeply to analyse"))
    except Exception as error:  # a fault of ours: this file fails, the run goes on
        return FileResult(path, source, source, failure=Failure("internal", f"{type(error).__name__}: {error}"))


def _reached(goal: Goal, source: bytes, path: Path, settings: Settings, project: Project | None) -> FileResult:
    if project is not None and not project.may_use("torch") and not _MARKS.search(source):
        if project.is_part:
            Source.parse(source)  # who has his project checked wants to know of what Python cannot read
        else:
            decode(source)  # a project that does not use torch costs no more than looking for the word
        return FileResult(path, source, source)
    parsed = Source.parse(source)
    try:
        return goal(_Rewrite.of(parsed, path, settings, project), source, project)
    except Exception:
        if project is not None:
            project.forget()
        raise


@dataclass(eq=False)
class _Rewrite:
    """One pass over one file."""

    file: File
    path: Path
    settings: Settings
    planner: Planner
    plans: list[tuple[Owner, Plan]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    suppressed: list[Finding | Refusal] = field(default_factory=list)
    open: list[Span] = field(default_factory=list)
    splices: list[Reasoned] = field(default_factory=list)

    @classmethod
    def of(cls, parsed: Source, path: Path, settings: Settings, project: Project | None) -> _Rewrite:
        own, file = Project.reading(parsed, path, project)
        return cls(file, path, settings, planner_for(own, settings))

    @property
    def suppressions(self) -> Suppressions:
        return suppressions_of(self.file)

    @cached_property
    def style(self) -> Style:
        return style_of(self.file.source, self.path, self.settings.isolated)

    def _drop_what_is_nested_too_deeply(self) -> None:
        """Calls inside of calls, deeper than Python's parser goes: the operations stay as they are."""
        changes = [named for _, plan in self.plans for named in plan.changes]
        for unit in by_unit(self.file.source, changes) if len(changes) > MOST_NESTED else ():
            if len(unit.changes) > MOST_NESTED and nesting(unit) > MOST_NESTED:
                nested = [named for named in unit.changes if isinstance(named, NamedChange)]
                self._drop(nested, "calls would stand inside each other deeper than Python's parser goes")

    def judged(self, source: bytes, project: Project | None) -> FileResult:
        if self._has_changes():
            while crowded := self._changes_without_room():
                self._drop(crowded)
        self._collect()
        changes = any(plan.changes or plan.substitutions for _, plan in self.plans)
        return replace(self._report(source, source), unwritten=changes)

    def written(self, source: bytes, project: Project | None) -> FileResult:
        text = self._write()
        self._collect()
        if text == self.file.source.text:
            return self._report(source, source)
        new = self.file.source.encode(text)
        if (problem := self._proof(text, new, project)) is not None:
            return FileResult(self.path, source, source, failure=Failure("self-check", problem))
        return replace(self._report(source, new), edits=tuple(self._edits()))

    def _has_changes(self) -> bool:
        """Plans the file, and says whether anything in it is to be changed."""
        if next(self.planner.knowledge.project.files_mentioning("torch"), None) is None:
            return False
        file = self.file
        functions = [*file.functions.values(), *file.static_methods, *file.methods]
        owners: list[Owner] = [*file.classes, *given_in(file), *functions]
        self.plans = [(owner, self.planner.plan(owner)) for owner in owners]
        self._drop_what_is_nested_too_deeply()
        return any(plan.changes or plan.substitutions for _, plan in self.plans)

    def _write(self) -> str:
        """The new text; what cannot be written becomes a refusal and the rest is written without it."""
        self.imports: list[str] = []
        self.unused: list[Unused] = []
        if not self._has_changes():
            return self.file.source.text
        from rewriter.emit.write import write  # brings in libcst, which most files never need

        while True:
            written = write(
                self.file, self.plans, self.settings.runtime_import, self.style, self.planner.knowledge.project
            )
            if not written.dropped:
                break
            self._drop(written.dropped)
        self.imports, self.unused, self.splices = written.imports, written.unused, written.splices
        return written.text

    def _changes_without_room(self) -> list[NamedChange]:
        """Those that would not be written; LibCST is brought in only where a comment stands beside a change."""
        if "#" not in self.file.source.text:
            return []
        changes = [named for _, plan in self.plans for named in plan.changes]
        units = by_unit(self.file.source, edits_of(changes))
        if not any("#" in self.file.source.segment(unit.unit) for unit in units):
            return []
        from rewriter.emit.write import without_room

        return without_room(self.file, changes, self.settings.runtime_import, self.style)

    def _drop(self, changes: Sequence[NamedChange], why: str = "") -> None:
        for named in changes:
            comment = f"a comment stands inside {named.change.what}, or a call that it needs, which has no room for it"
            self.refusals.append(refuse("RW907", named.change.site, why or comment))
        dropped = {id(named) for named in changes}
        for _, plan in self.plans:
            plan.changes = [named for named in plan.changes if id(named) not in dropped]

    def _collect(self) -> None:
        for owner, plan in self.plans:
            self.findings += [named.finding() for named in plan.changes]
            self.findings += [found.finding() for found in plan.substitutions]
            for change in plan.unwanted:
                self._put_aside(owner, change)
            for refusal in plan.refusals:
                self._refuse(owner.file, refusal)
            self.suppressed += plan.answered
            self.open += map(self.file.source.span, plan.open)
        others = run_by_others(self.planner.knowledge, self.file) if self.plans else ()
        for refusal in (*unbound(self.file), *others) if self.plans else ():
            self._refuse(self.file, refusal)

    def _put_aside(self, owner: Owner, change: Change | Substitution) -> None:
        finding = change.finding()
        if self.settings.selection is not None or not self.settings.selects(change.code, owner.file.path):
            return
        if silenced(self.settings, owner.file, finding.code, finding.span):
            self.suppressed.append(finding)
        else:
            self.findings.append(finding)

    def _refuse(self, file: File, refusal: Refusal) -> None:
        if not self.settings.selects(refusal.code, file.path):
            return
        if silenced(self.settings, file, refusal.code, refusal.span):
            self.suppressed.append(refusal)
        else:
            self.refusals.append(refusal)

    def _unused(self) -> list[Refusal]:
        """Suppressions that silence nothing, unless this run did not look for what they speak of."""
        if not self.settings.selects(UNUSED.code, self.file.path):
            return []
        selected = [rule.code for rule in ALL if self.settings.selects(rule.code, self.file.path)]
        silent = [
            Refusal(UNUSED.code, f"`{text}` silences nothing", span, "take the comment out")
            for span, text in self.suppressions.unused(selected)
        ]
        unknown = [
            Refusal(UNUSED.code, f"`{text}`: no code begins with {code!r}", span, f"near it: {codes.near(code)}")
            for span, text, code in self.suppressions.named()
            if codes.unknown([code]) is not None
        ]
        return [*silent, *unknown]

    def _report(self, before: bytes, after: bytes) -> FileResult:
        applied = {f.span for f in self.findings if f.safety is Safety.SAFE or self.settings.unsafe_fixes}
        refusals = [replace(refusal, is_remark=refusal.span in applied) for refusal in self.refusals]
        return FileResult(
            self.path,
            before,
            after,
            findings=self._in_order(),
            refusals=tuple(sorted([*refusals, *self._unused()], key=lambda r: r.span)),
            suppressed=tuple(self.suppressed),
            open=tuple(self.open),
        )

    def _edits(self) -> Iterator[Edit]:
        """What was written, each with the findings that need it."""
        source = self.file.source
        found = [(id(named.change), named.finding()) for _, plan in self.plans for named in plan.changes]
        found += [(id(change), change.finding()) for _, plan in self.plans for change in plan.substitutions]
        places: dict[Finding, int] = {finding: place for place, finding in enumerate(self._in_order())}
        place_of = {key: places[finding] for key, finding in found}
        for reasoned in sorted(self.splices, key=lambda r: (r.splice.start, r.splice.end)):
            splice = reasoned.splice
            span = Span(*source.position(splice.start), *source.position(splice.end))
            needed_by = {place_of[id(change)] for change in reasoned.changes if id(change) in place_of}
            yield Edit(span, splice.new, tuple(sorted(needed_by)))

    def _in_order(self) -> tuple[Finding, ...]:
        return tuple(sorted(self.findings, key=lambda finding: finding.span))

    def _proof(self, text: str, new: bytes, project: Project | None) -> str | None:
        """None where the new text holds all promises that can be checked without running it."""
        from rewriter.emit.proof.undo import undoes

        try:
            parsed = Source.parse(new)
        except SourceError as error:
            return f"the result does not parse: {error.failure.message}"
        problem = undoes(self.file.source.text, text, self.plans, self.imports, self.unused)
        if problem:
            return problem
        if self.settings.selection is not None:
            return None  # what was not selected is still there to be changed
        if self.settings.evidence is not None and self.settings.evidence.knows(self.path):
            return None  # a module that a call was given by evidence says by itself what it returns: more is proven now
        again = _Rewrite.of(parsed, self.path, self.settings, project)
        if again._write() != text:
            return "a second run would change the result again"
        return None


Goal = Callable[[_Rewrite, bytes, Project | None], FileResult]
"""What is to be found out of a file."""
