"""Notes the sites that a run comes to."""

from __future__ import annotations

import ast
from dataclasses import dataclass, fields

from rewriter.interpreter.context import Context
from rewriter.interpreter.made_here import maker_here
from rewriter.python.attributes import first_name, stores
from rewriter.python.code import Class, Function
from rewriter.python.given_methods import GivenMethods
from rewriter.python.members import ListMember
from rewriter.sites.site import (
    CallByAnotherName,
    ChosenCall,
    DifferentiatedCall,
    FileLevelModuleCall,
    ForeignOperation,
    FunctionCall,
    HandedFunction,
    HandedModule,
    KeptFunctionCall,
    MappedModule,
    MemberCall,
    MethodAgain,
    ModuleCall,
    NewModuleCall,
    Operation,
    OperationOfAnyKind,
    OutsideCall,
    PartCall,
    PartMethodCall,
    Site,
    SiteNode,
    UnknownCall,
)
from rewriter.torch_api.modules import PARAMETER_FREE
from rewriter.torch_api.row import Row, Spelling
from rewriter.values.base import Call, Value
from rewriter.values.functions import (
    Choice,
    Member,
    NestedFunction,
    SomeFunction,
)
from rewriter.values.modules import MODULE, Module, ProjectModule, TorchModule, WrappedFunction


@dataclass(frozen=True)
class Notes:
    context: Context

    def operation(
        self, node: SiteNode, candidates: tuple[tuple[Row, Spelling], ...], tensor: bool, idle: bool = False
    ) -> None:
        self._note(Operation(node, *self._place(), candidates, tensor, idle=idle))

    def foreign(self, node: ast.Call, candidates: tuple[tuple[Row, Spelling], ...], holder: ast.expr) -> None:
        attribute = holder.attr if isinstance(holder, ast.Attribute) and self.context.is_own(holder.value) else ""
        self._note(ForeignOperation(node, *self._place(), candidates, True, attribute))

    def any_operation(self, node: ast.Call) -> None:
        self._note(OperationOfAnyKind(node, *self._place()))

    def function_call(self, node: ast.Call, function: Function) -> None:
        self._note(FunctionCall(node, *self._place(), function))

    def outside_call(self, node: ast.Call, name: str) -> None:
        self._note(OutsideCall(node, *self._place(), name))

    def unknown_call(self, node: ast.Call) -> None:
        """What a subclass puts into an attribute is known there."""
        func = node.func
        if isinstance(self.context.met.sites.get(node), ModuleCall):
            return  # of what the object has: to note it once more would count the call twice
        if isinstance(func, ast.Attribute) and self.context.is_own(func.value) and self._is_stored_below(func.attr):
            return
        if isinstance(func, ast.Attribute) and self._is_stored_by_user(func):
            return
        self._note(UnknownCall(node, *self._place()))

    def _is_stored_by_user(self, func: ast.Attribute) -> bool:
        """What a class has that is given methods, a module as far as these know, is looked after there."""
        holder, known = self.context.met.values.get(func.value), self.context.known
        is_given = isinstance(holder, ProjectModule) and isinstance(holder.cls, GivenMethods)
        return is_given and isinstance(holder, ProjectModule) and func.attr in known.attributes(holder.cls)

    def choice(self, node: ast.Call, choice: Choice) -> None:
        self._note(ChosenCall(node, *self._place(), choice))

    def comes_to(self, node: ast.Call) -> None:
        """A call of what a variable holds, or of its method, is counted whether or not it is a site this time."""
        runs = self.context.state.runs
        runs[node.func] = runs.get(node.func, 0) + 1

    def called_otherwise(self, node: ast.Call, callee: Value) -> None:
        """A run that comes to a call more than once may find another function there: it is chosen when it runs."""
        met = self.context.met
        joined, site = met.values.get(node.func, callee), met.sites.get(node)
        functions = [part for part in joined.parts if isinstance(part, SomeFunction)]
        is_one = _is_one_function(joined) or (not functions and joined == callee)
        if is_one or not isinstance(site, Operation | FunctionCall | OperationOfAnyKind | ChosenCall):
            return
        self._count(site, node)
        if isinstance(site, Operation | FunctionCall):
            met.sites[node] = _chosen(site, functions)

    def no_operation(self, node: SiteNode) -> None:
        """An operator that computes with numbers or lists this time: where it is a site as well, it has run."""
        runs = self.context.state.runs
        runs[node] = runs.get(node, 0) + 1
        if (site := self.context.met.sites.get(node)) is not None:
            site.runs = max(site.runs, runs[node])

    def called_on_another(self, node: ast.Call) -> None:
        """`x.mul(3)`, where `x` is a tensor at one time and an object of some class at another."""
        site = self.context.met.sites.get(node)
        if isinstance(site, Operation):
            self._count(site, node)

    def _count(self, site: Site, node: ast.Call) -> None:
        runs = self.context.state.runs
        runs[node] = runs[node.func]
        site.runs = max(site.runs, runs[node])

    def handed(self, node: ast.Call, function: Function | str) -> None:
        self._note(HandedFunction(node, *self._place(), function))

    def mapped(self, node: ast.Call, attribute: str, value: Value) -> None:
        self._note(MappedModule(node, *self._place(), attribute, value, frozenset({self._calls_before(attribute)})))

    def differentiated(self, node: ast.Call, name: str) -> None:
        self._note(DifferentiatedCall(node, *self._place(), name))

    def new_module(self, node: ast.Call) -> None:
        if (made := maker_here(self.context, node.func)) is not None:
            self._note(NewModuleCall(node, *self._place(), made))

    def by_another_name(self, node: ast.Call, names: frozenset[str]) -> None:
        """A call of what was read from an attribute; where several were, each turn may take another one."""
        before = frozenset(self.context.count(name) for name in sorted(names))
        said = tuple(sorted(name.rpartition(".")[2] for name in names))
        self._note(CallByAnotherName(node, *self._place(), before, attributes=said))

    def nothing(self, node: ast.Call) -> None:
        """A call that the source does not have is no site."""
        self.context.met.sites.pop(node, None)

    def at_file_level(self, node: ast.Call) -> None:
        self._note(FileLevelModuleCall(node, *self._place()))

    def module_call(self, node: ast.Call, attribute: str, value: Value) -> None:
        """A call of what the object has under a name, unless that is known to be a function."""
        if value.may_be(SomeFunction) and not value.may_be(Module):
            return
        before = self._calls_before(attribute)
        unknown = not value.known and not value.has_name and not self._is_stored(attribute)
        if unknown and not (before and self._is_stored_below(attribute)):
            return  # put there by somebody else, who may put there what he likes
        self._note(ModuleCall(node, *self._place(), attribute, value, frozenset({before})))

    def part_call(self, node: ast.Call, part: str, member: ListMember | None = None) -> None:
        before = frozenset({self.context.count(f"{self.context.frame.holder}.{part}")})
        self._note(PartCall(node, *self._place(), before, member=member, whole=self._whole_before(part)))

    def _whole_before(self, part: str) -> str:
        """The attribute of which the part is one, if what that holds has been called as a whole."""
        attribute = part.removeprefix(".").replace("[", ".").partition(".")[0]
        return attribute if self.context.counted(counted_as(self.context, attribute)) else ""

    def method_again(self, node: ast.Call, method: Function) -> None:
        assert isinstance(node.func, ast.Attribute)
        self.context.state.runs[node.func] -= 1  # the call has counted it already
        self._note(MethodAgain(node.func, *self._place(), method.node.name, MODULE, frozenset({1})))

    def member_call(self, node: ast.Call, attribute: str, value: Value, index: ast.expr) -> None:
        self._note(MemberCall(node, *self._place(), attribute, value, frozenset({0}), index))

    def part_method(self, node: ast.Call, attribute: str, cls: Class, callee: Function, choice: Choice | None) -> None:
        place, before = self._place(), self.context.count(method_of_part(self.context, attribute, callee))
        self._note(PartMethodCall(node, *place, attribute, MODULE, frozenset({before}), cls, callee, choice))

    def handed_modules(self, call: Call, callee: Value | None = None) -> None:
        """The modules that the object gives to another one, or to something unknown, which may call them."""
        site = self.context.met.sites.get(call.node)
        receiver = site.module if isinstance(site, ModuleCall) else callee
        is_operation = isinstance(receiver, TorchModule) and not receiver.name.endswith(".modules.Call")
        is_seen = isinstance(receiver, WrappedFunction) or isinstance(site, MappedModule) or is_operation
        if is_seen or not isinstance(site, ModuleCall | PartCall | UnknownCall):
            return  # what a function, `map` or an operation does with them is known
        for node, value in call.arguments.items():
            if isinstance(node, ast.Attribute) and self.context.is_own(node.value) and value.may_be(Module):
                before = self.context.count(self._handing_of(node.attr, value))
                self._note(HandedModule(node, *self._place(), node.attr, value, frozenset({before})))

    def _handing_of(self, attribute: str, value: Value) -> str:
        """What counts it. Who is given an activation calls it; a layer may be given for its weights."""
        is_called = isinstance(value, TorchModule) and value.made in PARAMETER_FREE
        return (
            counted_as(self.context, attribute) if is_called else f"{self.context.frame.holder}.{attribute} handed on"
        )

    def kept_function(self, node: ast.Call, attribute: str, value: Value, function: SomeFunction) -> None:
        before = self._calls_before(attribute)
        self._note(KeptFunctionCall(node, *self._place(), attribute, value, frozenset({before}), function))

    def _calls_before(self, attribute: str) -> int:
        """How many calls of what the object has under the name came before this one."""
        return self.context.count(counted_as(self.context, attribute))

    def _is_stored(self, attribute: str) -> bool:
        known, cls = self.context.known, self.context.cls
        lineage = known.hierarchy.lineage(cls) if cls else None
        return lineage is not None and any(attribute in known.attributes(c) for c in lineage.project[:1])

    def _is_stored_below(self, attribute: str) -> bool:
        cls = self.context.cls
        below = self.context.known.hierarchy.subclasses(cls) if cls else []
        makers = [cls.constructor for cls in below if cls.constructor is not None]
        return any(attribute in init.words and stores(init.node, attribute) for init in makers)

    def _place(self) -> tuple[Function, str | None, int]:
        """What all sites of the moment have in common."""
        context = self.context
        return context.function, own_name_here(context), len(context.met.sites)

    def _note(self, site: Site) -> None:
        """Counts a visit to the site."""
        state, frame = self.context.state, self.context.frame
        runs = state.runs[site.node] = state.runs.get(site.node, 0) + 1
        known = self.context.met.site(site)
        known.runs = max(known.runs, runs)
        known.in_loop = known.in_loop or bool(frame.loops)
        known.called_in_loop = known.called_in_loop or bool(frame.outer_loops)
        known.deferred = known.deferred or bool(frame.deferred)


def counted_as(context: Context, attribute: str) -> str:
    """Under which name calls of what the object has under a name are counted."""
    cls, hierarchy = context.cls, context.known.hierarchy
    name = first_name(hierarchy, cls, attribute) if cls is not None else attribute
    return f"{context.frame.holder}.{name}"


def method_of_part(context: Context, attribute: str, method: Function) -> str:
    """Under which name calls of such a method are counted."""
    return f"{context.frame.holder}.{attribute}.{method.node.name}()"


def _is_one_function(callee: Value) -> bool:
    return isinstance(callee, SomeFunction) and callee.has_name and not isinstance(callee, Choice)


def _chosen(site: Site, functions: list[SomeFunction]) -> Site:
    """The site where one of several functions is called."""
    common = {f.name: getattr(site, f.name) for f in fields(Site)}
    members = frozenset[Member]().union(*(function.members for function in functions))
    # What lambdas and functions inside of this one compute is written where they stand.
    elsewhere = frozenset(member for member in members if not isinstance(member, NestedFunction))
    return ChosenCall(**common, choice=Choice(elsewhere)) if elsewhere else OperationOfAnyKind(**common)


def own_name_here(context: Context) -> str | None:
    """The name by which the function's own object is known; None in a scope that hides it."""
    name = context.frame.self_name
    value = context.state.variables.get(name) if name is not None else None
    return name if isinstance(value, ProjectModule) and value.cls is context.cls else None
