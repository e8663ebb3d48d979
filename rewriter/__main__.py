"""The `rewriter` command as a process of its own; `python -m rewriter`."""

import gc
import sys

from rewriter.cli import main

_READING_PROJECTS = frozenset({"baseline", "check", "coverage", "fix"})


def command() -> None:
    """What has been read ends with the process: nobody looks at all trees once more in order to free them."""
    reads = sys.argv[1:2] != [] and sys.argv[1] in _READING_PROJECTS
    if reads:
        from rewriter.work import COLLECT_AFTER

        gc.set_threshold(*COLLECT_AFTER)
    code = main()
    if reads:
        gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    command()
