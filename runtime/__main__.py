"""`python -m runtime COMMAND`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


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
    return command.run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
