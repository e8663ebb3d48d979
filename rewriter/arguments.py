"""What a text on the command line stands for, where it is no path and no word of a list."""

from __future__ import annotations

import argparse
import re


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
