"""Finding, reading and writing files."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rewriter.atomic import replacing
from rewriter.settings import Settings

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


NOTEBOOK = ".ipynb"


class FileError(Exception):
    """A file that cannot be found, read or written; the message says which and why."""


def find(paths: Sequence[Path], settings: Settings, force_exclude: bool = False) -> list[Path]:
    """The Python files meant by `paths`, sorted, each once: folders by their contents, named files always.

    With `force_exclude`, what is excluded is left out even where it is named, for callers that name every file.
    A folder that cannot be listed is among them, so that reading it says so and the others are still done.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if force_exclude and settings.excludes_named(path):
            continue
        for candidate, real in _meant_by(path, settings):
            if real not in found or found[real].is_symlink():
                found[real] = candidate
    return sorted(found.values(), key=lambda path: path.parts)


def _meant_by(path: Path, settings: Settings) -> Iterable[tuple[Path, Path]]:
    """Each file as it was given, and its real place."""
    try:
        mode = _mode(path)
    except OSError as error:  # no permission above it, or a name that is too long
        raise FileError(f"{path}: cannot be found: {error.strerror}") from error
    if mode is None:
        raise FileError(f"{path}: no such file or folder")
    return _walk(path, settings) if stat.S_ISDIR(mode) else [(path, path.resolve())]


def _mode(path: Path) -> int | None:
    """None where there is nothing. OSError where nobody may look: Path.exists no longer raises it in Python 3.14."""
    try:
        return path.stat().st_mode
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP):
            return None
        raise
    except ValueError:  # a name with a null byte
        return None


def _walk(root: Path, settings: Settings) -> Iterator[tuple[Path, Path]]:
    # Patterns and .gitignore files speak of real places; the caller is shown the path as it was given.
    real = root.resolve()
    ignores = list(_gitignores_above(real)) if settings.respect_gitignore else []
    walk = _Walk(settings.respect_gitignore, settings.excluding())
    yield from walk.below(root, real, ignores)


@dataclass(frozen=True)
class _Walk:
    respect_gitignore: bool
    excludes: Callable[[Path], bool]

    def below(
        self, shown: Path, folder: Path, ignores: list[tuple[Path, GitIgnoreSpec]]
    ) -> Iterator[tuple[Path, Path]]:
        try:
            if self.respect_gitignore and (own := _gitignore(folder)):
                ignores = [*ignores, own]
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            yield shown, folder
            return
        for entry in entries:
            real = folder / entry.name
            try:
                is_folder = entry.is_dir()
                is_link = entry.is_symlink()
            except OSError:  # the folder may be listed, and nothing in it looked at
                yield shown / entry.name, real
                continue
            if self.excludes(real) or _is_ignored(real, is_folder, ignores):
                continue
            if is_folder and not is_link:  # a link to a folder may lead out of the tree, or round in it
                yield from self.below(shown / entry.name, real, ignores)
            elif real.suffix in (".py", NOTEBOOK) and entry.is_file():
                yield shown / entry.name, real.resolve() if is_link else real


def _gitignores_above(root: Path) -> Iterator[tuple[Path, GitIgnoreSpec]]:
    """The .gitignore files between the repository's top and `root`, outermost first."""
    top = next((p for p in [root, *root.parents] if (p / ".git").exists()), None)
    if top is not None:
        for folder in reversed([p for p in root.parents if p.is_relative_to(top)]):
            if own := _gitignore(folder):
                yield own


def _gitignore(folder: Path) -> tuple[Path, GitIgnoreSpec] | None:
    file = folder / ".gitignore"
    mode = _mode(file)
    if mode is None or not stat.S_ISREG(mode):
        return None
    from pathspec import GitIgnoreSpec

    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return folder, GitIgnoreSpec.from_lines(lines)


def _is_ignored(entry: Path, is_folder: bool, ignores: list[tuple[Path, GitIgnoreSpec]]) -> bool:
    """git's rule: the innermost file that speaks of the entry decides."""
    for folder, spec in reversed(ignores):
        relative = entry.relative_to(folder).as_posix() + ("/" if is_folder else "")
        verdict = spec.check_file(relative).include
        if verdict is not None:
            return bool(verdict)
    return False


def read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise FileError(f"{path}: this folder may not be listed")
        if path.exists() and not path.is_file():
            raise FileError(f"{path}: cannot be read: it is not a regular file")
        return path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error


def write_atomically(path: Path, before: bytes, after: bytes) -> None:
    """Puts `after` in the place of `before`: whole or not at all, on the file that links lead to, with its mode.

    Raises FileError when the file no longer holds `before`, or cannot be written.
    """
    target = path.resolve()
    try:
        _refuse_changed(target, before)
        status = target.stat()
        if not os.access(target, os.W_OK):
            raise FileError(f"{path}: cannot be written: it is read-only")
        if status.st_nlink > 1:
            _write_in_place(target, before, after)
        else:
            _replace(target, before, after, status)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror}") from error


def _refuse_changed(target: Path, before: bytes) -> None:
    if target.read_bytes() != before:
        raise FileError(f"{target}: changed since it was read; run again")


def _replace(target: Path, before: bytes, after: bytes, status: os.stat_result) -> None:
    with replacing(target, stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid)) as file:
        file.write(after)
        file.flush()
        os.fsync(file.fileno())
        _refuse_changed(target, before)  # syncing takes long enough for an editor to save


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


def put(path: Path, content: bytes, mode_of: Path | None = None) -> None:
    """Makes or replaces a file, and the folders above it: whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = None if mode_of is None else stat.S_IMODE(mode_of.stat().st_mode)
        with replacing(path, mode) as file:
            file.write(content)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror}") from error


def temporary_folder(owner: object) -> Path:
    """A new folder that goes with its owner, or when this process ends; not when one that was forked from it does."""
    folder = Path(tempfile.mkdtemp(prefix="rewriter-")).resolve()
    weakref.finalize(owner, _remove_tree, folder, os.getpid())
    return folder


def _remove_tree(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
