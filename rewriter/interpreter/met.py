"""What a run has met: sites, the values of expressions, and the functions that it came through."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from rewriter.python.code import Function
from rewriter.sites.site import Site, SiteNode
from rewriter.values.base import Value
from rewriter.values.one_of import join


@dataclass(frozen=True)
class Caller:
    """Who makes a call."""

    function: Function
    by_name: bool
    """On its own object, by the method's name, there and then."""


@dataclass(eq=False)
class Met:
    sites: dict[SiteNode, Site] = field(default_factory=dict)
    values: dict[ast.expr, Value] = field(default_factory=dict)
    demands: dict[str, Value] = field(default_factory=dict)
    """What was taken for a tensor and turned out to be something else: arguments of forward, results of calls."""
    entered: set[Function] = field(default_factory=set)
    """Every function that the run came through, but for methods of objects that are not modules."""
    entered_plain: set[Function] = field(default_factory=set)
    """Those methods."""
    recursive: set[Function] = field(default_factory=set)
    """The functions among all these that come back to themselves."""
    entered_at: dict[tuple[Function, Function], ast.stmt] = field(default_factory=dict)
    """For a function around another one: the statement of the outer by which the run first came to the inner."""
    calls: dict[Function, dict[ast.Call, Caller]] = field(default_factory=dict)
    """The calls of each function."""
    runs: dict[Function, int] = field(default_factory=dict)
    """How often each runs in one forward, loops left out: the most over all paths."""
    looped: set[Function] = field(default_factory=set)
    """Those that a loop is around, in whichever function."""
    again: set[ast.AST] = field(default_factory=set)
    """The calls of methods that have run before, or that a loop is around."""

    unknown_methods: set[str] = field(default_factory=set)
    """The names of methods that are called on what is not known, with tensors."""

    def value(self, node: ast.expr, value: Value) -> None:
        before = self.values.get(node)
        self.values[node] = value if before is None else join(before, value)

    def take(self, inner: Met, before: Mapping[Any, int]) -> None:
        """Adds what a call inside has met; `before` is how often sites and functions had run when it began."""
        for node, value in inner.values.items():
            self.value(node, value)
        for name, value in inner.demands.items():
            self.demands.setdefault(name, value)
        for site in inner.sites.values():
            self._take_site(site, before.get(site.node, 0) + site.runs)
        for function, calls in inner.calls.items():
            for call, caller in calls.items():
                self.call(function, call, caller)
        for function, count in inner.runs.items():
            self.runs[function] = max(self.runs.get(function, 0), before.get(function, 0) + count)
        for pair, statement in inner.entered_at.items():
            self.entered_at.setdefault(pair, statement)
        self.entered |= inner.entered
        self.entered_plain |= inner.entered_plain
        self.recursive |= inner.recursive
        self.looped |= inner.looped
        self.again |= inner.again
        self.unknown_methods |= inner.unknown_methods

    def _take_site(self, site: Site, runs: int) -> None:
        known = self.sites.get(site.node)
        if known is None:
            known = self.sites[site.node] = copy(site)
            known.order = len(self.sites) - 1
        else:
            known.met_again(site)
            known.in_loop |= site.in_loop
            known.called_in_loop |= site.called_in_loop
            known.deferred |= site.deferred
        known.runs = max(known.runs, runs)

    def call(self, function: Function, node: ast.Call, caller: Caller) -> None:
        known = self.calls.setdefault(function, {})
        known[node] = caller if known.get(node, caller) == caller else Caller(caller.function, by_name=False)

    def site(self, site: Site) -> Site:
        """The site as it is known from now on."""
        known = self.sites.setdefault(site.node, site)
        if known is not site:
            known.met_again(site)
        return known
