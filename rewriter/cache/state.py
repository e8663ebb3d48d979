"""All that a result hangs on, as digests: the project's files, the settings, the command, and this program."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from rewriter.facts.project import Project
from rewriter.facts.texts import Texts
from rewriter.run import Job

Stamp = tuple[str, int, int, int]


@dataclass(frozen=True)
class State:
    """A project as it was at one moment."""

    key: str
    texts: Texts
    stamps: list[Stamp]
    """What tells whether the files are still the same, without reading them again."""
    since: int
    """When they were read."""

    @classmethod
    def take(cls, job: Job, now: int) -> State:
        project = Project.for_paths(job.roots)
        stamps = list(_stamps(project.texts))
        whole = hashlib.blake2b(_program().encode(), digest_size=16)
        for part in (*_circumstances(job), repr(project.roots).encode()):
            whole.update(b"%d:%b" % (len(part), part))
        for name, *_ in stamps:
            content = _content(name) or b""
            whole.update(b"%b:%d:" % (os.fsencode(name), len(content)))
            whole.update(content)
        return cls(whole.hexdigest(), project.texts, stamps, now)

    def still_holds(self) -> bool:
        """No file has changed since, none has gone, and none is new."""
        return list(_stamps(Texts(self.texts.scopes))) == self.stamps


def _circumstances(job: Job) -> Iterator[bytes]:
    settings = replace(job.settings, baseline=None, evidence=None)
    yield f"{job.engine} {settings!r} {settings.isolated} {Path.cwd()}".encode()
    for beside in (job.settings.baseline, job.settings.evidence):
        yield (digest_of(beside.file) or "").encode() if beside is not None else b""


def names_in(folder: Path) -> tuple[str, ...]:
    """What an import may find there, files and folders."""
    try:
        return tuple(sorted(e.name for e in folder.iterdir() if e.name.removesuffix(".py").isidentifier()))
    except OSError:
        return ()


def _stamps(texts: Texts) -> Iterator[Stamp]:
    for path in texts.paths:
        try:
            status = path.stat()
        except OSError:
            yield str(path), 0, 0, 0
        else:
            yield str(path), status.st_mtime_ns, status.st_size, status.st_ino


def _content(name: str | Path) -> bytes | None:
    try:
        with open(name, "rb") as file:  # noqa: PTH123  pathlib takes twice as long
            return file.read()
    except OSError:
        return None


def digest_of(path: Path) -> str | None:
    """None where there is no such file that can be read."""
    content = _content(path)
    return None if content is None else digest(content)


def digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


@cache
def _program() -> str:
    """Says which rewriter this is: its own files, and what reads source for it."""
    top = Path(__file__).parent.parent
    files = (Path(folder, name) for folder, _, names in os.walk(top) for name in names if not name.endswith(".pyc"))
    stamps = [(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in sorted(files)]
    spec = find_spec("libcst")
    beside = Path(spec.origin).parent.parent if spec is not None and spec.origin else None
    versions = sorted(path.name for path in beside.glob("libcst-*")) if beside else []
    return f"{sys.version} {versions} {stamps}"
