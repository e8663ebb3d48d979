"""`python -m runtime COMMAND`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m runtime", description="What can be done with quantized models.")
    commands = parser.add_subparsers(dest="command", required=True)
    bench = commands.add_parser(
        "bench",
        help="measure a model in floating point, in int8 with us, and with the others that are installed",
        description="Quantizes a model on random data and prints how much faster it runs, each side in turns.",
    )
    from runtime.int8.bench import command

    command.add_arguments(bench)
    build = commands.add_parser(
        "build",
        help="compile the int8 kernels now, and not at their first use",
        description="Compiles the int8 kernels, if that has not been done yet, and prints where the library is.",
    )
    build.add_argument("-o", "--output", type=Path, metavar="FILE", help="put the library here (default: the cache)")
    commands.add_parser(
        "forms",
        help="list the operations that have an integer form",
        description="Prints what becomes of each operation when a model is quantized.",
    )
    arguments = parser.parse_args(argv)
    if arguments.command == "forms":
        return _forms()
    return command.run(arguments) if arguments.command == "bench" else _build(arguments.output)


def _forms() -> int:
    from runtime.quantization.forms import page

    print(page(), end="")
    return 0


def _build(output: Path | None) -> int:
    from runtime.kernels.build import BuildError, build, built

    try:
        if output is not None:
            build(output)
        print(output or built())
    except BuildError as error:
        print(f"build: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
