"""Where results go: into the files that they are of, or under a folder of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rewriter.files import FileError, put, write_atomically
from rewriter.results import Failure, FileResult


def in_place(results: Sequence[FileResult]) -> list[FileResult]:
    """Puts every changed file in its place."""
    return _each(results, lambda result: result.path, _replace)


def places_under(folder: Path, files: Sequence[Path], given: Sequence[Path]) -> dict[Path, Path]:
    """Where the files go under a folder: to the places that they have below the paths given.

    What lies in the folder already comes from an earlier run, if the folder is inside of what was given.
    """
    top = _common_folder(given)
    if (out := folder.resolve()) != top.resolve() and out.is_relative_to(top.resolve()):
        files = [file for file in files if file in given or not file.resolve().is_relative_to(out)]
    places = {file: folder / _plain(file).relative_to(top) for file in files}
    for file, place in places.items():
        if place.resolve() == file.resolve():
            raise FileError(f"--out-dir {folder} would write {file} over itself; to write in place, leave it out")
    return places


def under(places: Mapping[Path, Path], results: Sequence[FileResult]) -> list[FileResult]:
    """Writes the files, changed or not, to their places; of a file that could not be read nothing is known."""

    def copy(result: FileResult) -> None:
        if result.failure is None or result.failure.kind != "unreadable":
            put(places[result.path], result.after, mode_of=result.path)

    return _each(results, lambda result: places[result.path], copy)


def _replace(result: FileResult) -> None:
    if result.changed:
        write_atomically(result.path, result.before, result.after)


def _each(
    results: Sequence[FileResult], target: Callable[[FileResult], Path], write: Callable[[FileResult], None]
) -> list[FileResult]:
    """What cannot be written becomes a failure; an interruption says which files were."""
    written = []
    try:
        for result in results:
            written.append(_write(result, write))
    except KeyboardInterrupt as interruption:
        done = [str(target(result)) for result in results if result.changed and _holds(target(result), result.after)]
        raise KeyboardInterrupt(
            f"written before: {', '.join(done)}" if done else "nothing was written"
        ) from interruption
    return written


def _write(result: FileResult, write: Callable[[FileResult], None]) -> FileResult:
    try:
        write(result)
    except FileError as error:
        failure = Failure("unwritable", str(error))
        return replace(result, after=result.before, findings=(), refusals=(), suppressed=(), failure=failure)
    return result


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _common_folder(given: Sequence[Path]) -> Path:
    """The folder that was given, or the deepest one that holds all that was."""
    folders = [path if path.is_dir() else path.parent for path in given]
    return Path(os.path.commonpath([_plain(folder) for folder in folders]))


def _plain(path: Path) -> Path:
    """From the root, without `..`; links stay, since they are what the path was given through."""
    return Path(os.path.normpath(path.absolute()))
