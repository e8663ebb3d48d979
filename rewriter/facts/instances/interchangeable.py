"""Expressions that make a module without parameters, buffers or memory: one instance is as good as another."""

from __future__ import annotations

import ast

from rewriter.facts.functions.received import arguments_received
from rewriter.facts.instances.storing_nothing import keeps_nothing, made_class
from rewriter.facts.knowledge import Knowledge
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import REGISTERING, is_init_call
from rewriter.python.trees import walk
from rewriter.torch_api import modules
from rewriter.torch_api.catalogue import ROWS
from rewriter.torch_api.traits import Trait
from rewriter.values.base import Value
from rewriter.values.functions import SomeFunction
from rewriter.values.modules import Made, Module, ProjectModule, TorchModule, WrappedFunction
from rewriter.values.plain import Nothing, Number, String
from rewriter.values.sequence import Sequence

# What they draw, or how they react to eval(), is decided by one flag for all who share them.
_FOLLOWING_TRAINING = frozenset(target for row in ROWS for target in row.targets if Trait.RANDOM in row.traits)

_STAYING = modules.WITH_PARAMETERS | {"torch.nn.PReLU"}
_STATE = frozenset({"torch.nn.Parameter", "torch.nn.Buffer"})
_QUIET = frozenset("int float bool str len tuple list range min max isinstance round abs super".split())

_WRAPPERS = frozenset(
    target.rpartition(".")[2]
    for row in ROWS
    for target in (row.target, row.flexible_target)
    if target.startswith("runtime.")
)


def is_stateless(knowledge: Knowledge, made: str | Class | None, across_objects: bool = False) -> bool:
    """Whether objects of the class keep nothing; `across_objects` also asks that eval() of one leave others alone."""
    if isinstance(made, Class):
        return _is_stateless_class(knowledge, made, across_objects)
    return made in modules.PARAMETER_FREE and not (across_objects and made in _FOLLOWING_TRAINING)


def has_state(knowledge: Knowledge, made: Made, seen: frozenset[Class] = frozenset()) -> bool:
    """Whether objects of a class have parameters or buffers, as far as can be told."""
    if not isinstance(made, Class):
        return isinstance(made, str) and made.startswith("torch.nn.") and made not in modules.PARAMETER_FREE
    if made in seen or any(map(_mentions_state, knowledge.hierarchy.lineage(made).project)):
        return made not in seen
    held = (value.member() if value.may_be(Sequence) else value for value in knowledge.attributes(made).values())
    return any(isinstance(value, Module) and has_state(knowledge, value.made, seen | {made}) for value in held)


def may_have_own(knowledge: Knowledge, made: str | Class | None) -> bool:
    """Whether each place of what several objects share can be given a copy: `own` makes none of what has parameters."""
    stays = isinstance(made, Class) and always_has_state(knowledge, made)
    return stays or made in _STAYING or is_stateless(knowledge, made, across_objects=True)


def always_has_state(knowledge: Knowledge, cls: Class) -> bool:
    """Whether the first constructor of the class makes parameters or buffers for every object, in so many words."""
    init = knowledge.hierarchy.lineage(cls).constructor
    calls = [s.value for s in init.node.body if isinstance(s, ast.Assign | ast.Expr)] if init is not None else []
    return init is not None and any(isinstance(c, ast.Call) and _makes_state(init, c) for c in calls)


def _makes_state(init: Function, call: ast.Call) -> bool:
    registers = isinstance(call.func, ast.Attribute) and call.func.attr in ("register_buffer", "register_parameter")
    if registers:
        return len(call.args) > 1 and not isinstance(call.args[1], ast.Constant)
    return (init.name_inside(call.func) or "") in modules.WITH_PARAMETERS | _STATE


def _is_stateless_class(knowledge: Knowledge, cls: Class, across_objects: bool) -> bool:
    lineage = knowledge.hierarchy.lineage(cls)
    if lineage.unseen or lineage.torch != {"torch.nn.Module"} or not keeps_nothing(knowledge, cls):
        return False
    if any(_mentions_state(base) or (across_objects and _reads_training(base)) for base in lineage.project):
        return False
    quiet = (_sets_up_quietly(base.constructor) for base in lineage.project if base.constructor is not None)
    if not across_objects and not all(quiet):  # what objects share is copied, and not made again
        return False
    return all(_is_plain(knowledge, value, across_objects) for value in knowledge.attributes(cls).values())


def _sets_up_quietly(init: Function) -> bool:
    """Whether an `__init__` does nothing that a second object would do once more: it makes modules and numbers."""
    for node in walk(init.node):
        if isinstance(node, ast.Call) and not is_init_call(node):
            name = init.name_inside(node.func) or init.global_name(node.func) or ""
            made = name.rpartition(".")[2][:1].isupper() and name.startswith(("torch.nn.", "runtime.modules."))
            if not made and name.removeprefix("builtins.") not in _QUIET and not name.startswith("math."):
                return False
    return True


def _is_plain(knowledge: Knowledge, value: Value, across_objects: bool) -> bool:
    if isinstance(value, TorchModule) and value.name.rpartition(".")[0].endswith(".modules"):
        return value.name.rpartition(".")[2] in _WRAPPERS
    if isinstance(value, ProjectModule | TorchModule):
        return is_stateless(knowledge, value.made, across_objects)
    held = [part for part in value.parts if isinstance(part, Sequence)]
    if held and not all(part.held and all(one.is_only(Number, String, Nothing) for one in part.held) for part in held):
        return False
    return value.is_only(Number, String, Nothing, SomeFunction, WrappedFunction, Sequence)


def _mentions_state(cls: Class) -> bool:
    names = {n.attr for n in walk(cls.node) if isinstance(n, ast.Attribute)}
    return bool(names & ((REGISTERING - {"add_operation"}) | {"Parameter", "Buffer"}))


def _reads_training(cls: Class) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr == "training" for n in walk(cls.node))


def is_given_stateless(knowledge: Knowledge, cls: Class, init: Function, parameter: str) -> bool:
    """Whether those who make objects of the class make modules for a parameter, all of which hold nothing."""
    given = arguments_received(knowledge, cls, init, parameter)
    made = [made_class(knowledge, node, by.name_inside) for by, node in given if isinstance(node, ast.Call)]
    return bool(made) and all(is_stateless(knowledge, one) for one in made)
