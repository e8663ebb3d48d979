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

from rewriter.console import OK, complain
from rewriter.importer.hook import RewriteError, Rewriting, rewriting
from rewriter.settings import Settings, SettingsError


def run(arguments: argparse.Namespace, of_program: list[str]) -> int:
    from rewriter.commands import chosen_settings

    target: str = arguments.target
    try:
        settings = chosen_settings(arguments, [Path()])
        if not arguments.module and not Path(target).is_file():
            return complain(f"{target}: no such file; expected a Python script, or -m and a module's name")
        sys.argv = [target, *of_program]
        _start_path_at(Path.cwd() if arguments.module else Path(target).resolve().parent)
        with rewriting(*arguments.rewrite, settings=settings) as library:
            try:
                _execute(target, arguments.module)
            finally:
                if arguments.verbose:
                    _report(library, settings)
    except (SettingsError, RewriteError) as error:
        return complain(str(error))
    return OK


def _start_path_at(folder: Path) -> None:
    """Python puts a program's folder first on its path, unless told not to; for this program it did so already."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = str(folder)


def _execute(target: str, is_module: bool) -> None:
    try:
        if is_module:
            runpy.run_module(target, run_name="__main__", alter_sys=True)
        else:
            _run_file(target)
    except Exception as error:
        error.__traceback__ = _without_ours(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        raise SystemExit(1) from None


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
    from rewriter.report.form import Form
    from rewriter.report.render import render

    form = Form("text", written=True, unsafe_fixes=settings.unsafe_fixes, verbose=True)
    print(render(list(library.results.values()), form).decode(errors="replace"), end="", file=sys.stderr)
