"""What becomes of one site: the rule for its kind decides, and its module has to be made in time."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from rewriter.changes.change import Change
from rewriter.facts.code import Function
from rewriter.facts.construction import Construction, NoPlace, ready_for
from rewriter.facts.knowledge import Knowledge
from rewriter.results import Refusal
from rewriter.rules.chosen import call_chosen
from rewriter.rules.functions import wrap_call
from rewriter.rules.loops import Turns
from rewriter.rules.operations import Context, decide
from rewriter.rules.refusals import refuse
from rewriter.rules.reuse import decide_call
from rewriter.sites.site import (
    ChosenCall,
    DifferentiatedCall,
    FileLevelModuleCall,
    FunctionCall,
    HandedFunction,
    ModuleCall,
    Operation,
    OperationOfAnyKind,
    Site,
)


@dataclass(frozen=True)
class Decisions:
    knowledge: Knowledge
    takes_modules: Callable[[Function], bool]
    """Whether a function can be given modules for operations that it has."""

    def about(self, site: Site, context: Context, loops: Turns | None) -> Iterator[Change | Refusal]:
        """The change at a site, and what has to be said about it; or why there is none."""
        for decision in self._decisions(site, context, loops):
            settled = decision if isinstance(decision, Refusal) else self._in_time(decision)
            yield settled
            if settled is not decision and isinstance(settled, Refusal):
                return

    def _in_time(self, change: Change) -> Change | Refusal:
        """The change, its module made before `__init__` itself comes to the site."""
        place = change.place
        ready = ready_for(self.knowledge, place, change.site.function) if isinstance(place, Construction) else place
        if ready is place:
            return change
        if isinstance(ready, NoPlace):
            return refuse(ready.code, change.site, ready.reason, ready.advice)
        if change.turns or change.make.needs_another:
            name = change.site.function.node.name
            return refuse(
                "RW904", change.site, f"{change.what} needs a module that __init__ makes after it runs {name}"
            )
        return replace(change, place=ready)

    def _decisions(self, site: Site, context: Context, loops: Turns | None) -> Iterator[Change | Refusal]:
        decision = self._decision(site, context, loops)
        if decision is None:
            return
        if isinstance(decision, Refusal) or isinstance(site, ModuleCall):
            yield decision
            return
        turns = loops.around(site) if loops else ()
        yield replace(decision, turns=turns)
        if not turns and (why := _shared(site, context)):
            yield refuse("RW908" if site.deferred else "RW902", site, f"{decision.what} {why}")

    def _decision(self, site: Site, context: Context, loops: Turns | None) -> Change | Refusal | None:
        """What the rule for the kind of site says."""
        if isinstance(site, ModuleCall):
            return decide_call(site, context, loops) if loops is not None else None
        if isinstance(site, HandedFunction):
            return _handed(site)
        if isinstance(site, DifferentiatedCall):
            return _differentiated(site)
        if isinstance(site, FileLevelModuleCall):
            return _at_file_level(site)
        if isinstance(site, FunctionCall):
            return wrap_call(site, context)
        if isinstance(site, ChosenCall):
            return call_chosen(site, context, self.takes_modules)
        assert isinstance(site, Operation | OperationOfAnyKind)
        return self._operation(site, context)

    def _operation(self, site: Operation | OperationOfAnyKind, context: Context) -> Change | Refusal:
        """The reasons that hold for every operation, then what the operation itself says."""
        if isinstance(site, Operation) and not site.tensor:
            return refuse("RW901", site, f"it is not known whether {site.written} works on tensors")
        if not context.receiver_at(site):
            return refuse("RW903", site, f"{site.written} stands in a function that has no object to hold a module")
        return decide(site, context) if isinstance(site, Operation) else call_chosen(site, context, self.takes_modules)


def _handed(site: HandedFunction) -> Refusal:
    assert isinstance(site.node, ast.Call)
    message = f"{site.written} runs `{ast.unparse(site.node.args[0])}`, which no module can be called in place of there"
    return refuse("RW903", site, message, "hand over a module, or call the function itself in a loop or comprehension")


def _differentiated(site: DifferentiatedCall) -> Refusal:
    message = f"{site.written} computes a gradient of its own: nothing in its forward can become a module"
    return refuse("RW903", site, message, "make a module whose forward calls it, and quantize that one as a whole")


def _at_file_level(site: FileLevelModuleCall) -> Refusal:
    assert isinstance(site.node, ast.Call)
    called = ast.unparse(site.node.func)
    message = f"`{called}` is a module that stands at file level, where no object has it for a child"
    return refuse("RW903", site, message, f"give the object one in __init__, as in `self.act = {called}`")


def _shared(site: Site, context: Context) -> str | None:
    """Why one module stands for several executions."""
    if site.deferred:
        return "stands in a lambda or nested function: one module serves however often that is called"
    again = site.runs > 1 or site.called_in_loop
    if site.in_loop or (again and not context.receiver):
        return "runs more than once in a forward: one module serves all of them"
    return None
