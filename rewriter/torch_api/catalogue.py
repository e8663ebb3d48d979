"""THE catalogue of torch operations: every row, and the rows by spelling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from rewriter.torch_api.row import Foreign, Row, Spelling
from rewriter.torch_api.rows import (
    activations,
    alone,
    arithmetic,
    elementwise,
    fused,
    grouping,
    images,
    layers,
    matrix,
    pooling,
    reductions,
)

FAMILIES = (arithmetic, matrix, elementwise, grouping, reductions, activations, pooling, layers, images)
ROWS: tuple[Row, ...] = tuple(row for family in FAMILIES for row in family.ROWS)
"""Every operation that is written as a function, a method or an operator."""
ALONE = alone.ROWS
"""Those that only a class of torch.nn is."""

FUSED = fused.ROWS
"""Those that only other libraries have as one."""


def _by_spelling() -> dict[str, tuple[tuple[Row, Spelling], ...]]:
    found: dict[str, list[tuple[Row, Spelling]]] = defaultdict(list)
    for row in ROWS:
        for spelling in row.spellings:
            found[spelling.name].append((row, spelling))
    return {name: tuple(pairs) for name, pairs in found.items()}


_BY_SPELLING = _by_spelling()
_ELSEWHERE = {f.spelling.name: (row, f.spelling) for row in (*ROWS, *FUSED) for f in row.elsewhere}
_CLASSES_ELSEWHERE = {f.target: (row, f) for row in reversed((*ROWS, *FUSED)) for f in row.elsewhere if not f.method}
# Of several rows with one target the first is the plain form: `max` without `dim`.
_BY_TARGET = {target: row for row in reversed((*ROWS, *ALONE)) for target in row.targets}


NAMES = frozenset(name.rpartition(".")[2] for name in _BY_SPELLING)
"""The last part of every spelling: what the code at a site has to hold."""


def by_spelling(name: str) -> tuple[tuple[Row, Spelling], ...]:
    """The operations that a full name, method or operator may mean: several where torch has overloads."""
    return _BY_SPELLING.get(name, ())


def by_foreign(name: str) -> tuple[tuple[Row, Spelling], ...]:
    """The operation that a class or method of another library is."""
    found = _ELSEWHERE.get(name)
    return () if found is None else (found,)


def foreign_class(full_name: str) -> tuple[Row, Foreign] | None:
    """The operation that a class of modules of another library is, and what its constructor takes."""
    return _CLASSES_ELSEWHERE.get(full_name)


def foreign_classes() -> Iterator[tuple[Row, Foreign]]:
    return iter(_CLASSES_ELSEWHERE.values())


def by_target(full_name: str) -> Row | None:
    """The operation that a class computes, `torch.nn.ReLU` or one of `runtime.modules`, if it is just one."""
    return _BY_TARGET.get(full_name)


def is_function(name: object) -> bool:
    """Whether it is the full name of a function of torch that is an operation."""
    return isinstance(name, str) and name.startswith("torch.") and bool(by_spelling(name))
