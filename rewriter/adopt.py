"""`rewriter baseline`: takes note of everything that is there now."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rewriter.baseline import Known, known
from rewriter.commands import chosen_settings, examined, found, put, refuse_output_without_folder
from rewriter.console import ERROR, OK, complain, say_failures
from rewriter.files import NOTEBOOK, FileError
from rewriter.python.source import Source, SourceError
from rewriter.report.summary import is_unused_suppression
from rewriter.results import FileResult
from rewriter.settings import SettingsError


def note(arguments: argparse.Namespace) -> int:
    """`baseline`."""
    try:
        refuse_output_without_folder(arguments.output)
        settings = chosen_settings(arguments, arguments.paths)
        results = examined(arguments, found(arguments, settings), settings)
    except (SettingsError, FileError) as error:
        return complain(str(error))
    put(baseline(results, arguments.output.parent), arguments.output)
    say_failures(results)
    return ERROR if any(result.failure for result in results) else OK


def baseline(results: Iterable[FileResult], folder: Path) -> bytes:
    """The baseline of everything that the results hold, with paths from the folder that it goes to."""
    files: dict[str, Any] = {}
    for result in results:
        nested: dict[str, dict[str, set[str]]] = {}
        for scope, code, line in _all(result):
            nested.setdefault(scope, {}).setdefault(code, set()).add(line)
        if nested:
            path = _relative(result.path.resolve(), folder.resolve())
            files[path] = {s: {c: sorted(lines) for c, lines in codes.items()} for s, codes in nested.items()}
    return (json.dumps({"version": 1, "files": files}, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode(
        "utf-8", "surrogateescape"
    )


def _all(result: FileResult) -> Iterator[Known]:
    if result.path.suffix == NOTEBOOK:
        return  # its cells move about
    try:
        source = Source.parse(result.before)
    except SourceError:
        return
    for item in result.items:
        if not is_unused_suppression(item):
            yield known(source, item.code, item.span)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
