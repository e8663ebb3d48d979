"""Which of the changes that could be made are wanted: by the settings, the comments, the baseline and the selection."""

from __future__ import annotations

import hashlib

from rewriter.changes.change import Change, Substitution
from rewriter.facts.knowledge import Knowledge
from rewriter.planning.plan import Owner
from rewriter.planning.planner import Planner
from rewriter.planning.target import Target
from rewriter.python.answers import Question
from rewriter.python.code import File
from rewriter.python.project import Project
from rewriter.results import Safety, Span
from rewriter.settings import LIBRARIES, Settings
from rewriter.suppress import Suppressions
from rewriter.targets.elsewhere import Elsewhere


def target_of(settings: Settings) -> Target | None:
    """None where it is runtime."""
    return Elsewhere(settings.target, settings.fallback == "runtime") if settings.target in LIBRARIES else None


_PLANNER = Question[str, Planner]("what is planned under these settings?")


def planner_for(project: Project, settings: Settings) -> Planner:
    """The project's plans by these settings. What was planned for files that have not been replaced stays."""
    key = repr(settings)  # settings hold a mapping, and so have no hash

    def find() -> Planner:
        def wanted(owner: Owner, change: Change | Substitution) -> bool:
            return _is_wanted(settings, owner.file, change)

        target, everything = target_of(settings), settings.all_operations
        known = Knowledge.of(project)
        plans = project.answers.beside(hashlib.blake2b(key.encode(), digest_size=8).hexdigest())
        planner = Planner(known, wanted, plans, settings.source, target, everything, settings.evidence)
        replaced = project.replaced
        earlier = replaced.project.answers.known(_PLANNER, key) if replaced else None
        if replaced is not None and earlier is not None:
            planner.keep(earlier, replaced.file)
        return planner

    return project.answers.found(_PLANNER, key, find)


def _is_wanted(settings: Settings, file: File, change: Change | Substitution) -> bool:
    span = change.finding().span
    if not settings.selects(change.code, file.path) or silenced(settings, file, change.code, span):
        return False
    if settings.selection is not None:
        return settings.selection.holds(file.path, change.code, span)
    return change.safety is Safety.SAFE or settings.unsafe_fixes


_SUPPRESSIONS = Question[None, Suppressions]("what do the file's comments say to the rewriter?")


def silenced(settings: Settings, file: File, code: str, span: Span) -> bool:
    """Whether a comment silences it, or the baseline, in which it was before."""
    if suppressions_of(file).covers(code, span):
        return True
    return settings.baseline is not None and settings.baseline.holds(file.path, file.source, code, span)


def suppressions_of(file: File) -> Suppressions:
    """The file's suppression comments, which remember for the whole run which of them were of use."""
    return file.answers.found(_SUPPRESSIONS, None, lambda: Suppressions.parse(file.source.text))
