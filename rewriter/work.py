"""What there is to do, as whoever does it is told: the parts of a project, and which files of each are to be judged."""

from __future__ import annotations

import gc
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import islice
from pathlib import Path

from rewriter.files import NOTEBOOK, FileError, read
from rewriter.python.file_texts import Texts
from rewriter.python.grounds import Basis, Noted
from rewriter.python.project import Project
from rewriter.python.separate_parts import parts_of
from rewriter.results import Failure, FileResult
from rewriter.settings import Settings

Engine = Callable[[bytes, Path, Settings, Project | None], FileResult]

# Syntax trees are millions of objects that live to the end: Python's usual thresholds look through them all the time.
COLLECT_AFTER = (100_000, 50, 1000)
_MOST_PARSED = 8_000_000
"""Bytes of source whose trees one process keeps: with all that is known of them they take some 75 times as much.

A project of which one file needs more keeps more.
"""
_COLLECTED_AFTER = 1_000_000
"""Bytes of source that were parsed and are needed no more, before Python is asked to look for what they left."""


@dataclass(frozen=True)
class Job:
    """What holds for every file; small, since it is sent about."""

    roots: tuple[Path, ...]
    settings: Settings
    engine: str = "rewriter.engine:rewrite"


def engine_of(name: str) -> Engine:
    """`package.module:function`"""
    module, _, function = name.partition(":")
    engine: Engine = getattr(import_module(module), function)
    return engine


@dataclass(frozen=True)
class Task:
    """Files that are judged by one part."""

    part: int
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Work:
    job: Job
    imports: tuple[Path, ...]
    """Where imports start from."""
    parts: tuple[Texts, ...]
    """The last one is the whole: by it is judged what lies in none of the others."""
    is_divided: bool = False

    @classmethod
    def of(cls, job: Job) -> Work:
        project = Project.for_paths(job.roots)
        parts = parts_of(project.texts)
        if len(parts) == 1:
            return cls(job, project.roots, tuple(parts))
        return cls(job, project.roots, (*parts, project.texts), is_divided=True)

    def tasks(self, files: Sequence[Path]) -> list[Task]:
        """One for each part that some of the files belong to, in the order of the first of them."""
        parts = {path: number for number, part in reversed([*enumerate(self.parts)]) for path in part.paths}
        grouped: dict[int, list[Path]] = {}
        for file in files:
            grouped.setdefault(parts.get(file.absolute(), len(self.parts) - 1), []).append(file)
        return [Task(part, tuple(grouped[part])) for part in grouped]

    @property
    def from_root(self) -> Work:
        """The same, for whoever stands in another folder."""
        settings = replace(self.job.settings, root=self.job.settings.root.absolute())
        return replace(self, job=replace(self.job, settings=settings))

    def alone(self, task: Task) -> tuple[Work, Task]:
        """The task, and no more than is needed for it: where each task is sent for itself."""
        part = self.parts[task.part]
        return replace(self, parts=(Texts(part.scopes, part.paths),)), replace(task, part=0)


class _Mind(threading.local):
    """What this thread is busy with; other threads have their own."""

    def __init__(self) -> None:
        self.key: object = None
        self.worker: _Worker | None = None
        self.left = 0
        """Bytes of source that were parsed for what has been done since Python looked for garbage."""


_mind = _Mind()


@dataclass(eq=False)
class _Worker:
    """Judges one file after the other by one part of a project, whose facts it keeps."""

    engine: Engine
    settings: Settings
    imports: tuple[Path, ...]
    texts: Texts
    is_part: bool

    def __post_init__(self) -> None:
        self.by, self.told = secrets.token_hex(8), len(self.texts.grounds.places)
        self.most_needed = 0
        """Bytes of source that were parsed for one file, at most: the next one is likely to need them as well."""
        self._begin()

    def _begin(self) -> None:
        self.project = Project(self.imports, self.texts, is_part=self.is_part)

    def result(self, path: Path) -> FileResult:
        try:
            content = read(path)
        except FileError as error:
            return FileResult(path, failure=Failure("unreadable", str(error)))
        position = self.texts.grounds.begin()
        try:
            result = self._judged(path, content)
        except Exception as error:
            failure = Failure("internal", f"{type(error).__name__}: {error}")
            result = FileResult(path, content, content, failure=failure)
        return replace(result, noted=self._noted(self.texts.grounds.end(position)))

    def _noted(self, basis: Basis) -> Noted:
        first, places = self.told, self.texts.grounds.places
        self.told = len(places)
        return Noted(
            self.texts.grounds.origin,
            self.by,
            basis.bits,
            first,
            tuple(map(self.texts.answered, islice(places, first, None))),
        )

    def _judged(self, path: Path, content: bytes) -> FileResult:
        if self.project.parsed > max(_MOST_PARSED, 2 * self.most_needed):
            _mind.left += self.project.parsed
            self._begin()
            _collect()
        if path.suffix == NOTEBOOK:
            from rewriter.notebook import judged

            return judged(content, path, self.settings, self.project)
        before = self.project.parsed
        result = self.engine(content, path, self.settings, self.project)
        self.most_needed = max(self.most_needed, self.project.parsed - before)
        return result


def results_of(work: Work, task: Task) -> Iterator[FileResult]:
    """One by one, in this thread; what was found out of the part stays until another one is asked about."""
    worker = _worker_for(work, task.part)
    for path in task.files:
        yield worker.result(path)


_PARSING = threading.Lock()
"""Python 3.11 counts how deep it is in a syntax tree for all threads together, and fails where two parse at once."""


def all_results_of(work: Work, task: Task) -> list[FileResult]:
    with _PARSING:
        return list(results_of(work, task))


def _worker_for(work: Work, number: int) -> _Worker:
    texts = work.parts[number]
    key = (work.job, work.imports, texts.paths, work.is_divided)
    if _mind.worker is None or _mind.key != key:
        forget()
        _mind.key = key
        _mind.worker = _Worker(engine_of(work.job.engine), work.job.settings, work.imports, texts, work.is_divided)
    return _mind.worker


def forget() -> None:
    """Lets go of what was found out of a part, and makes room."""
    let_go()
    _collect()


def let_go() -> None:
    """Whoever comes next reads the files anew."""
    if _mind.worker is not None:
        _mind.left += _mind.worker.project.parsed
        _mind.key = _mind.worker = None


def _collect() -> None:
    """Trees and what is known of them refer to each other in circles."""
    if _mind.left > _COLLECTED_AFTER:
        gc.collect()
        _mind.left = 0
