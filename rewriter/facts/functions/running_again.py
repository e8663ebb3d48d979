"""Calls of methods that run again in a forward, and that cannot be told which of their calls is running.

Such a method cannot take an argument more: it passes on whatever it is given, or code asks what it takes.
"""

from __future__ import annotations

import ast

from rewriter.facts.functions.numbering import may_take_number
from rewriter.facts.making.scripted import is_scripted
from rewriter.interpreter.met import Caller, Met
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.trees import walk
from rewriter.values.base import Known


def calls_again(known: Known, cls: Class, met: Met) -> frozenset[ast.AST]:
    """Those that methods of the class, or of one above it, make of their own object by name, behind the first.

    Of methods that run each other, it is the outer: what that runs is counted for each of its runs, then.
    """
    if is_scripted(known.hierarchy, cls):
        return frozenset()
    family = known.hierarchy.lineage(cls).project
    found = {
        method: [
            node
            for node, caller in calls.items()
            if node in met.again and caller.by_name and caller.function.owner in family
            if any(written is node for written in walk(caller.function.node))  # not one that stands for another
            if _is_from_below(known, method, caller, met) or not may_take_number(known, method.owner or cls, method)
        ]
        for method, calls in met.calls.items()
        if not met.again.isdisjoint(calls) and _runs_on_object(method, met) and _comes_to_sites(method, met)
    }
    inner = {method for around, method in met.entered_at if found.get(around)}
    return frozenset(node for method, nodes in found.items() if method not in inner for node in nodes)


def _is_from_below(known: Known, method: Function, caller: Caller, met: Met) -> bool:
    """Whether a loop of a class below runs the method: only the calls that stand by themselves are numbered there."""
    below = caller.function.owner
    above = known.hierarchy.lineage(below).project[1:] if below is not None else []
    return method in met.looped and method.owner in above


def _runs_on_object(method: Function, met: Met) -> bool:
    """Whether it is a method of an object, which is over when it returns."""
    if method.owner is None or own_name(method) is None or method.is_property or method in met.recursive:
        return False
    yields = any(isinstance(n, ast.Yield | ast.YieldFrom | ast.Await) for n in walk(method.node))
    return isinstance(method.node, ast.FunctionDef) and not yields


def _comes_to_sites(method: Function, met: Met) -> bool:
    """Whether the method, or what it calls, has anything that modules of its own would matter for."""
    reached = {method, *(inner for around, inner in met.entered_at if around is method)}
    return any(site.function in reached for site in met.sites.values())
