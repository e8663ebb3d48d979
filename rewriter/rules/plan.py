"""All decisions about one class or function, in the order in which its code runs, with names."""

from __future__ import annotations

import ast
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field, replace

from rewriter.facts import values as v
from rewriter.facts.callers import is_kept, is_of_plain, runs_below, runs_of_users, runs_through
from rewriter.facts.construction import Construction, NoPlace, find_construction, ready_for
from rewriter.facts.deep_walks import walker_over
from rewriter.facts.holders import Held, find_holder, holder_of
from rewriter.facts.interpreter.calls import AT_FILE_LEVEL, DIFFERENTIATED
from rewriter.facts.interpreter.state import Site
from rewriter.facts.knowledge import Knowledge, Run
from rewriter.facts.numbering import numbered_methods
from rewriter.facts.project import Class, Function
from rewriter.facts.tables import functions_in
from rewriter.facts.taken import TakenNames, taken_names
from rewriter.facts.trees import walk
from rewriter.facts.values import Value
from rewriter.results import Refusal, Safety, Span
from rewriter.rules.change import Change, MakeAgain, Substitution, Tie
from rewriter.rules.chosen import call_chosen
from rewriter.rules.compound import find_compounds
from rewriter.rules.functions import wrap_call
from rewriter.rules.loops import Turns
from rewriter.rules.operations import Context, decide, describe
from rewriter.rules.placed import find_placed
from rewriter.rules.refusals import advice_for, refuse
from rewriter.rules.reuse import decide_call
from rewriter.rules.stored import find_stored

Owner = Class | Function
Wanted = Callable[[Owner, Change | Substitution], bool]
"""Whether a change is to be applied; others leave their sites as they are."""

_MOST_OF_A_NAME = 1000
"""How many attributes of one class may want the same name."""


@dataclass(frozen=True)
class Named:
    """A change with the attribute name that it will have."""

    change: Change
    name: str


@dataclass
class Plan:
    changes: list[Named] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    substitutions: list[Substitution] = field(default_factory=list)
    unwanted: list[Change | Substitution] = field(default_factory=list)
    """Possible, but not selected or suppressed."""


@dataclass(eq=False)
class Planner:
    """Plans the classes and functions of a project.

    A class's plan depends on those of its bases and mixins, whose names it must avoid, and on those of the functions
    that it calls.
    """

    knowledge: Knowledge
    wanted: Wanted
    plans: dict[Owner, Plan] = field(default_factory=dict)

    def plan(self, owner: Owner) -> Plan:
        if owner not in self.plans:
            self.plans[owner] = Plan()
            if isinstance(owner, Class):
                self._plan_class(owner, self.plans[owner])
            else:
                self._plan_function(owner, self.plans[owner])
        return self.plans[owner]

    def _plan_class(self, cls: Class, plan: Plan) -> None:
        self._substitute_in_class(cls, plan)
        run = self.knowledge.run(cls) if self.knowledge.may_be_module(cls) else None
        own = {method for method in cls.methods.values() if not method.is_static}
        sites = [s for s in run.interpreter.sites.values() if s.function in own] if run else []
        sites.sort(key=lambda site: site.order)
        unseen = own - run.interpreter.entered if run else own
        unseen = {m for m in unseen if m is not cls.constructor and m.node.name != "forward"}
        below = runs_below(self.knowledge, cls, unseen) or runs_of_users(self.knowledge, cls, unseen)
        for method in sorted(unseen, key=lambda m: m.node.lineno):
            sites += _in_source_order(_merged(method, below))
        sites = [s for s in sites if s.attribute or self._computes(s)]
        if not sites:
            return
        place = find_construction(self.knowledge, cls)
        if isinstance(place, NoPlace):
            sites = [s for s in sites if not self._is_given_modules(s.function)]
            plan.refusals += _all_refused(place, sites)
            return
        values = _joined_values([*([run] if run else []), *below])
        numbered = numbered_methods(self.knowledge, cls, run)
        context = Context(self.knowledge, place, "", values)
        self._decide_all(cls, plan, sites, context, Turns(self.knowledge, place, values, numbered))

    def _place_for(self, function: Function, runs: list[Run]) -> Held | NoPlace:
        if any(function in run.interpreter.recursive for run in runs) and not function.is_free:
            return NoPlace("RW903", f"the method {function.node.name} cannot be given modules: it may call itself", "")
        return find_holder(self.knowledge, function)

    def _is_given_modules(self, method: Function) -> bool:
        """Whether those who call a method of an object that is no module can give it modules."""
        may_be = is_of_plain(self.knowledge, method)
        return may_be and isinstance(self._place_for(method, runs_through(self.knowledge, method)), Held)

    def _plan_function(self, function: Function, plan: Plan) -> None:
        if not function.is_free and not is_of_plain(self.knowledge, function):
            return
        runs = runs_through(self.knowledge, function)
        sites = _in_source_order(s for s in _merged(function, runs) if not s.attribute)
        sites = [s for s in sites if self._computes(s)]
        if not sites:
            if function.is_free:
                self._substitute(function, plan, find_placed(self.knowledge, function, None))
            return
        held = self._place_for(function, runs)
        if isinstance(held, NoPlace):
            if function.is_free or not is_kept(self.knowledge, function):
                plan.refusals += _all_refused(held, sites)
            return
        context = Context(self.knowledge, held.place, held.parameter, _joined_values(runs))
        self._decide_all(function, plan, sites, context, loops=None)

    def _computes(self, site: Site) -> bool:
        """An operation, or the call of a function that has some."""
        return bool(site.candidates or site.chosen or isinstance(site.handed, str)) or self._has_operations(site)

    def _has_operations(self, site: Site) -> bool:
        """Whether a function that the site calls, or may call, takes modules for its operations."""
        one = site.callee or site.handed
        called = functions_in(site.choice) if site.choice is not None else [one] if isinstance(one, Function) else []
        return any(map(self._takes_modules, called))

    def _takes_modules(self, function: Function) -> bool:
        is_free = function.is_static or function.file.functions.get(function.node.name) is function
        may_take = is_free or (not function.is_free and is_of_plain(self.knowledge, function))
        return may_take and (bool(self.plan(function).changes) or holder_of(self.knowledge, function) is not None)

    def _substitute_in_class(self, cls: Class, plan: Plan) -> None:
        self._substitute(cls, plan, find_compounds(self.knowledge, cls))
        self._substitute(cls, plan, find_stored(self.knowledge, cls))
        if self.knowledge.may_be_module(cls):
            run = self.knowledge.run(cls)
            computing = run.interpreter.entered if run is not None else set()
            for method in cls.methods.values():
                if method.node.name != "forward" and method not in computing:
                    self._substitute(cls, plan, self._placed_where_nobody_counts(method, cls))

    def _placed_where_nobody_counts(self, method: Function, cls: Class) -> Iterator[Substitution | Refusal]:
        """Instances of their own for the places of one, unless code that goes through the modules would meet more."""
        found = list(find_placed(self.knowledge, method, cls))
        walker = walker_over(self.knowledge, cls, made_early=True) if found else None
        for item in found:
            if isinstance(item, Substitution) and walker is not None:
                why = f"{walker.node.name} walks its own modules, and would meet more of them"
                yield Refusal("RW904", f"one instance stays in several places: {why}", _span(item), advice_for("RW904"))
            else:
                yield item

    def _substitute(self, owner: Owner, plan: Plan, found: Iterable[Substitution | Refusal]) -> None:
        nodes = {id(n) for other in plan.substitutions for n in walk(other.node)}
        for item in found:
            if isinstance(item, Refusal):
                plan.refusals.append(item)
            elif not self.wanted(owner, item):
                plan.unwanted.append(item)
            elif id(item.node) not in nodes:
                plan.substitutions.append(item)

    def _decide_all(self, owner: Owner, plan: Plan, sites: list[Site], context: Context, loops: Turns | None) -> None:
        taken: set[str] | None = None
        for site in sites:
            for decision in self._settle(site, context, loops):
                if isinstance(decision, Refusal):
                    plan.refusals.append(decision)
                    continue
                change = decision
                if (why := context.doubt) is not None:
                    change = replace(decision, safety=Safety.UNSAFE, why_unsafe=why)
                if not self.wanted(owner, change):
                    plan.unwanted.append(change)
                    break
                taken = self._taken(owner, context) if taken is None else taken
                name = free_name(change.attribute, taken)
                taken.add(name)
                plan.changes.append(Named(change, name))

    def _taken(self, owner: Owner, context: Context) -> TakenNames:
        hierarchy = self.knowledge.hierarchy
        cls = owner if isinstance(owner, Class) else getattr(context.place, "cls", None)
        if cls is None:
            return TakenNames()
        taken = taken_names(hierarchy, cls)
        for relative in hierarchy.sharing(cls):
            if relative is owner:
                break  # those behind it avoid its names
            taken |= {named.name for named in self.plan(relative).changes}
            if relative is cls:
                break
        return taken

    def _settle(self, site: Site, context: Context, loops: Turns | None) -> Iterator[Change | Refusal]:
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
        if change.turns or isinstance(change.make, MakeAgain | Tie):
            name = change.site.function.node.name
            return refuse(
                "RW904", change.site, f"{change.what} needs a module that __init__ makes after it runs {name}"
            )
        return replace(change, place=ready)

    def _decisions(self, site: Site, context: Context, loops: Turns | None) -> Iterator[Change | Refusal]:
        if site.attribute and loops is not None:
            decision = decide_call(site, context, loops)
        elif site.handed is not None:
            decision = _handed(site) if self._computes(site) else None
        elif site.callee is not None:
            decision = wrap_call(site, context) if self._has_operations(site) else None
        elif site.choice is not None:
            decision = call_chosen(site, context, self._takes_modules) if self._has_operations(site) else None
        else:
            decision = self._operation(site, context)
        if decision is None:
            return
        if isinstance(decision, Refusal) or site.attribute:
            yield decision
            return
        turns = loops.around(site) if loops else ()
        yield replace(decision, turns=turns)
        if not turns and (why := _shared(site, context)):
            yield refuse("RW908" if site.deferred else "RW902", site, f"{decision.what} {why}")

    def _operation(self, site: Site, context: Context) -> Change | Refusal:
        """The reasons that hold for every operation, then what the operation itself says."""
        if not site.tensor:
            return refuse("RW901", site, f"it is not known whether {describe(site)} works on tensors")
        if not context.receiver_at(site):
            return refuse("RW903", site, f"{describe(site)} stands in a function that has no object to hold a module")
        return call_chosen(site, context, self._takes_modules) if site.chosen else decide(site, context)


def _span(found: Substitution) -> Span:
    return found.function.file.source.span(found.node)


def _handed(site: Site) -> Refusal:
    assert isinstance(site.node, ast.Call)
    runner = ast.unparse(site.node.func)
    if site.handed == DIFFERENTIATED:
        message = f"`{runner}()` computes a gradient of its own: nothing in its forward can become a module"
        return refuse("RW903", site, message, "make a module whose forward calls it, and quantize that one as a whole")
    if site.handed == AT_FILE_LEVEL:
        message = f"`{runner}` is a module that stands at file level, where no object has it for a child"
        return refuse("RW903", site, message, f"give the object one in __init__, as in `self.act = {runner}`")
    function = ast.unparse(site.node.args[0])
    message = f"`{runner}()` runs `{function}`, which no module can be called in place of there"
    return refuse("RW903", site, message, "hand over a module, or call the function itself in a loop or comprehension")


def _shared(site: Site, context: Context) -> str | None:
    """Why one module stands for several executions."""
    if site.deferred:
        return "stands in a lambda or nested function: one module serves however often that is called"
    again = site.runs > 1 or site.called_in_loop
    if site.in_loop or (again and not context.receiver):
        return "runs more than once in a forward: one module serves all of them"
    return None


def _all_refused(place: NoPlace, sites: list[Site]) -> Iterator[Refusal]:
    sites = [s for s in sites if (s.candidates and s.tensor) or s.chosen or s.choice]
    return (refuse(place.code, s, place.reason, place.advice) for s in sites)


def _merged(function: Function, runs: list[Run]) -> Iterator[Site]:
    """What all the runs together say of the sites in a function."""
    found: dict[object, Site] = {}
    for run in runs:
        for node, site in run.interpreter.sites.items():
            if site.function is not function:
                continue
            known = found.get(node)
            if known is None:
                found[node] = replace(site)
                continue
            known.tensor |= site.tensor
            known.chosen |= site.chosen
            known.deferred |= site.deferred
            known.in_loop |= site.in_loop
            known.called_in_loop |= site.called_in_loop
            known.runs = max(known.runs, site.runs)
            known.candidates = tuple(dict.fromkeys([*known.candidates, *site.candidates]))
    yield from found.values()


def _in_source_order(sites: Iterator[Site]) -> list[Site]:
    """By where they end, so that an operand comes before what is computed from it."""
    return sorted(sites, key=lambda site: (site.node.end_lineno or 0, site.node.end_col_offset or 0))


def _joined_values(runs: list[Run]) -> dict[ast.expr, Value]:
    if len(runs) == 1:
        return runs[0].interpreter.values
    joined: dict[ast.expr, Value] = {}
    for run in runs:
        for node, value in run.interpreter.values.items():
            joined[node] = v.join(joined[node], value) if node in joined else value
    return joined


def free_name(wanted: str, taken: Container[str]) -> str:
    """`add`, `add2`, `add3` ...; behind a digit `relu1_2`; `op_relu` where a class makes up its names from `relu`."""
    for name in (wanted, f"op_{wanted}", f"{wanted}_op"):
        stem = f"{name}_" if name[-1].isdigit() else name
        candidates = [name, *(f"{stem}{number}" for number in range(2, _MOST_OF_A_NAME))]
        if (free := next((candidate for candidate in candidates if candidate not in taken), None)) is not None:
            return free
    raise ValueError(f"no name like {wanted!r} is free")
