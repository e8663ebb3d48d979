"""What becomes of one site: the rule for its kind decides, and its module has to be made in time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rewriter.changes.change import Change
from rewriter.changes.made import Tie
from rewriter.facts.expressions.written import count_of
from rewriter.facts.functions.kept import stored_in_family
from rewriter.facts.instances.storing_nothing import classes_of_parts, made_class
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.construction import Construction, NoPlace, ready_for
from rewriter.planning.observed import left_open
from rewriter.python.code import Class
from rewriter.python.inner_functions import inner_around, is_used_again
from rewriter.python.trees import walk
from rewriter.results import Refusal
from rewriter.rules.asked_attributes import kept_away
from rewriter.rules.context import Context
from rewriter.rules.listing import RULES
from rewriter.rules.operations import decide
from rewriter.rules.refusals import refuse
from rewriter.rules.rule import Decide
from rewriter.sites.site import (
    FileLevelModuleCall,
    ModuleCall,
    Operation,
    OperationOfAnyKind,
    Site,
)
from rewriter.values.modules import Module


@dataclass(frozen=True)
class Decisions:
    knowledge: Knowledge

    def about(self, site: Site, context: Context) -> Iterator[Change | Refusal]:
        """The change at a site, and what has to be said about it; or why there is none."""
        for decision in self._decisions(site, context):
            settled = decision if isinstance(decision, Refusal) else self._in_time(decision)
            yield settled
            if settled is not decision and isinstance(settled, Refusal):
                return
            if isinstance(settled, Change) and isinstance(decision, Change) and decision.turns and not settled.turns:
                what = f"{settled.what} runs more than once in a forward, and cannot be counted where modules are made"
                yield refuse("RW902", site, f"{what}: one module serves all of them")

    def _in_time(self, change: Change) -> Change | Refusal:
        """The change, its module made before `__init__` itself comes to the site."""
        place = change.place
        if isinstance(place, Construction) and (below := _left_out_below(change, place)) is not None:
            if change.turns and _left_out_below(replace(change, turns=()), place) is None:
                return replace(change, turns=())
            why = f"its subclass {below} does not run this __init__"
            message = f"no place to make a module in {place.cls.node.name}: {why}"
            return refuse("RW904", change.site, message, "make the module by hand in both")
        ready = ready_for(self.knowledge, place, change.site.function) if isinstance(place, Construction) else place
        if ready is place:
            return change
        if isinstance(ready, NoPlace):
            return refuse(ready.code, change.site, ready.reason, ready.advice)
        if change.each or change.make.needs_another:
            name = change.site.function.node.name
            return refuse(
                "RW904", change.site, f"{change.what} needs a module that __init__ makes after it runs {name}"
            )
        return replace(change, place=ready, turns=())

    def _decisions(self, site: Site, context: Context) -> Iterator[Change | Refusal]:
        decision = self._decision(site, context)
        if decision is None:
            return
        if isinstance(decision, Change):
            decision = kept_away(decision, context)
        if isinstance(decision, Refusal) or decision.each or decision.of_list:
            yield decision
            return
        if isinstance(site, ModuleCall):
            yield decision
            if (site.called_in_loop or len(site.instances) > 1) and not decision.turns:
                yield refuse(
                    "RW902", site, f"{decision.what} runs more than once in a forward: one instance serves all"
                )
            elif (whole := self._left_whole(site, decision)) is not None:
                but = f"it may be an object of another class than {whole.node.name}, of which nobody knows the parts"
                yield refuse("RW902", site, f"the operations inside {site.written} serve both calls: {but}")
            return
        turns = context.loops.around(site)
        yield replace(decision, turns=turns)
        if not turns and (why := _shared(site, context)):
            yield refuse("RW908" if site.deferred else "RW902", site, f"{decision.what} {why}")

    def _left_whole(self, site: ModuleCall, change: Change) -> Class | None:
        """The class of a module whose handle shares the operations inside with it."""
        if not isinstance(change.make, Tie) or change.make.parts or not isinstance(change.place, Construction):
            return None
        stored = list(stored_in_family(self.knowledge, change.place.cls, site.attribute))
        parts = (part for value in (site.module, *(value for _, _, value in stored)) for part in value.parts)
        known = (part.made for part in parts if isinstance(part, Module))
        written = (made for cls, expression, _ in stored for made in self._classes_named(cls, expression))
        classes = dict.fromkeys(made for made in (*known, *written) if isinstance(made, Class))
        return next(filter(self._has_operations, classes), None)

    def _classes_named(self, cls: Class, expression: ast.expr) -> Iterator[str | Class | None]:
        """The classes of modules that the expression names, among them those that a Sequential is made of."""
        if (init := cls.constructor) is not None:
            for node in walk(expression):
                if isinstance(node, ast.Call):
                    yield made_class(self.knowledge, node, init.name_inside)

    def _has_operations(self, made: Class) -> bool:
        runs = map(self.knowledge.run, (made, *classes_of_parts(self.knowledge, made)))
        inside = (s for run in runs if run is not None for s in run.met.sites.values())
        return any(isinstance(s, Operation) and s.tensor and not s.idle for s in inside)

    def _decision(self, site: Site, context: Context) -> Change | Refusal | None:
        """What the rule for the kind of site says."""
        if isinstance(site, Operation | OperationOfAnyKind) and (why := _why_none(site, context)) is not None:
            return why
        decide = _DECIDING.get(type(site))
        return None if decide is None else decide(site, context)


def _left_out_below(change: Change, place: Construction) -> str | None:
    """The subclass whose own `__init__` cannot make the module by the same expression."""
    counted = any(turn.each is not None or count_of(turn.over) is None for turn in change.turns)
    of_object = change.make.needs_another or change.make.repeats is not None or counted
    if place.missed_by is not None and (of_object or change.turns):  # `makes_missing` is told a class, not a list
        return place.missed_by.node.name
    repeated = change.make.repeated
    names = {n.id for n in walk(repeated) if isinstance(n, ast.Name)} if repeated is not None else set()
    makers = [(beside.cls, beside.init) for beside in place.beside]
    makers += [] if place.missed_by is None else [(place.missed_by, place.init)]
    hidden = (cls.node.name for cls, init in makers if of_object or (init is not None and names & init.locals))
    return next(hidden, None)


def _why_none(site: Operation | OperationOfAnyKind, context: Context) -> Refusal | None:
    """The reasons that hold for every operation."""
    if isinstance(site, Operation) and not site.tensor:
        return left_open(site)
    if not context.receiver_at(site):
        return refuse("RW903", site, f"{site.written} stands in a function that has no object to hold a module")
    return None


def _at_file_level(site: FileLevelModuleCall, context: Context) -> Refusal:
    assert isinstance(site.node, ast.Call)
    called = ast.unparse(site.node.func)
    message = f"`{called}` is a module that stands at file level, where no object has it for a child"
    return refuse("RW903", site, message, f"give the object one in __init__, as in `self.act = {called}`")


def _shared(site: Site, context: Context) -> str | None:
    """Why one module stands for several executions."""
    if site.deferred:
        where = "lambda or nested function" if inner_around(site.function, site.node) else "method that is handed on"
        return f"stands in a {where}: one module serves however often that is called"
    again = site.runs > 1 or site.called_in_loop
    inner = inner_around(site.function, site.node) if context.receiver else ()
    if site.in_loop or (again and not context.receiver) or any(is_used_again(site.function, i) for i in inner):
        return "runs more than once in a forward: one module serves all of them"
    return None


_DECIDING: dict[type[Site], Decide] = {
    Operation: decide,
    FileLevelModuleCall: _at_file_level,
    **{kind: decide for rule in RULES for kind, decide in rule.decides.items()},
}
"""Who decides about a kind of site: a rule, or whoever knows why none can."""
