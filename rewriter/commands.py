"""What the commands do: settings, files, run, report."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rewriter.cli import ERROR, FOUND, OK
from rewriter.files import FileError, find
from rewriter.results import FileResult
from rewriter.run import Job, run, write
from rewriter.settings import Settings, SettingsError, load

STDIN = Path("-")


def process(arguments: argparse.Namespace) -> int:
    """`check` and `fix`."""
    try:
        settings = _settings(arguments)
        if STDIN in arguments.paths:
            return _stdin(arguments, settings)
        _refuse_foreign_runtime(arguments.paths, settings)
        files = find(arguments.paths, settings)
        results = _results(arguments, settings, files)
        if arguments.command == "fix" and arguments.out_dir is not None:
            _copy(results, arguments.paths, arguments.out_dir)
    except (SettingsError, FileError) as error:
        return complain(str(error))
    _report(arguments, results)
    return _exit_code(arguments, results)


def complain(message: str) -> int:
    print(f"rewriter: error: {message}", file=sys.stderr)
    return ERROR


def _settings(arguments: argparse.Namespace) -> Settings:
    paths = [p for p in arguments.paths if p != STDIN] or [arguments.stdin_filename or Path()]
    settings = load(arguments.config, arguments.isolated, paths)
    given = {name: getattr(arguments, name) for name in ("select", "ignore", "unsafe_fixes")}
    return replace(settings, **{name: value for name, value in given.items() if value is not None})


def _refuse_foreign_runtime(paths: Sequence[Path], settings: Settings) -> None:
    """Emitted code imports `runtime`; a project with a top-level module of that name would get its own instead."""
    from rewriter.facts.project import import_root

    if settings.runtime_import != Settings.runtime_import:
        return
    for root in sorted({import_root(path.absolute()) for path in paths}):
        for candidate in (root / "runtime.py", root / "runtime" / "__init__.py"):
            if candidate.is_file() and not (root / "runtime" / "modules" / "eltwise.py").is_file():
                raise SettingsError(
                    f"{candidate} would be imported in place of the package that rewritten code needs: make that "
                    'package available under another name and set runtime-import = "<its name>" in [tool.rewriter]'
                )


def _results(arguments: argparse.Namespace, settings: Settings, files: list[Path]) -> list[FileResult]:
    writes = arguments.command == "fix" and not arguments.diff and arguments.out_dir is None
    progress = sys.stderr.isatty() and not arguments.quiet
    results = []
    # Every file is read before the first is written, so that all are judged by what the others were.
    for count, result in enumerate(run(files, Job(tuple(arguments.paths), settings), arguments.jobs), 1):
        results.append(result)
        if progress:
            print(f"\r{count}/{len(files)} files", end="\033[K\r", file=sys.stderr, flush=True)
    if progress:
        print(end="\033[K", file=sys.stderr)
    return [write(result) for result in results] if writes else results


def _copy(results: list[FileResult], roots: Sequence[Path], target: Path) -> None:
    """The files under `target`, changed or not, with the places that they have under the given paths."""
    for result in results:
        root = next((r for r in roots if r.is_dir() and result.path.is_relative_to(r)), result.path.parent)
        destination = target / result.path.relative_to(root)
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.write_bytes(result.after)
        except OSError as error:
            raise FileError(f"{destination}: cannot be written: {error.strerror}") from error


def _stdin(arguments: argparse.Namespace, settings: Settings) -> int:
    """Source on stdin; `fix` gives the new source on stdout, `check` a report."""
    from rewriter.engine import rewrite

    if len(arguments.paths) > 1:
        return complain("- stands for stdin and cannot be mixed with other paths")
    name = arguments.stdin_filename or Path("stdin.py")
    result = rewrite(sys.stdin.buffer.read(), name, settings)
    if arguments.command == "fix" and not arguments.diff:
        sys.stdout.buffer.write(result.after)
        if result.failure is not None:
            complain(f"{name}: {result.failure.kind}: {result.failure.message}")
    else:
        _report(arguments, [result])
    return _exit_code(arguments, [result])


def _exit_code(arguments: argparse.Namespace, results: Sequence[FileResult]) -> int:
    if any(result.failure is not None for result in results):
        return ERROR
    would_change = any(result.changed for result in results)
    return FOUND if arguments.command == "check" and would_change and not arguments.exit_zero else OK


def _report(arguments: argparse.Namespace, results: list[FileResult]) -> None:
    content = _content(arguments, results)
    if arguments.output is not None:
        arguments.output.write_bytes(content)
    elif content:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _content(arguments: argparse.Namespace, results: list[FileResult]) -> bytes:
    from rewriter.report import text

    if arguments.command == "fix" and arguments.diff:
        from rewriter.report.diff import patch

        for result in results:
            if result.failure is not None:
                complain(f"{result.path}: {result.failure.kind}: {result.failure.message}")
        return patch(results)
    if arguments.quiet and arguments.format == "text":
        results = [result for result in results if result.failure is not None]
        if not results:
            return b""
    if arguments.format == "json":
        from rewriter.report.as_json import dumps

        report = [dumps(results)]
    elif arguments.format == "sarif":
        from rewriter.report import sarif

        report = [sarif.dumps(results)]
    elif arguments.format == "github":
        from rewriter.report import github

        report = list(github.lines(results))
    else:
        style = text.Style(_wants_color(arguments))
        report = list(text.lines(results, style, arguments.verbose, arguments.command == "fix"))
        if arguments.statistics:
            report += list(text.statistics(results))
    return "".join(f"{line}\n" for line in report).encode("utf-8", "surrogateescape")


def _wants_color(arguments: argparse.Namespace) -> bool:
    if arguments.color != "auto":
        return bool(arguments.color == "always")
    return arguments.output is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def explain(code: str | None, form: str) -> int:
    """`rule`: one explanation, or the list of all."""
    import json

    from rewriter.rules.listing import ALL, RULES

    chosen = [rule for rule in ALL if code is None or rule.code == code.upper()]
    if not chosen:
        near = ", ".join(rule.code for rule in ALL if code and rule.code[:3] == code.upper()[:3])
        return complain(f"there is no rule {code!r}{f'; near it: {near}' if near else ''}. `rewriter rule` lists all")
    if form == "json":
        print(json.dumps([{"code": r.code, "name": r.name, "explanation": r.explanation} for r in chosen], indent=2))
    elif code is None:
        for rule in chosen:
            kind = "" if rule in RULES else "left: "
            print(f"{rule.code}  {rule.name:26}  {kind}{rule.summary}")
    else:
        print(f"# {chosen[0].code}: {chosen[0].name}\n\n{chosen[0].explanation}")
    return OK
