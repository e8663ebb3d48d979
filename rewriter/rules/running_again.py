"""A method that the forward calls again, and that cannot take a number, runs on modules of its own."""

from __future__ import annotations

from rewriter.changes.change import Change
from rewriter.changes.made import RunAgain
from rewriter.facts.making.construction import Construction
from rewriter.results import Refusal
from rewriter.rules.context import Context
from rewriter.rules.refusals import refuse
from rewriter.sites.site import MethodAgain

CODE = "RW201"


def decide_method_again(site: MethodAgain, context: Context) -> Change | Refusal:
    """`self.mix(x)` becomes `self.again(self.mix)(x)`, in a loop `self.again[i](self.mix)(x)`."""
    receiver, turns = context.receiver_at(site), context.loops.around(site)
    often = site.in_loop or site.called_in_loop or site.deferred or site.runs > 1
    if not isinstance(context.place, Construction) or not receiver or (often and not turns):
        why = "its operations and modules serve all these runs"
        return refuse("RW902", site, f"{site.written} runs more than once in a forward: {why}")
    make, what = RunAgain(site.attribute), f"{site.written} again"
    return Change(CODE, site, context.place, receiver, "again", make, (), what, turns)
