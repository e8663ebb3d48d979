"""`rewriter run`: a program as Python would run it, but for what it imports."""

from __future__ import annotations

import argparse
import builtins
import io
import runpy
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType

from rewriter.importer.hook import RewriteError, Rewriting, rewriting
from rewriter.settings import Settings, SettingsError


def run(arguments: argparse.Namespace) -> int:
    from rewriter.commands import chosen_settings, complain

    try:
        packages, rest = _packages(arguments.rewrite, arguments.arguments)
        settings = chosen_settings(arguments, [Path()])
        if not arguments.module and not Path(arguments.target).is_file():
            return complain(f"{arguments.target}: no such file; expected a Python script, or -m and a module's name")
        sys.argv = [arguments.target, *rest]
        _start_path_at(Path.cwd() if arguments.module else Path(arguments.target).resolve().parent)
        with rewriting(*packages, settings=settings) as library:
            try:
                return _execute(arguments.target, arguments.module)
            finally:
                if arguments.verbose:
                    _report(library, settings)
    except (SettingsError, RewriteError) as error:
        return complain(str(error))


def _packages(given: list[str], rest: list[str]) -> tuple[list[str], list[str]]:
    """`--rewrite` may stand right behind the script, too; what follows is the script's own."""
    packages, rest = list(given), list(rest)
    while rest and rest[0].partition("=")[0] == "--rewrite":
        option, equals, value = rest.pop(0).partition("=")
        if not equals and not rest:
            raise SettingsError(f"{option} expects the name of a package")
        packages.append(value if equals else rest.pop(0))
    if not packages:
        raise SettingsError("--rewrite PACKAGE is missing: which packages should be rewritten?")
    return packages, rest[1:] if rest[:1] == ["--"] else rest


def _start_path_at(folder: Path) -> None:
    """Python puts a program's folder first on its path, unless told not to; for this program it did so already."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = str(folder)


def _execute(target: str, is_module: bool) -> int:
    try:
        if is_module:
            runpy.run_module(target, run_name="__main__", alter_sys=True)
        else:
            _run_file(target)
    except Exception as error:
        error.__traceback__ = _without_ours(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _run_file(script: str) -> None:
    """Runs a script in a `__main__` that stays, so that what it leaves behind still finds its names."""
    script = str(Path(script).absolute())
    main = ModuleType("__main__")
    loader = SourceFileLoader("__main__", script)
    vars(main).update(__file__=script, __builtins__=builtins, __loader__=loader, __spec__=None, __cached__=None)
    sys.modules["__main__"] = main
    with io.open_code(script) as file:
        source = file.read()
    exec(compile(source, script, "exec", dont_inherit=True), vars(main))


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    own = str(Path(__file__).parent)
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(own):
        trace = trace.tb_next
    return trace


def _report(library: Rewriting, settings: Settings) -> None:
    from rewriter.report.form import Form, render

    form = Form("text", written=True, unsafe_fixes=settings.unsafe_fixes, verbose=True)
    print(render(list(library.results.values()), form).decode(errors="replace"), end="", file=sys.stderr)
