"""The command line, as far as argparse does not know it: what belongs to a program, and what a text stands for."""

from __future__ import annotations

import argparse
import re

_RUN_OPTIONS_WITH_VALUES = ("--rewrite", "--select", "--ignore", "--config")


def apart(argv: list[str]) -> tuple[list[str], list[str]]:
    """What `run` and `observe` are given for themselves, and what for the program, which argparse must not see."""
    if argv[:1] == ["observe"] and "--" in argv:
        end = argv.index("--")
        return argv[:end], argv[end + 1 :]
    if argv[:1] != ["run"]:
        return argv, []
    own, rest = argv[:1], argv[1:]
    while rest and rest[0].startswith("-"):
        own.append(rest.pop(0))
        if own[-1] in _RUN_OPTIONS_WITH_VALUES and rest:
            own.append(rest.pop(0))
    own += rest[:1]
    del rest[:1]
    is_given = any(argument.partition("=")[0] == "--rewrite" for argument in own)
    while rest and rest[0].partition("=")[0] == "--rewrite" and not is_given:
        taken = 1 if "=" in rest[0] else 2
        own += rest[:taken]
        del rest[:taken]
    return own, rest


def codes(text: str) -> tuple[str, ...]:
    found = tuple(code.strip() for code in text.split(",") if code.strip())
    if not found:
        raise argparse.ArgumentTypeError("expected codes like RW101, or prefixes like RW1, separated by commas")
    return found


def shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f"expected I/N with I from 1 to N, such as 2/4, not {text!r}")
    return int(number), int(count)


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of processes, at least 1, not {text!r}")
    return int(text)


def cluster(text: str) -> str:
    if not re.fullmatch(r"dask://[^/]+:\d+", text):
        raise argparse.ArgumentTypeError(f"expected dask://HOST:PORT, not {text!r}")
    return text
