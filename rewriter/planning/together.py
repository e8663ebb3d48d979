"""What several runs say together of one function."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from rewriter.interpreter.run import Run
from rewriter.python.code import Function
from rewriter.sites.site import Site
from rewriter.sites.together import merged
from rewriter.values.base import Value
from rewriter.values.one_of import join


def sites_in(function: Function, runs: list[Run]) -> list[Site]:
    return merged(function, [run.met.sites.values() for run in runs])


def in_source_order(sites: Iterable[Site]) -> list[Site]:
    """By where they end, so that an operand comes before what is computed from it."""
    return sorted(sites, key=lambda site: (site.node.end_lineno or 0, site.node.end_col_offset or 0))


def joined_values(runs: list[Run]) -> dict[ast.expr, Value]:
    if len(runs) == 1:
        return runs[0].met.values
    joined: dict[ast.expr, Value] = {}
    for node, value in (pair for run in runs for pair in run.met.values.items()):
        joined[node] = join(joined[node], value) if node in joined else value
    return joined
