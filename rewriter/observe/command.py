"""What is open, a program that runs, and the evidence that it leaves."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rewriter.commands import chosen_settings, found, refuse_output_without_folder
from rewriter.console import OutputError, complain, warn
from rewriter.evidence import Evidence, EvidenceError, Observed, written
from rewriter.files import FileError, put
from rewriter.observe.program import end_like, run_program
from rewriter.report.summary import plural
from rewriter.results import FileResult, Span
from rewriter.run import run
from rewriter.selection import digest
from rewriter.settings import Settings, SettingsError
from rewriter.work import Job

_HERE = Path(__file__).parent
Sight = tuple[Path, Span, str, int, tuple[int, ...] | None]
"""A file, an expression, a kind, how often it was seen, and the shape of a tensor."""


def observe(arguments: argparse.Namespace, program: Sequence[str]) -> int:
    """`observe`. It ends as the program does."""
    try:
        if not program:
            raise SettingsError("say which program to run, behind --, as in: rewriter observe -- python train.py")
        refuse_output_without_folder(arguments.output)
        known = _known(arguments.output)
        settings = chosen_settings(arguments, arguments.paths)
        plan = dict(_open_places(arguments, settings))
        with tempfile.TemporaryDirectory(prefix="rewriter-") as folder:
            code = _run(program, plan, Path(folder))
            seen = list(_seen(plan, Path(folder)))
    except (SettingsError, FileError, EvidenceError) as error:
        return complain(str(error))
    files = _together(known, plan, seen)
    try:
        if seen:
            put(arguments.output, written(files, arguments.output.parent))
    except (FileError, OutputError) as error:
        return complain(f"the evidence is lost: {error}") if code == 0 else end_like(code)
    if not arguments.quiet:
        _say(plan, files, arguments.output if seen else None)
    return end_like(code)


def _known(file: Path) -> Evidence:
    """The evidence that is there already, to which more is added."""
    return Evidence.read(file) if file.exists() else Evidence(file)


def _open_places(arguments: argparse.Namespace, settings: Settings) -> Iterator[tuple[Path, FileResult]]:
    """The files in which something is open, with what `check` says of them."""
    job = Job(tuple(arguments.paths), settings, "rewriter.engine:judge")
    for result in run(found(arguments, settings), job, arguments.jobs):
        if result.open:
            yield result.path.resolve(), result


def _run(program: Sequence[str], plan: Mapping[Path, FileResult], folder: Path) -> int:
    document = {"files": {str(path): _planned(result) for path, result in plan.items()}}
    (folder / "plan.json").write_text(json.dumps(document), encoding="utf-8", errors="surrogateescape")
    paths = [str(_HERE / "start"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "REWRITER_OBSERVE": str(folder)}
    return run_program(program, environment)


def _planned(result: FileResult) -> dict[str, Any]:
    places = [[s.line, s.column, s.end_line, s.end_column] for s in result.open]
    return {"sha256": digest(result.before), "places": places}


def _seen(plan: Mapping[Path, FileResult], folder: Path) -> Iterator[Sight]:
    """What each process has written: of a place, a kind and a shape, the last line has the highest count."""
    places = [(path, span) for path, result in plan.items() for span in result.open]
    for file in sorted(folder.glob("*.jsonl")):
        counts: dict[tuple[int, str, tuple[int, ...] | None], int] = {}
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                place, kind, shape, count = json.loads(line)
            except ValueError:  # the process ended while it wrote
                continue
            counts[place, kind, None if shape is None else tuple(shape)] = count
        for (place, kind, shape), count in counts.items():
            yield *places[place], kind, count, shape


def _together(known: Evidence, plan: Mapping[Path, FileResult], seen: Sequence[Sight]) -> dict[Path, Observed]:
    """What was known of texts that are still the same, with what was seen now."""
    files = dict(known.files)
    for path, span, kind, count, shape in seen:
        sha256 = digest(plan[path].before)
        if path not in files or files[path].sha256 != sha256:
            files[path] = Observed(sha256)
        files[path].add(span, kind, count, [] if shape is None else [shape])
    return files


def _say(plan: Mapping[Path, FileResult], files: Mapping[Path, Observed], output: Path | None) -> None:
    """On stderr, behind all that the program has said."""
    total = sum(len(set(result.open)) for result in plan.values())
    reached = sum(len(files[path].places) for path in plan if path in files)
    if total and not reached:
        warn(
            "nothing was observed: no process of the program came to the places that the source leaves open, or all "
            "of them were started with -I, -E or -S, which keeps the recorder out"
        )
    written = f"; evidence in {output}" if output else ", and no evidence was written"
    print(f"{reached} of {plural(total, 'open expression')} observed{written}", file=sys.stderr)
