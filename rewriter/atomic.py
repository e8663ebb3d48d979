"""A file that is put in the place of another whole or not at all; nothing of it stays when this process is killed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(target: Path, mode: int | None = None, owner: tuple[int, int] | None = None) -> Iterator[BinaryIO]:
    """What to write the new content into; it stands in the place of `target` once the block has ended well."""
    with _without_name(target.parent) or _with_name(target) as file:
        yield file
        file.flush()
        descriptor = file.fileno()
        name = _named(descriptor, target) if isinstance(file.name, int) else Path(file.name)
        with _removed_on_failure(name):
            if owner is not None and hasattr(os, "chown"):
                with contextlib.suppress(PermissionError):  # only root may leave a file to its owner
                    os.chown(name, *owner)
            if mode is not None:
                name.chmod(mode)
            if os.name == "nt":  # where an open file cannot be moved
                file.close()
            name.replace(target)


def _without_name(folder: Path) -> BinaryIO | None:
    """A file that is gone with this process as long as nobody has given it a name; None where there are no such."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb")
    except OSError:  # not on this file system; or not in this folder, which is said by whoever tries it by name
        return None


def _named(descriptor: int, target: Path) -> Path:
    """A name cannot be taken from another file at once: the new file has one of its own for that moment."""
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in (f".{target.name}.{os.getpid()}.{count}" for count in range(tempfile.TMP_MAX)):
            with contextlib.suppress(FileExistsError):
                os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=folder, follow_symlinks=True)
                return target.parent / name
    finally:
        os.close(folder)
    raise FileExistsError(f"{target.parent}: no free name for a new file")


@contextlib.contextmanager
def _with_name(target: Path) -> Iterator[BinaryIO]:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    with _removed_on_failure(Path(name)), open(name, "wb") as file:  # noqa: PTH123
        os.close(descriptor)
        yield file


@contextlib.contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
