"""The command line: arguments in, an exit code out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rewriter import __version__

OK, FOUND, ERROR, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "rule":
            from rewriter.commands import explain

            return explain(arguments.code, arguments.format)
        from rewriter.commands import process

        return process(arguments)
    except KeyboardInterrupt:
        print("rewriter: interrupted; files already reported as written are whole", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rewriter",
        description="Rewrites PyTorch model source so that every operation is a module a quantizer can see.",
        epilog="Exit codes: 0 nothing to do, or all written; 1 findings in check; 2 wrong usage, or a file failed.",
    )
    parser.add_argument("--version", action="version", version=f"rewriter {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="say what would change and what is left; write nothing")
    _common(check)
    check.add_argument("--exit-zero", action="store_true", help="exit 0 even when there are findings")
    fix = commands.add_parser("fix", help="rewrite the files")
    _common(fix)
    output = fix.add_mutually_exclusive_group()
    output.add_argument("--diff", action="store_true", help="print a patch that `git apply` takes; write nothing")
    output.add_argument("--out-dir", type=Path, metavar="DIR", help="write a copy of the tree there instead")
    rule = commands.add_parser("rule", help="explain a rule or a reason, or list them all")
    rule.add_argument("code", nargs="?", metavar="CODE")
    rule.add_argument("--format", choices=["text", "json"], default="text")
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("paths", nargs="*", type=Path, default=[Path()], metavar="PATH", help="files, folders, or - for stdin")
    add("--stdin-filename", type=Path, metavar="FILE", help="what to call the file that comes on stdin")
    add("--select", type=_codes, metavar="CODES", help="only these codes or prefixes, separated by commas")
    add("--ignore", type=_codes, metavar="CODES", help="not these codes or prefixes")
    add("--unsafe-fixes", action="store_true", default=None, help="apply findings that are marked unsafe, too")
    add("--config", type=Path, metavar="FILE", help="read the settings from this file")
    add("--isolated", action="store_true", help="ignore all configuration files")
    add("--format", choices=["text", "json", "github", "sarif"], default="text")
    add("-o", "--output", type=Path, metavar="FILE", help="write the report to a file")
    add("-j", "--jobs", type=_positive, metavar="N", help="number of processes (default: by the number of files)")
    add("--statistics", action="store_true", help="count by rule and by reason")
    add("--color", choices=["auto", "always", "never"], default="auto")
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")
    volume.add_argument("-v", "--verbose", action="store_true", help="say what to do about what is left")


def _codes(text: str) -> tuple[str, ...]:
    codes = tuple(code.strip() for code in text.split(",") if code.strip())
    if bad := [code for code in codes if not code.startswith("RW") and not "RW".startswith(code)]:
        raise argparse.ArgumentTypeError(f"{bad[0]!r} is no code; codes look like RW101, prefixes like RW1")
    return codes


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of processes, at least 1, not {text!r}")
    return int(text)
