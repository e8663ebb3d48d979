"""Writes `operations.pyi`, which shows editors and type checkers the classes that `operations` makes.

python -m runtime.modules.stub
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runtime.modules.base import InplaceOperation, Operation
from runtime.modules.operations import OPERATIONS
from runtime.modules.special import Eltwise, Join

PATH = Path(__file__).with_name("operations.pyi")
_HEADER = """\
# Written by `python -m runtime.modules.stub` from the catalogue. Do not edit.
from typing import Any

from runtime.modules.base import InplaceOperation, Operation
from runtime.modules.special import Eltwise, Join

OPERATIONS: dict[str, type[Operation]]
"""
_BASES = (Eltwise, Join, InplaceOperation, Operation)


def text() -> str:
    """What the file has to hold."""
    names = [f'    "{name}",' for name in OPERATIONS]
    classes = (line for kind in OPERATIONS.values() for line in _class(kind))
    return "\n".join([_HEADER, *classes, "__all__ = [", *names, "]", ""])


def _class(kind: type[Operation]) -> Iterator[str]:
    base = next(base for base in _BASES if issubclass(kind, base))
    taken = "".join(f", {name}: Any = ..." for name in kind.takes)
    yield f"class {kind.__name__}({base.__name__}):"
    yield f'    """{kind.__doc__}"""'
    yield f"    def __init__(self{taken}) -> None: ..."
    yield ""


if __name__ == "__main__":
    PATH.write_text(text())
