"""Finding, reading and writing files."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rewriter.settings import Settings

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


class FileError(Exception):
    """A file that cannot be found, read or written; the message says which and why."""


def find(paths: Sequence[Path], settings: Settings) -> list[Path]:
    """The Python files meant by `paths`, sorted, each once: named files always, folders by their contents."""
    found: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            candidates: Iterable[Path] = _walk(path, settings)
        elif path.exists():
            candidates = [path]
        else:
            raise FileError(f"{path}: no such file or folder")
        for candidate in candidates:
            found.setdefault(candidate.resolve(), candidate)
    return sorted(found.values())


def _walk(root: Path, settings: Settings) -> Iterator[Path]:
    ignores = list(_gitignores_above(root)) if settings.respect_gitignore else []
    yield from _walk_folder(root, settings, ignores)


def _walk_folder(folder: Path, settings: Settings, ignores: list[tuple[Path, GitIgnoreSpec]]) -> Iterator[Path]:
    if settings.respect_gitignore and (own := _gitignore(folder)):
        ignores = [*ignores, own]
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise FileError(f"{folder}: {error.strerror}") from error
    for entry in entries:
        is_folder = entry.is_dir()
        if settings.matches(Path(entry.name), settings.excluded) or settings.matches(entry, settings.excluded):
            continue
        if _is_ignored(entry, is_folder, ignores):
            continue
        if is_folder and not entry.is_symlink():  # a link to a folder may lead out of the tree, or round in it
            yield from _walk_folder(entry, settings, ignores)
        elif entry.suffix == ".py" and entry.is_file():
            yield entry


def _gitignores_above(root: Path) -> Iterator[tuple[Path, GitIgnoreSpec]]:
    """The .gitignore files between the repository's top and `root`, outermost first."""
    absolute = root.absolute()
    top = next((p for p in [absolute, *absolute.parents] if (p / ".git").exists()), None)
    if top is not None:
        for folder in reversed([p for p in absolute.parents if p.is_relative_to(top)]):
            if own := _gitignore(folder):
                yield own


def _gitignore(folder: Path) -> tuple[Path, GitIgnoreSpec] | None:
    file = folder / ".gitignore"
    if not file.is_file():
        return None
    from pathspec import GitIgnoreSpec

    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return folder.absolute(), GitIgnoreSpec.from_lines(lines)


def _is_ignored(entry: Path, is_folder: bool, ignores: list[tuple[Path, GitIgnoreSpec]]) -> bool:
    """git's rule: the innermost file that speaks of the entry decides."""
    absolute = entry.absolute()
    for folder, spec in reversed(ignores):
        relative = absolute.relative_to(folder).as_posix() + ("/" if is_folder else "")
        verdict = spec.check_file(relative).include
        if verdict is not None:
            return bool(verdict)
    return False


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error


def write_atomically(path: Path, before: bytes, after: bytes) -> None:
    """Puts `after` in the place of `before`: whole or not at all, on the file that links lead to, with its mode.

    Raises FileError when the file no longer holds `before`, or cannot be written.
    """
    target = path.resolve()
    try:
        if target.read_bytes() != before:
            raise FileError(f"{path}: changed since it was read; run again")
        status = target.stat()
        if not os.access(target, os.W_OK):
            raise FileError(f"{path}: cannot be written: it is read-only")
        if status.st_nlink > 1:
            _write_in_place(target, before, after)
        else:
            _replace(target, after, stat.S_IMODE(status.st_mode))
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror}") from error


def _replace(target: Path, after: bytes, mode: int) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _write_in_place(target: Path, before: bytes, after: bytes) -> None:
    """A file with several hard links keeps them; whatever goes wrong, the old content comes back."""
    with target.open("r+b") as file:
        try:
            _overwrite(file.fileno(), after)
        except BaseException:
            _overwrite(file.fileno(), before)
            raise


def _overwrite(descriptor: int, content: bytes) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.ftruncate(descriptor, len(content))
    os.fsync(descriptor)
