"""Rewrites one file: bytes in, bytes and findings out. Reads no disk but through the project it is given."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.project import Class, File, Project
from rewriter.facts.source import Source, SourceError
from rewriter.results import Failure, FileResult, Finding, Refusal, Safety
from rewriter.rules.change import Change, Make
from rewriter.rules.compound import Substitution
from rewriter.rules.listing import ALL, UNUSED
from rewriter.rules.operations import describe
from rewriter.rules.plan import ClassPlan, Planner
from rewriter.rules.refusals import refuse
from rewriter.settings import Settings
from rewriter.suppress import Suppressions


def rewrite(source: bytes, path: Path, settings: Settings, project: Project | None = None) -> FileResult:
    """What `source`, the content of `path`, becomes. Never raises for anything that the source may hold."""
    try:
        if len(source) > settings.max_file_bytes:
            size = f"the file has {len(source)} bytes, more than the {settings.max_file_bytes} of max-file-bytes"
            return FileResult(path, source, source, failure=Failure("too-large", size))
        parsed = Source.parse(source)
        first = _Rewrite.of(parsed, path, settings, project)
        return first.result(source, project)
    except SourceError as error:
        return FileResult(path, source, source, failure=error.failure)
    except RecursionError:
        return FileResult(path, source, source, failure=Failure("too-deep", "the code is nested too deeply to analyse"))
    except Exception as error:  # a fault of ours: this file fails, the run goes on
        return FileResult(path, source, source, failure=Failure("internal", f"{type(error).__name__}: {error}"))


@dataclass(eq=False)
class _Rewrite:
    """One pass over one file."""

    file: File
    path: Path
    settings: Settings
    suppressions: Suppressions
    planner: Planner = field(init=False)
    plans: list[tuple[Class, ClassPlan]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    suppressed: list[Finding | Refusal] = field(default_factory=list)

    @classmethod
    def of(cls, parsed: Source, path: Path, settings: Settings, project: Project | None) -> _Rewrite:
        own = (
            project.with_file(path, parsed) if project else Project.for_paths([path], settings).with_file(path, parsed)
        )
        file = own.file(path.absolute())
        assert file is not None
        suppressions = Suppressions.parse(parsed.text)
        made = cls(file, path, settings, suppressions)
        made.planner = Planner(Knowledge.of(own), made._wanted)
        return made

    def _wanted(self, cls: Class, change: Change | Substitution) -> bool:
        if not self.settings.selects(change.code, cls.file.path):
            return False
        if change.safety is Safety.UNSAFE and not self.settings.unsafe_fixes:
            return False
        span = _finding(change, "").span
        return cls.file is not self.file or not self.suppressions.covers(change.code, span)

    def result(self, source: bytes, project: Project | None) -> FileResult:
        if not any(word in self.file.source.text for word in ("forward", "Module", "nn.")):
            return self._report(source, source)
        self.plans = [(cls, self.planner.plan(cls)) for cls in self.file.classes]
        text = self._write()
        self._collect()
        if text == self.file.source.text:
            return self._report(source, source)
        new = self.file.source.encode(text)
        if (problem := self._proof(text, new, project)) is not None:
            return FileResult(self.path, source, source, failure=Failure("self-check", problem))
        return self._report(source, new)

    def _write(self) -> str:
        """The new text; what cannot be written becomes a refusal and the rest is written without it."""
        self.imports: list[str] = []
        if not any(plan.changes or plan.substitutions for _, plan in self.plans):
            return self.file.source.text
        from rewriter.emit.write import write  # brings in libcst, which most files never need

        written = write(self.file, self.plans, self.settings.runtime_import)
        self.imports = written.imports
        for named in written.dropped:
            message = f"a comment stands inside {named.change.what}, and the call has no room for it"
            self.refusals.append(refuse("RW907", named.change.site, message))
        kept = {id(named) for named in written.changes}
        for _, plan in self.plans:
            plan.changes = [named for named in plan.changes if id(named) in kept]
        return written.text

    def _collect(self) -> None:
        seen: set[ast.AST] = set()
        for cls, plan in self.plans:
            self.findings += [_finding(named.change, named.name) for named in plan.changes]
            self.findings += [_finding(found, "") for found in plan.substitutions]
            for change in plan.unwanted:
                self._put_aside(cls, change)
            for refusal in plan.refusals:
                self._refuse(cls, refusal)
            for site in plan.outside:
                if site.function.file is self.file and site.node not in seen:
                    seen.add(site.node)
                    message = (
                        f"{describe(site)} stands in the function {site.function.node.name}, which a forward calls"
                    )
                    self._refuse(cls, refuse("RW903", site, message))

    def _put_aside(self, cls: Class, change: Change | Substitution) -> None:
        finding = _finding(change, change.attribute if isinstance(change, Change) else "")
        if not self.settings.selects(change.code, cls.file.path):
            return
        if self.suppressions.covers(finding.code, finding.span):
            self.suppressed.append(finding)
        else:
            self.findings.append(finding)

    def _refuse(self, cls: Class, refusal: Refusal) -> None:
        if not self.settings.selects(refusal.code, cls.file.path):
            return
        if self.suppressions.covers(refusal.code, refusal.span):
            self.suppressed.append(refusal)
        else:
            self.refusals.append(refusal)

    def _unused(self) -> list[Refusal]:
        """Suppressions that silence nothing, unless this run did not look for what they speak of."""
        selected = [rule.code for rule in ALL if self.settings.selects(rule.code, self.file.path)]
        return [
            Refusal(UNUSED.code, f"`{text}` silences nothing", span, "take the comment out")
            for span, text in self.suppressions.unused(selected)
            if self.settings.selects(UNUSED.code, self.file.path)
        ]

    def _report(self, before: bytes, after: bytes) -> FileResult:
        return FileResult(
            self.path,
            before,
            after,
            findings=tuple(sorted(self.findings, key=lambda f: f.span)),
            refusals=tuple(sorted([*self.refusals, *self._unused()], key=lambda r: r.span)),
            suppressed=tuple(self.suppressed),
        )

    def _proof(self, text: str, new: bytes, project: Project | None) -> str | None:
        """None where the new text holds all promises that can be checked without running it."""
        from rewriter.emit.undo import undoes

        try:
            parsed = Source.parse(new)
        except SourceError as error:
            return f"the result does not parse: {error.failure.message}"
        problem = undoes(self.file.source.text, text, self.plans, self.imports)
        if problem:
            return problem
        again = _Rewrite.of(parsed, self.path, self.settings, project)
        again.plans = [(cls, again.planner.plan(cls)) for cls in again.file.classes]
        if again._write() != text:
            return "a second run would change the result again"
        return None


def _finding(change: Change | Substitution, name: str) -> Finding:
    if isinstance(change, Substitution):
        span = change.function.file.source.span(change.node)
        message = f"`{ast.unparse(change.node)}` becomes its twin, {change.target}"
        return Finding(change.code, message, span, change.safety, change.why_unsafe)
    span = change.site.function.file.source.span(change.site.node)
    return Finding(change.code, _message(change, name), span, change.safety, change.why_unsafe)


def _message(change: Change, name: str) -> str:
    if isinstance(change.make, Make):
        return f"{change.what} becomes self.{name}, {_short(change.make.target)}"
    return f"{change.what} becomes self.{name}, an instance of its own"


def _short(target: str) -> str:
    return target.replace("torch.nn.", "nn.")
