"""What several runs say together of one function."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from rewriter.interpreter.run import Run
from rewriter.python.code import Function
from rewriter.sites.site import Operation, Site
from rewriter.sites.together import merged
from rewriter.values.base import Value
from rewriter.values.one_of import join


def sites_in(function: Function, runs: list[Run]) -> list[Site]:
    return merged(function, [run.met.sites.values() for run in runs])


def in_source_order(sites: Iterable[Site]) -> list[Site]:
    """By where they end, so that an operand comes before what is computed from it."""
    return sorted(sites, key=lambda site: (site.node.end_lineno or 0, site.node.end_col_offset or 0))


def awake(sites: Iterable[Site], others: Sequence[Run]) -> list[Site]:
    """The sites of one run, where what is idle there, as of a grid that forward makes, is given something in others."""
    found = list[Site]()
    for site in sites:
        elsewhere = (
            [run.met.sites.get(site.node) for run in others] if isinstance(site, Operation) and site.idle else []
        )
        given = [other for other in elsewhere if isinstance(other, Operation) and not other.idle]
        found.append(site.merged(given[0]) if given else site)
    return found


def joined_values(runs: list[Run]) -> dict[ast.expr, Value]:
    if len(runs) == 1:
        return runs[0].met.values
    joined: dict[ast.expr, Value] = {}
    for node, value in (pair for run in runs for pair in run.met.values.items()):
        joined[node] = join(joined[node], value) if node in joined else value
    return joined
