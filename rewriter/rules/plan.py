"""All decisions about one class, in the order in which its code runs, with names."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rewriter.facts.construction import NoPlace, find_construction
from rewriter.facts.interpreter.state import Site
from rewriter.facts.knowledge import Knowledge, Run
from rewriter.facts.project import Class, Function
from rewriter.results import Refusal, Safety
from rewriter.rules.change import Change
from rewriter.rules.compound import Substitution, find_compounds
from rewriter.rules.operations import Context, decide, describe
from rewriter.rules.refusals import refuse
from rewriter.rules.reuse import decide_call

Wanted = Callable[[Class, Change | Substitution], bool]
"""Whether a change is to be applied; others leave their sites as they are."""


@dataclass(frozen=True)
class Named:
    """A change with the attribute name that it will have."""

    change: Change
    name: str


@dataclass
class ClassPlan:
    changes: list[Named] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    outside: list[Site] = field(default_factory=list)
    """Operations in functions that belong to no class, met on the way."""
    substitutions: list[Substitution] = field(default_factory=list)
    unwanted: list[Change | Substitution] = field(default_factory=list)
    """Possible, but not selected or suppressed."""


@dataclass(eq=False)
class Planner:
    """Plans the classes of a project; a class's plan depends on those of its bases, whose names it must avoid."""

    knowledge: Knowledge
    wanted: Wanted
    _plans: dict[Class, ClassPlan] = field(default_factory=dict)

    def plan(self, cls: Class) -> ClassPlan:
        if cls not in self._plans:
            self._plans[cls] = ClassPlan()
            self._plans[cls] = self._make(cls)
        return self._plans[cls]

    def _make(self, cls: Class) -> ClassPlan:
        plan = ClassPlan()
        self._substitute(cls, plan)
        lineage = self.knowledge.hierarchy.lineage(cls)
        forward = lineage.method("forward")
        if forward is None or not (lineage.is_module or (lineage.unseen and _makes_modules(cls))):
            return plan
        run = Run(self.knowledge, cls, forward)
        run.until_settled()
        own = {id(method) for method in cls.methods.values()}
        sites = [s for s in run.interpreter.sites.values() if id(s.function) in own]
        plan.outside = [s for s in run.interpreter.sites.values() if _is_plain_function(s.function) and s.tensor]
        taken: set[str] | None = None
        for decision in self._decisions(cls, sites, run):
            if isinstance(decision, Refusal):
                plan.refusals.append(decision)
            elif not self.wanted(cls, decision):
                plan.unwanted.append(decision)
            else:
                taken = self._taken(cls) if taken is None else taken
                name = free_name(decision.attribute, taken)
                taken.add(name)
                plan.changes.append(Named(decision, name))
        return plan

    def _substitute(self, cls: Class, plan: ClassPlan) -> None:
        for found in find_compounds(self.knowledge, cls):
            if isinstance(found, Refusal):
                plan.refusals.append(found)
            elif self.wanted(cls, found):
                plan.substitutions.append(found)
            else:
                plan.unwanted.append(found)

    def _taken(self, cls: Class) -> set[str]:
        taken = self.knowledge.hierarchy.taken_names(cls)
        for base in self.knowledge.hierarchy.lineage(cls).project[1:]:
            taken |= {named.name for named in self.plan(base).changes}
        return taken

    def _decisions(self, cls: Class, sites: list[Site], run: Run) -> Iterator[Change | Refusal]:
        if not sites:
            return
        place = find_construction(self.knowledge, cls)
        if isinstance(place, NoPlace):
            yield from (refuse(place.code, s, place.reason, place.advice) for s in sites if s.candidates and s.tensor)
            return
        doubt = self._doubt(cls)
        context = Context(self.knowledge, place, run.interpreter.values, self._follows_training(cls))
        for site in sorted(sites, key=lambda s: s.order):
            decision = decide_call(site, context) if site.attribute else _settle(site, context)
            if decision is not None:
                yield self._judged(decision, doubt)

    def _follows_training(self, cls: Class) -> bool:
        lineage = self.knowledge.hierarchy.lineage(cls)
        relatives = [*lineage.project, *self.knowledge.hierarchy.subclasses(cls)]
        return not any("train" in c.methods or "training" in c.methods or _sets_training(c) for c in relatives)

    def _judged(self, decision: Change | Refusal, doubt: str | None) -> Change | Refusal:
        if isinstance(decision, Refusal) or doubt is None:
            return decision
        return Change(**{**vars(decision), "safety": Safety.UNSAFE, "why_unsafe": doubt})

    def _doubt(self, cls: Class) -> str | None:
        """What may go wrong with a new attribute of the class, though nothing of it can be seen from here."""
        if unseen := self.knowledge.hierarchy.lineage(cls).unseen:
            return f"the base class {sorted(unseen)[0]} is out of sight and may use the attribute's name"
        for file in self.knowledge.project.files_mentioning(cls.node.name):
            if "children()" in file.source.text and (line := _picks_children(file.source.tree)):
                return f"{file.path.name}:{line} picks children by position, and may count the new module"
        return None


def _settle(site: Site, context: Context) -> Change | Refusal:
    """The reasons that hold for every operation, then what the operation itself says."""
    if not site.tensor:
        return refuse("RW901", site, f"it is not known whether {describe(site)} works on tensors")
    if site.self_name is None:
        return refuse("RW903", site, f"{describe(site)} stands in a function that has no object to hold a module")
    if site.deferred:
        return refuse("RW908", site, f"{describe(site)} stands in a lambda or nested function")
    if site.in_loop or site.runs > 1:
        return refuse("RW902", site, f"{describe(site)} runs more than once in a forward")
    return decide(site, context)


def _is_plain_function(function: Function) -> bool:
    return function.file.functions.get(function.node.name) is function


def _makes_modules(cls: Class) -> bool:
    """A class with an unknown base is taken for a module where it makes torch modules in `__init__`."""
    init = cls.methods.get("__init__")
    if init is None:
        return False
    names = (init.full_name(n.func, init.locals) for n in ast.walk(init.node) if isinstance(n, ast.Call))
    return any(name and name.startswith("torch.nn.") for name in names)


def _picks_children(tree: ast.Module) -> int | None:
    """The line of something like `list(model.children())[:-2]`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            for inner in ast.walk(node.value):
                if isinstance(inner, ast.Attribute) and inner.attr in ("children", "named_children"):
                    return node.lineno
    return None


def _sets_training(cls: Class) -> bool:
    return any(
        isinstance(n, ast.Attribute) and n.attr == "training" and isinstance(n.ctx, ast.Store)
        for n in ast.walk(cls.node)
    )


def free_name(wanted: str, taken: set[str]) -> str:
    """`add`, `add2`, `add3` ...; behind a digit `relu1_2`."""
    if wanted not in taken:
        return wanted
    stem = f"{wanted}_" if wanted[-1].isdigit() else wanted
    number = 2
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"
