"""A module that a method is given and calls at each turn of a loop is called by a module for each turn."""

from __future__ import annotations

import ast

from rewriter.changes.change import Change, Given, as_given
from rewriter.changes.made import Call
from rewriter.facts.making.construction import Construction
from rewriter.python.trees import named_parameters
from rewriter.rules.context import Context
from rewriter.sites.site import PartCall

CODE = "RW201"


def given_again(site: PartCall, context: Context) -> Change | None:
    """`self.call[i](norm, x)` for `norm(x)`; None where it has to stay what it is."""
    node, receiver = site.node, context.receiver_at(site)
    assert isinstance(node, ast.Call)
    once = len(site.instances) == 1 and site.runs == 1 and not site.called_in_loop and not site.deferred
    if not isinstance(node.func, ast.Name) or node.func.id not in _parameters(site) or not once or not receiver:
        return None
    turns = context.loops.around(site)
    if not turns or not isinstance(context.place, Construction):
        return None
    given = (Given(node.func), *as_given(node))
    return Change(CODE, site, context.place, receiver, "call", Call(again=True), given, site.written, turns=turns)


def _parameters(site: PartCall) -> set[str]:
    spec = site.function.node.args
    return {a.arg for a in named_parameters(spec)}
