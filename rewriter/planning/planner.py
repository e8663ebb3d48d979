"""All decisions about one class or function, in the order in which its code runs, with names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from rewriter.changes.change import Change, NamedChange, Substitution, numberings
from rewriter.evidence import Evidence
from rewriter.facts.functions.callers import (
    is_kept,
    is_of_plain,
    runs_alone,
    runs_below,
    runs_handing_out,
    runs_of_users,
    runs_through,
)
from rewriter.facts.functions.kept import is_kept_in_module
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.construction import Construction, NoPlace, find_construction
from rewriter.facts.making.function_owners import Held, find_holder, holder_of
from rewriter.facts.making.names_in_use import TakenNames, taken_names
from rewriter.facts.walks.after_making import walker_over
from rewriter.facts.walks.steps import goes_over_steps
from rewriter.interpreter.run import Run
from rewriter.planning.decisions import Decisions
from rewriter.planning.left import all_refused, of_other_quantizers
from rewriter.planning.observed import known
from rewriter.planning.plan import PLAN, TAKES, Owner, Plan, Wanted, free_name
from rewriter.planning.target import Target
from rewriter.planning.together import awake, in_source_order, joined_values, sites_in
from rewriter.python.answers import Answers
from rewriter.python.code import Class, File, Function
from rewriter.python.lasting import said_of_code
from rewriter.results import Refusal, Safety
from rewriter.rules.context import Context
from rewriter.rules.foreign import incomplete
from rewriter.rules.function_loops import FunctionLoops
from rewriter.rules.listing import RULES
from rewriter.rules.module_loops import Turns
from rewriter.rules.refusals import advice_for
from rewriter.rules.reuse import called_again
from rewriter.rules.told import numbers_told
from rewriter.rules.upper_again import upper_run_again
from rewriter.sites.site import (
    CallByAnotherName,
    ChosenCall,
    ForeignOperation,
    FunctionCall,
    HandedFunction,
    KeptFunctionCall,
    ModuleCall,
    Operation,
    PartCall,
    PartMethodCall,
    Site,
)
from rewriter.sites.together import COMPUTING


@dataclass(eq=False)
class Planner:
    """Plans the classes and functions of a project.

    A class's plan depends on those of its bases and mixins, whose names it must avoid, and on those of the functions
    that it calls.
    """

    knowledge: Knowledge
    wanted: Wanted
    plans: Answers
    source: str = ""
    """The library whose modules are to become ours."""
    target: Target | None = None
    """The library whose modules are to be used; None for runtime."""
    all_operations: bool = False
    """Those on integers, masks and constants become modules as well."""
    evidence: Evidence | None = None
    """What observed executions have shown."""

    def keep(self, earlier: Planner, replaced: File) -> None:
        """Takes over what was planned for files that have not been replaced."""
        self.plans.keep(PLAN, earlier.plans, lambda owner, _: owner.file is not replaced)

    def plan(self, owner: Owner) -> Plan:
        plan = Plan()

        def find() -> Plan:
            if isinstance(owner, Class):
                self._plan_class(owner, plan)
            else:
                self._plan_function(owner, plan)
            return plan

        return self.plans.found(PLAN, owner, find, meanwhile=plan)

    def _plan_class(self, cls: Class, plan: Plan) -> None:
        self._substitute_in_class(cls, plan)
        run = self.knowledge.run(cls) if self.knowledge.may_be_module(cls) else None
        told = numbers_told(self.knowledge, cls, lambda above: numberings(self.plan(above).changes))
        self._substitute(cls, plan, told)
        plan.refusals += upper_run_again(cls, run)
        own = {method for method in cls.methods.values() if not method.is_static}
        met = sorted(run.met.sites.values(), key=lambda site: site.order) if run else []
        unseen = own - run.met.entered if run else own
        unseen = {m for m in unseen if m is not cls.constructor and (run is None or m.node.name != "forward")}
        below = runs_below(self.knowledge, cls, unseen) or runs_of_users(self.knowledge, cls, unseen)
        if self.knowledge.may_be_module(cls) or (
            below and isinstance(find_construction(self.knowledge, cls), Construction)
        ):
            below += runs_alone(self.knowledge, cls, unseen.difference(*(run.met.entered for run in below)))
        below += runs_handing_out(self.knowledge, cls, unseen.difference(*(run.met.entered for run in below)))
        sites = awake((s for s in met if s.function in own), below)
        for method in sorted(unseen, key=lambda m: m.node.lineno):
            sites += in_source_order(sites_in(method, below))
        settled = list(self._settled(sites, cls))
        plan.refusals += [] if self.source or self.target else of_other_quantizers(settled)
        computing = [s for s in settled if self._calls_module(s, run) or self._computes(s)]
        sites = known(plan, computing, self.evidence)
        if not sites:
            return
        place = find_construction(self.knowledge, cls)
        if isinstance(place, NoPlace):
            sites = [s for s in sites if not self._is_given_modules(s.function) and self._needs(s)]
            plan.refusals += all_refused(place, sites)
            return
        forward = [run] if run else []
        users = [other for other in below if cls not in self.knowledge.hierarchy.lineage(other.cls).project]
        values = joined_values([*forward, *below])
        runs = [*forward, *users]
        loops = Turns(self.knowledge, place, values, runs, lambda owner: numberings(self.plan(owner).changes))
        self._decide_all(cls, plan, sites, Context(self.knowledge, place, "", values, self._takes_modules, loops))

    def _place_for(self, function: Function, runs: list[Run]) -> Held | NoPlace:
        if any(function in run.met.recursive for run in runs) and not function.is_free:
            return NoPlace("RW903", f"the method {function.node.name} cannot be given modules: it may call itself", "")
        return find_holder(self.knowledge, function)

    def _is_given_modules(self, method: Function) -> bool:
        """Whether those who call a method of an object that is not a module can give it modules."""
        may_be = is_of_plain(self.knowledge, method)
        return may_be and isinstance(self._place_for(method, runs_through(self.knowledge, method)), Held)

    def _plan_function(self, function: Function, plan: Plan) -> None:
        if not function.is_free and not is_of_plain(self.knowledge, function):
            return
        runs = runs_through(self.knowledge, function)
        sites = [s for s in self._settled(sites_in(function, runs), None) if not isinstance(s, ModuleCall)]
        plan.refusals += [] if self.source or self.target else of_other_quantizers(sites)
        plan.refusals += filter(None, (called_again(s) for s in sites if isinstance(s, CallByAnotherName)))
        sites = known(plan, [s for s in in_source_order(sites) if self._computes(s)], self.evidence)
        if not sites:
            if function.is_free:
                self._substitute_in_making(function, function, None, plan)
            return
        held = self._place_for(function, runs)
        if isinstance(held, NoPlace):
            if function.is_free or not is_kept(self.knowledge, function):
                plan.refusals += all_refused(held, sites)
            return
        loops = FunctionLoops(self.knowledge, function, values := joined_values(runs))
        context = Context(self.knowledge, held.place, held.parameter, values, self._takes_modules, loops)
        self._decide_all(function, plan, sites, context)

    def _needs(self, site: Site) -> bool:
        return self.target is None or self.target.needs(site)

    def _settled(self, sites: Iterable[Site], cls: Class | None) -> Iterator[Site]:
        """The sites, where functions that cannot become modules where they are stored are chosen at the call."""
        for site in sites:
            if isinstance(site, PartMethodCall):
                is_plain = site.choice is not None and is_of_plain(self.knowledge, site.callee)
                yield site.otherwise() if is_plain else site
                continue
            is_kept = (
                isinstance(site, KeptFunctionCall) and cls and is_kept_in_module(self.knowledge, cls, site.attribute)
            )
            yield site.otherwise() if isinstance(site, KeptFunctionCall) and not is_kept else site

    def _calls_module(self, site: Site, run: Run | None) -> bool:
        """A call of a module, or of such a method of one as runs operations or modules itself."""
        if not isinstance(site, PartMethodCall):
            return isinstance(site, ModuleCall | PartCall | CallByAnotherName)
        inside = [s for s in (run.met.sites.values() if run is not None else ()) if s.function is not site.function]
        reached = {site.callee, *(b for a, b in (run.met.entered_at if run is not None else ()) if a is site.callee)}
        return any(s.function in reached and (isinstance(s, ModuleCall) or self._computes(s)) for s in inside)

    def _computes(self, site: Site) -> bool:
        """An operation, or the call of a function that has some."""
        if isinstance(site, HandedFunction) and isinstance(site.handed, str):
            return True
        if isinstance(site, Operation) and site.idle and not self.all_operations:
            return False
        if isinstance(site, ForeignOperation):
            return bool(self.source)
        return isinstance(site, COMPUTING) or self._has_operations(site)

    def _has_operations(self, site: Site) -> bool:
        """Whether a function that the site calls, or may call, takes modules for its operations."""
        called: list[Function] = []
        if isinstance(site, ChosenCall):
            called = site.choice.functions
        elif isinstance(site, FunctionCall):
            called = [site.callee]
        elif isinstance(site, HandedFunction) and isinstance(site.handed, Function):
            called = [site.handed]
        return any(map(self._takes_modules, called))

    def _takes_modules(self, function: Function) -> bool:
        def find() -> bool:
            is_free = function.is_static or function.file.functions.get(function.node.name) is function
            may_take = is_free or (not function.is_free and is_of_plain(self.knowledge, function))
            return may_take and (bool(self.plan(function).changes) or holder_of(self.knowledge, function) is not None)

        return said_of_code(self.knowledge.project, TAKES, function, find, self.plans)

    def _substitute_in_class(self, cls: Class, plan: Plan) -> None:
        for rule in reversed(RULES):  # what replaces a part comes before what wraps the whole
            if rule.finds_in_class is not None:
                self._substitute(cls, plan, rule.finds_in_class(self.knowledge, cls, self._takes_modules))
        if self.knowledge.may_be_module(cls):
            run = self.knowledge.run(cls)
            computing = run.met.entered if run is not None else set()
            for method in cls.methods.values():
                if method.node.name != "forward" and method not in computing:
                    self._substitute_in_making(cls, method, cls, plan)

    def _substitute_in_making(self, owner: Owner, function: Function, cls: Class | None, plan: Plan) -> None:
        for rule in RULES:
            if rule.finds_in_making is not None:
                found = rule.finds_in_making(self.knowledge, function, cls)
                self._substitute(owner, plan, found if cls is None else self._where_nobody_counts(list(found), cls))
            if self.source in rule.finds_from:
                self._substitute(owner, plan, rule.finds_from[self.source](self.knowledge, function, cls))

    def _where_nobody_counts(self, found: list[Substitution | Refusal], cls: Class) -> Iterator[Substitution | Refusal]:
        """Instances of their own for the places of one, unless code that goes through the modules would meet more."""
        walker = walker_over(self.knowledge, cls, made_early=True) if found else None
        walker = cls if walker is None and found and goes_over_steps(self.knowledge.hierarchy, cls) else walker
        for item in found:
            if isinstance(item, Substitution) and walker is not None:
                why = f"{walker.node.name} walks its own modules, and would meet more of them"
                message = f"one instance stays in several places: {why}"
                yield Refusal("RW904", message, item.finding().span, advice_for("RW904"))
            else:
                yield item

    def _substitute(self, owner: Owner, plan: Plan, found: Iterable[Substitution | Refusal]) -> None:
        for item in found:
            if isinstance(item, Refusal):
                plan.refusals.append(item)
            elif self.target is not None and isinstance(other := self.target.substitution(item), Refusal):
                plan.refusals.append(other)
            elif not self.wanted(owner, item):
                plan.unwanted.append(item)
            elif all(other.leaves(item) for other in plan.substitutions):
                plan.substitutions.append(item)

    def _decide_all(self, owner: Owner, plan: Plan, sites: list[Site], context: Context) -> None:
        taken: set[str] | None = None
        decisions = Decisions(self.knowledge)
        for site in sites:
            for decision in decisions.about(site, context):
                if isinstance(decision, Refusal):
                    plan.refusals.append(decision)
                    continue
                target = decision if self.target is None else self.target.change(decision, context)
                if not isinstance(target, Change):
                    plan.refusals += [] if target is None else [target]
                    break
                change = decision = target
                if why := site.observed or context.doubt:
                    change = replace(decision, safety=Safety.UNSAFE, why_unsafe=why)
                if not self.wanted(owner, change):
                    plan.unwanted.append(change)
                    break
                taken = self._taken(owner, context) if taken is None else taken
                same = next((n.name for n in plan.changes if n.change.shares_list_with(change)), None)
                name = change.attribute if change.instead is not None else same or free_name(change.attribute, taken)
                taken.add(name)
                plan.changes.append(NamedChange(change, name))
        if isinstance(owner, Class) and self.source:
            for named, refusal in list(incomplete(plan.changes, owner.node)):
                plan.changes.remove(named)
                plan.refusals.append(refusal)

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
