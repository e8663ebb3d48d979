"""The command line: arguments in, an exit code out."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rewriter import __version__
from rewriter.arguments import apart, cluster, codes, positive, shard
from rewriter.console import INTERRUPTED, OK, OutputError, close_stdout, complain, occupy_closed_streams, put_on_stdout
from rewriter.settings import LIBRARIES, TARGETS

_EXIT_CODES = """\
Exit codes: 0 nothing to do, or all written; 1 check found something that fix would change, or a suppression without
use, or verify a difference; 2 wrong usage, or a file failed (the others are still done)."""


def main(argv: Sequence[str] | None = None) -> int:
    own, of_program = apart(list(sys.argv[1:] if argv is None else argv))
    occupy_closed_streams()
    arguments = parser().parse_args(own)
    if arguments.command == "run":  # exit codes, signals and pipes are the business of the program that it runs
        from rewriter.importer.script import run

        return run(arguments, of_program)
    try:
        if arguments.command == "observe":
            from rewriter.observe.command import observe

            return observe(arguments, of_program)
        return _dispatch(arguments)
    except KeyboardInterrupt as interruption:
        print(f"rewriter: interrupted; {str(interruption) or 'nothing was written'}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        close_stdout()
        return OK
    except OutputError as error:
        return complain(str(error))
    except Exception:  # else Python would exit with 1, which means that something was found
        traceback.print_exc()
        return complain("this is a fault of rewriter; please report it with the lines above")


def _dispatch(arguments: argparse.Namespace) -> int:
    if arguments.command == "report":
        from rewriter.review.command import report

        return report(arguments)
    if arguments.command == "verify":
        from rewriter.verify.command import verify

        return verify(arguments)
    if arguments.command == "lsp":
        return _serve()
    if arguments.command == "rule":
        from rewriter.explain import explain

        return explain(arguments.code, arguments.format, arguments.all)
    if arguments.command == "completion":
        from rewriter.completion import script

        put_on_stdout(script(parser(), arguments.shell).encode())
        return OK
    if arguments.command == "clean":
        from rewriter.cache.results import clean

        clean()
        return OK
    if arguments.command == "vendor":
        from rewriter.vendor import vendor

        return vendor(arguments)
    if arguments.command == "baseline":
        from rewriter.adopt import note

        return note(arguments)
    if arguments.command == "coverage":
        from rewriter.coverage import cover

        return cover(arguments)
    from rewriter.commands import process

    return process(arguments)


def _serve() -> int:
    try:
        from rewriter.lsp.server import serve
    except ImportError as error:
        return complain(f'lsp needs pygls: pip install "torch-rewriter[lsp]" ({error})')
    serve().start_io()
    return OK


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rewriter",
        description="Rewrites PyTorch model source so that every operation is a module a quantizer can see.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"rewriter {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, summary: str, **more: Any) -> argparse.ArgumentParser:
        description = f"{summary[0].upper()}{summary[1:]}."
        return commands.add_parser(name, help=summary, description=description, allow_abbrev=False, **more)

    _add_check(command("check", "say what would change and what is left; write nothing", epilog=_EXIT_CODES))
    _add_fix(command("fix", "rewrite the files", epilog=_EXIT_CODES))
    _add_report(command("report", "write one page to review what fix would do, and to pick from it"))
    _add_baseline(command("baseline", "take note of all that is there now, for check and fix to be silent about"))
    _add_coverage(command("coverage", "count operations: those met, those to rewrite, those left by reason"))
    _add_verify(command("verify", "build and run a model before and after, and compare all that a user sees"))
    usage = "rewriter observe [options] [PATH ...] -- PROGRAM [arguments of the program]"
    _add_observe(command("observe", "run a program, and note what its source leaves open: evidence", usage=usage))
    usage = "rewriter run [options] --rewrite PACKAGE (SCRIPT | -m MODULE) [arguments of the program]"
    _add_run(command("run", "run a program with libraries rewritten as it imports them", usage=usage))
    _add_vendor(command("vendor", "copy the modules that rewritten source calls into the project"))
    _add_rule(command("rule", "explain a rule or a reason, or list all of a family, or all"))
    command("clean", "delete what was remembered of earlier runs; the way back to what fix replaced stays")
    command("lsp", "serve an editor over stdin and stdout, by the language server protocol")
    shells = command("completion", "print a script that completes commands and options in a shell")
    shells.add_argument("shell", choices=["bash", "zsh", "fish"], help="the shell that it is for")
    return parser


def _add_check(parser: argparse.ArgumentParser) -> None:
    _add_paths_and_report(parser)
    parser.add_argument("--exit-zero", action="store_true", help="exit 0 even when there are findings")
    parser.add_argument("--add-ignores", action="store_true", help="write a suppression on each line that is reported")


def _add_fix(parser: argparse.ArgumentParser) -> None:
    _add_paths_and_report(parser)
    parser.add_argument("--exit-non-zero-on-fix", action="store_true", help="exit 1 when something was rewritten")
    verify = "write nothing unless the models that this Python file names compute the same; again for more"
    parser.add_argument("--verify", type=Path, action="append", metavar="CASES", help=verify)
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--diff", action="store_true", help="print a patch that `git apply` takes; write nothing")
    output.add_argument("--out-dir", type=Path, metavar="DIR", help="write the Python files, changed or not, under DIR")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--selection", type=Path, metavar="FILE", help="apply what was ticked in the page of `report`")
    choice.add_argument("-i", "--interactive", action="store_true", help="ask for each finding, then write")


def _add_report(parser: argparse.ArgumentParser) -> None:
    _add_paths(parser)
    _add_settings(parser)
    _add_evidence(parser)
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("review.html"), metavar="FILE", help="default: review.html"
    )
    _add_jobs(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")


def _add_baseline(parser: argparse.ArgumentParser) -> None:
    _add_paths(parser)
    _add_settings(parser)
    default = Path(".rewriter-baseline.json")
    parser.add_argument("-o", "--output", type=Path, default=default, metavar="FILE", help="default: %(default)s")
    _add_jobs(parser)


def _add_coverage(parser: argparse.ArgumentParser) -> None:
    _add_paths(parser)
    _add_settings(parser)
    _add_evidence(parser)
    parser.add_argument("--format", choices=["text", "json"], default="text", help="default: text")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the table to a file")
    _add_jobs(parser)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("target", metavar="MODULE:EXPRESSION", help="what makes the model: net.model:Net(3) or src/net/model.py:Net(3)")
    shape = "an argument of the model: a shape such as 2x3x32x32, or whole numbers 2x16:int64:100; again for more"
    add("--input", action="append", metavar="SHAPE", help=shape)
    add("--cases", type=Path, metavar="FILE", help="a Python file whose cases() returns tuples of arguments")
    against = "compare with a revision of git or a folder, instead of with what fix would write"
    add("--against", metavar="REV|DIR", help=against)
    add("--seed", type=int, default=0, metavar="N", help="of all random numbers (default: 0)")
    tolerance = "how far apart numbers may be (default: not a bit); for what --unsafe-fixes writes"
    add("--tolerance", type=float, default=0, metavar="X", help=tolerance)
    add("-v", "--verbose", action="store_true", help="list what is equal, too")
    _add_settings(parser)


def _add_observe(parser: argparse.ArgumentParser) -> None:
    _add_paths(parser)
    _add_settings(parser)
    default = Path("evidence.json")
    note = "where the evidence goes, and is added to what is there (default: %(default)s)"
    parser.add_argument("-o", "--output", type=Path, default=default, metavar="FILE", help=note)
    jobs = "number of processes that look for what is open (default: by the number of files)"
    parser.add_argument("-j", "--jobs", type=positive, metavar="N", help=jobs)
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")


def _add_run(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("target", metavar="SCRIPT", help="the program; what follows it, the program is given")
    add(
        "--rewrite",
        action="append",
        required=True,
        metavar="PACKAGE",
        help="a package or module to rewrite, with all below it; again for more; may stand right behind the program",
    )
    add("-m", dest="module", action="store_true", help="the program is a module, as in python -m")
    add("-v", "--verbose", action="store_true", help="say on stderr what was rewritten and what is left")
    _add_settings(parser)


def _add_vendor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="the package to make, such as src/net/quant")
    _add_paths(parser)
    parser.add_argument("--config", type=Path, metavar="FILE", help="read the settings from this file")
    parser.add_argument("--isolated", action="store_true", help="ignore all configuration files")


def _add_rule(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE", help="such as RW101, or a prefix such as RW9")
    parser.add_argument("--all", action="store_true", help="the whole explanation of each, not one line")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="default: text")


def _add_paths(parser: argparse.ArgumentParser, more: str = "") -> None:
    what = f"files or folders{more} (default: .)"
    parser.add_argument("paths", nargs="*", type=Path, default=[Path()], metavar="PATH", help=what)
    parser.add_argument(
        "--force-exclude", action="store_true", help="leave out what is excluded even where it is named"
    )


def _add_evidence(parser: argparse.ArgumentParser) -> None:
    what = "use what `rewriter observe` saw, where the source says nothing"
    parser.add_argument("--evidence", type=Path, metavar="FILE", help=what)


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    workers = parser.add_mutually_exclusive_group()
    number = "number of processes (default: by the number of files)"
    workers.add_argument("-j", "--jobs", type=positive, metavar="N", help=number)
    where = "the Dask cluster that is to work, dask://HOST:PORT; it must see the files under the same paths"
    workers.add_argument("--executor", type=cluster, metavar="ADDRESS", help=where)
    parser.add_argument("--no-cache", action="store_true", help="find everything out again, and remember nothing")


def _add_paths_and_report(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    _add_paths(parser, ", or - for stdin")
    add("--stdin-filename", type=Path, metavar="FILE", help="what to call the file that comes on stdin")
    _add_settings(parser)
    add("--baseline", type=Path, metavar="FILE", help="be silent about what `rewriter baseline` took note of")
    _add_evidence(parser)
    add("--show-settings", action="store_true", help="print the settings that hold, and where they come from; no more")
    formats = ["text", "json", "rdjson", "github", "sarif"]
    add("--format", choices=formats, default="text", help="of the report (default: text)")
    add("-o", "--output", type=Path, metavar="FILE", help="write the report to a file")
    _add_jobs(parser)
    part = "only the I-th of N parts of the files, the same each time, judged by all of them; for a matrix of CI"
    add("--shard", type=shard, metavar="I/N", help=part)
    add("--statistics", action="store_true", help="count by rule and by reason")
    add("--color", choices=["auto", "always", "never"], default="auto", help="default: auto, which means on a terminal")
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")
    volume.add_argument("-v", "--verbose", action="store_true", help="say what to do about what is left")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    targets = "whose modules to use (default: runtime); plain: back to what stood there before fix"
    add("--from", dest="source", choices=LIBRARIES, help="turn the modules of this library into ours, too")
    add("--target", choices=TARGETS, help=targets)
    add("--fallback", choices=["runtime"], help="take from runtime what the target has no module for")
    entry = "for torch-ao: the class that gets stubs where tensors come in and leave, and a fuse_model()"
    add("--entry", type=codes, metavar="CLASS", help=entry)
    add("--select", type=codes, metavar="CODES", help="only these codes or prefixes, separated by commas")
    add("--ignore", type=codes, metavar="CODES", help="not these codes or prefixes")
    add("--unsafe-fixes", action="store_true", default=None, help="apply findings that are marked unsafe, too")
    add("--config", type=Path, metavar="FILE", help="read the settings from this file")
    add("--isolated", action="store_true", help="ignore all configuration files")
