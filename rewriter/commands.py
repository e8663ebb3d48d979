"""What `check` and `fix` do: settings, files, run, write, report."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rewriter.baseline import Baseline, BaselineError
from rewriter.console import ERROR, FOUND, OK, OutputError, complain, put_on_stdout, say_failures, warn
from rewriter.evidence import Evidence, EvidenceError, say_stale
from rewriter.files import NOTEBOOK, FileError, find
from rewriter.report.form import WITH_EDITS, Form
from rewriter.report.render import render
from rewriter.report.summary import Summary
from rewriter.report.text import closing
from rewriter.results import FileResult
from rewriter.run import Workers, run
from rewriter.selection import Selection, SelectionError
from rewriter.settings import PLAIN, TORCH_AO, Settings, SettingsError, load, shown
from rewriter.verify.errors import Differs, VerifyError
from rewriter.work import Job, engine_of

STDIN = Path("-")
_ON_THE_COMMAND_LINE = ("select", "ignore", "unsafe_fixes", "source", "target", "fallback", "entry")


def process(arguments: argparse.Namespace) -> int:
    """`check` and `fix`."""
    try:
        _refuse_senseless(arguments)
        settings = chosen_settings(arguments, arguments.paths)
        if arguments.show_settings:
            put_on_stdout(shown(settings).encode())
            return OK
        baseline = Baseline.read(arguments.baseline) if arguments.baseline else None
        settings = _with_selection(arguments, replace(settings, baseline=baseline))
        results = _of_stdin(arguments, settings) if STDIN in arguments.paths else _of_files(arguments, settings)
        summary = Summary.of(results, settings.unsafe_fixes)
        _report(arguments, results, settings)
        if arguments.command == "check" and arguments.add_ignores:
            from rewriter.ignores import add_ignores

            return add_ignores(results)
    except (SettingsError, FileError, SelectionError, BaselineError, EvidenceError, VerifyError) as error:
        return complain(str(error))
    except Differs as error:
        warn(str(error))
        return FOUND
    say_stale(settings.evidence, results)
    if arguments.command == "fix" and arguments.selection is not None and settings.selection is not None:
        for path, code, span in settings.selection.missing(results):
            why = "it needs a finding that was not selected, or the paths and settings that the review was made with"
            warn(f"{path}:{span.line}:{span.column + 1}: {code} was selected and not applied: {why}")
    if settings.baseline is not None and (stale := settings.baseline.stale(results)):
        warn(f"{stale} of the baseline's entries found nothing; `rewriter baseline` writes it anew")
    if summary.failed:
        return ERROR
    if arguments.command == "fix":
        return FOUND if summary.changed and arguments.exit_non_zero_on_fix else OK
    return FOUND if (summary.changed or summary.unused) and not arguments.exit_zero else OK


def _refuse_senseless(arguments: argparse.Namespace) -> None:
    if STDIN in arguments.paths and len(arguments.paths) > 1:
        raise SettingsError("- stands for stdin and cannot be mixed with other paths")
    if STDIN not in arguments.paths and arguments.stdin_filename is not None:
        raise SettingsError("--stdin-filename says what the file on stdin is called; give - as the path")
    if STDIN in arguments.paths and arguments.command == "fix" and (arguments.selection or arguments.interactive):
        raise SettingsError("--selection and --interactive are for files; - stands for stdin")
    if STDIN in arguments.paths and arguments.command == "fix" and arguments.verify:
        raise SettingsError("--verify is for files; what comes on stdin cannot be imported")
    if STDIN in arguments.paths and _out_dir(arguments) is not None:
        raise SettingsError("--out-dir is for files; what comes on stdin goes to stdout")
    if STDIN in arguments.paths and arguments.command == "check" and arguments.add_ignores:
        raise SettingsError("--add-ignores is for files; - stands for stdin")
    if arguments.shard is not None and (
        STDIN in arguments.paths
        or (arguments.command == "fix" and (arguments.selection is not None or arguments.interactive))
    ):
        raise SettingsError("--shard divides all files; -, --selection and --interactive name what they are about")
    refuse_output_without_folder(arguments.output)


def refuse_output_without_folder(output: Path | None) -> None:
    """Before the work is done."""
    if output is not None and not output.parent.is_dir():
        raise SettingsError(f"--output {output}: there is no folder {output.parent}")


def _out_dir(arguments: argparse.Namespace) -> Path | None:
    folder: Path | None = arguments.out_dir if arguments.command == "fix" else None
    return folder


def chosen_settings(arguments: argparse.Namespace, paths: Sequence[Path]) -> Settings:
    """The settings that hold for the paths, with what the command line says instead."""
    if STDIN in paths:
        paths = [arguments.stdin_filename or Path()]
    settings = load(arguments.config, arguments.isolated, paths)
    given = {name: getattr(arguments, name, None) for name in _ON_THE_COMMAND_LINE}
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
    _refuse_unknown_codes(settings)
    if settings.entry and settings.target != TORCH_AO:
        raise SettingsError(f"--entry names a class that gets torch.ao's stubs: it needs --target {TORCH_AO}")
    evidence = getattr(arguments, "evidence", None)
    return replace(settings, evidence=Evidence.read(evidence) if evidence else None)


def _with_selection(arguments: argparse.Namespace, settings: Settings) -> Settings:
    """What was picked is applied, safe or not, and nothing else."""
    if arguments.command != "fix":
        return settings
    selection = None
    if arguments.selection is not None:
        selection = Selection.read(arguments.selection)
        arguments.paths = list(selection.paths) if arguments.paths == [Path()] else arguments.paths
    elif arguments.interactive:
        from rewriter.review.interactive import ask

        selection = ask(found(arguments, settings), arguments.paths, settings, _wants_color(arguments))
    return settings if selection is None else replace(settings, selection=selection, unsafe_fixes=True)


def _refuse_unknown_codes(settings: Settings) -> None:
    named = {"select": settings.select, "ignore": settings.ignore}
    named |= {f"per-file-ignores, {pattern!r}": codes for pattern, codes in settings.per_file_ignores.items()}
    if not any(named.values()):
        return
    from rewriter import rule_codes as codes

    for where, prefixes in named.items():
        if (wrong := codes.unknown(prefixes)) is not None:
            raise SettingsError(
                f"{where}: no code begins with {wrong!r}; near it: {codes.near(wrong)}. `rewriter rule` lists all"
            )


def _of_stdin(arguments: argparse.Namespace, settings: Settings) -> list[FileResult]:
    name = arguments.stdin_filename or Path("stdin.py")
    if sys.stdin is None:
        raise FileError("stdin is closed, and - stands for it")
    content = sys.stdin.buffer.read()
    if name.suffix == NOTEBOOK:
        from rewriter.notebook import judged

        return [judged(content, name, settings)]
    result = engine_of(_goal(arguments, settings))(content, name, settings, None)
    _refuse_unfit([result], settings)
    return [result]


def _goal(arguments: argparse.Namespace, settings: Settings) -> str:
    """The engine that finds out no more than is going to be used: some reports hold the edits."""
    if settings.target == PLAIN:
        return "rewriter.targets.plain:taken_back"
    counts = arguments.command in ("baseline", "coverage")
    if settings.target == TORCH_AO:
        return "rewriter.targets.torch_ao.written:written"
    judged = counts or (arguments.command == "check" and arguments.format not in WITH_EDITS)
    return f"rewriter.engine:{'judge' if judged else 'rewrite'}"


def found(arguments: argparse.Namespace, settings: Settings) -> list[Path]:
    files = find(arguments.paths, settings, arguments.force_exclude)
    if not files:
        warn("no Python files under the paths given")
    number, count = getattr(arguments, "shard", None) or (1, 1)
    return files[number - 1 :: count]


def examined(arguments: argparse.Namespace, files: list[Path], settings: Settings) -> list[FileResult]:
    """What there is to say of each file; nothing is written."""
    results = _with_progress(arguments, files, settings)
    _refuse_unfit(results, settings)
    return results


def _of_files(arguments: argparse.Namespace, settings: Settings) -> list[FileResult]:
    from rewriter import output

    folder = _out_dir(arguments)
    files = found(arguments, settings)
    places = output.places_under(folder, files, arguments.paths) if folder is not None else {}
    # Every file is read before the first is written, so that all are judged by what the others were.
    results = examined(arguments, list(places) if folder is not None else files, settings)
    if arguments.command == "fix" and arguments.verify:
        from rewriter.verify.writing import verify_before_writing

        verify_before_writing(arguments.verify, results)
    if arguments.command != "fix" or arguments.diff:
        return results
    if folder is not None:
        return _recorded(output.under(places, results), places, settings)
    return _recorded(output.in_place(results), {}, settings)


def _recorded(results: list[FileResult], places: Mapping[Path, Path], settings: Settings) -> list[FileResult]:
    """The results, for which there is a way back from now on."""
    if settings.target != PLAIN:
        from rewriter.targets.record import keep

        for result in results:
            if result.failure is None and result.changed:
                keep(result, places.get(result.path, result.path))
    return results


def _with_progress(arguments: argparse.Namespace, files: list[Path], settings: Settings) -> list[FileResult]:
    progress = sys.stderr.isatty() and not getattr(arguments, "quiet", False)
    results = []
    job = Job(tuple(arguments.paths), settings, _goal(arguments, settings))
    with _workers(arguments) as workers:
        for count, result in enumerate(_run(arguments)(files, job, workers), 1):
            results.append(result)
            if progress:
                print(f"\r{count}/{len(files)} files", end="\033[K\r", file=sys.stderr, flush=True)
    if progress:
        print(end="\033[K", file=sys.stderr)
    return results


def _workers(arguments: argparse.Namespace) -> contextlib.AbstractContextManager[Workers]:
    if arguments.executor is None:
        return contextlib.nullcontext(arguments.jobs)
    from rewriter.cluster import connected

    return connected(arguments.executor)


def _run(arguments: argparse.Namespace) -> Callable[[Sequence[Path], Job, Workers], Iterator[FileResult]]:
    if arguments.no_cache:
        return run
    from rewriter.cache.results import run_remembering

    return run_remembering


def _refuse_unfit(results: Sequence[FileResult], settings: Settings) -> None:
    """Before anything is written."""
    from rewriter import runtime_link as linking

    linking.refuse_foreign_runtime((result.path for result in results if result.changed), settings)
    if settings.entry:
        from rewriter.targets.torch_ao.entry import refuse_unknown_entries

        refuse_unknown_entries(results, settings.entry)


def _report(arguments: argparse.Namespace, results: list[FileResult], settings: Settings) -> None:
    form = Form(
        "diff" if arguments.command == "fix" and arguments.diff else arguments.format,
        written=arguments.command == "fix",
        unsafe_fixes=settings.unsafe_fixes,
        quiet=arguments.quiet,
        verbose=arguments.verbose,
        statistics=arguments.statistics,
        color=_wants_color(arguments),
    )
    if STDIN in arguments.paths and form.written and form.name != "diff":
        put_on_stdout(results[0].after)
        say_failures(results)
        if arguments.output is None:
            return
    content = render(results, form)
    if form.name == "diff":
        say_failures(results)
        if not form.quiet:
            print(closing(Summary.of(results, form.unsafe_fixes), written=False), file=sys.stderr)
    put(content, arguments.output)


def put(content: bytes, output: Path | None) -> None:
    """Into the file, or on stdout."""
    if output is None:
        put_on_stdout(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise OutputError(f"--output {output}: cannot be written: {error.strerror}") from error


def _wants_color(arguments: argparse.Namespace) -> bool:
    if arguments.color != "auto":
        return bool(arguments.color == "always")
    if arguments.output is not None or sys.stdout is None:
        return False
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
