"""A package as it is at one moment: all that rewriting one of its files depends on.

What a file becomes hangs on the rest of its package (bases, subclasses, helpers), on this program and on the settings,
and on nothing else, because files are rewritten in a copy that holds the package alone. So one digest of all of it is
an honest key for what was rewritten before.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path

from rewriter.files import temporary_folder
from rewriter.python.import_roots import import_root
from rewriter.python.project import Project
from rewriter.results import FileResult
from rewriter.settings import Settings


def top_of(module: str, file: Path) -> Path:
    """The folder, or the single file, of the top-level package that `module` belongs to."""
    parts = module.split(".")
    own = file.parent if file.name == "__init__.py" else file.with_suffix("")
    if own.parts[-len(parts) :] == tuple(parts):
        return file if own != file.parent and len(parts) == 1 else [own, *own.parents][len(parts) - 1]
    root = import_root(file)  # the folders are not called as the packages are, as under a __path__ made by hand
    return root / file.relative_to(root).parts[0]


@dataclass(frozen=True)
class Snapshot:
    """The Python files below `top`, by their paths from the folder that holds `top`."""

    top: Path
    settings: Settings
    files: Mapping[str, bytes]

    @classmethod
    def take(cls, top: Path, settings: Settings) -> Snapshot:
        found = {}
        for path in _python_files(top):
            with contextlib.suppress(OSError):  # the rewriter takes a file that it cannot read for absent, too
                found[path.relative_to(top.parent).as_posix()] = path.read_bytes()
        return cls(top, settings, found)

    def place(self, file: Path) -> str:
        return file.relative_to(self.top.parent).as_posix()

    def wants(self, place: str) -> bool:
        """Whether `rewriter fix` on the package would take the file: exclude patterns count from its top on."""
        root = self.top.parent.resolve()
        excludes = replace(self.settings, root=root).excluding()
        below = [root / place, *(root / place).parents][: len(Path(place).parts) - 1]
        return not any(map(excludes, below))

    @cached_property
    def key(self) -> str:
        settings = {f.name: getattr(self.settings, f.name) for f in fields(Settings) if f.name != "root"}
        settings["per_file_ignores"] = list(self.settings.per_file_ignores.items())
        digest = hashlib.blake2b(_program(), digest_size=16)
        for part in (repr(settings).encode(), *_parts(self.files)):
            digest.update(b"%d:%b" % (len(part), part))
        return digest.hexdigest()

    @cached_property
    def _copy(self) -> _Copy:
        return _Copy(self)

    def rewrite(self, place: str, path: Path) -> FileResult:
        """What the file at `path` becomes, as a run over a copy of the package would write it."""
        from rewriter.engine import rewrite

        copy = self._copy
        # Imports nest deeply: on a stack of its own, how deep this one stands does not decide what can be analysed.
        with ThreadPoolExecutor(1) as pool:
            file = copy.folder / place
            result = pool.submit(rewrite, self.files[place], file, copy.settings, copy.project).result()
        return replace(result, path=path)


def _parts(files: Mapping[str, bytes]) -> Iterator[bytes]:
    for place in sorted(files):
        yield place.encode("utf-8", "surrogateescape")
        yield files[place]


class _Copy:
    """The package's files in a folder where nothing else is."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.folder = temporary_folder(self)
        for place, content in snapshot.files.items():
            path = self.folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.settings = replace(snapshot.settings, root=self.folder)
        self.project = Project.for_paths([self.folder / snapshot.top.name])


def _python_files(top: Path) -> Iterator[Path]:
    if top.is_file():
        yield top
        return
    entered = set()
    for folder, inner, names in os.walk(top, followlinks=True):
        real = os.path.realpath(folder)
        if real in entered:  # a link that leads back up
            inner.clear()
            continue
        entered.add(real)
        inner[:] = sorted(name for name in inner if name != "__pycache__")
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


@cache
def _program() -> bytes:
    """Says which rewriter this is: its own source, and what reads source for it."""
    digest = hashlib.blake2b(f"{sys.version} {version('libcst')}".encode())
    top = Path(__file__).parent.parent
    for path in sorted(top.rglob("*.py")):
        content = path.read_bytes()
        digest.update(b"%b %d:%b" % (path.relative_to(top).as_posix().encode(), len(content), content))
    return digest.digest()
