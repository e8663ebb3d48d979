"""All that a result hangs on, as digests: the project's files, the settings, the command, and this program."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

from rewriter.python.file_texts import Texts, content_of
from rewriter.work import Job, Work

Stamp = tuple[str, int, int, int]


@dataclass(frozen=True)
class State:
    """A tree as it was at one moment."""

    work: Work
    stamps: list[Stamp]
    """What tells whether the files are still the same, without reading them again."""
    since: int
    """When they were read."""

    @classmethod
    def take(cls, work: Work, now: int) -> State:
        return cls(work, list(_stamps(work.parts[-1].scopes)), now)

    def key(self, part: Texts) -> str:
        """Of a part, whichever files it has now besides the first, with all that holds for every file."""
        whole = hashlib.blake2b(self._around, digest_size=16)
        whole.update(b"%b" % b"".join(os.fsencode(path) for path in part.paths[:1]))
        return whole.hexdigest()

    @cached_property
    def _around(self) -> bytes:
        whole = hashlib.blake2b(_program().encode(), digest_size=16)
        for part in (*_circumstances(self.work.job), repr((self.work.imports, self.work.is_divided)).encode()):
            whole.update(b"%d:%b" % (len(part), part))
        return whole.digest()

    def still_holds(self) -> bool:
        """No file has changed since, none has gone, and none is new."""
        return list(_stamps(self.work.parts[-1].scopes)) == self.stamps


def _circumstances(job: Job) -> Iterator[bytes]:
    yield f"{job.engine} {replace(job.settings, baseline=None)!r} {job.settings.isolated} {Path.cwd()}".encode()
    if job.settings.baseline is not None:
        yield (digest_of(job.settings.baseline.file) or "").encode()


def names_in(folder: Path) -> tuple[str, ...]:
    """What an import may find there, files and folders."""
    try:
        return tuple(sorted(e.name for e in folder.iterdir() if e.name.removesuffix(".py").isidentifier()))
    except OSError:
        return ()


def _stamps(scopes: Sequence[Path]) -> Iterator[Stamp]:
    for path in Texts(scopes).paths:
        try:
            status = path.stat()
        except OSError:
            yield str(path), 0, 0, 0
        else:
            yield str(path), status.st_mtime_ns, status.st_size, status.st_ino


def digest_of(path: Path) -> str | None:
    """None where there is no such file that can be read."""
    content = content_of(path)
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
