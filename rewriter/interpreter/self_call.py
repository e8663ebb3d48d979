"""Constructors that run the forward of the object that they set up."""

from __future__ import annotations

import ast
import sys

from rewriter.facts.code import Class
from rewriter.interpreter.context import Context
from rewriter.values.base import Call, Machine, Value
from rewriter.values.classes import TorchClass
from rewriter.values.library import Named, TorchFunction
from rewriter.values.modules import ProjectModule
from rewriter.values.target import Target

_RUNNING_MODULES = (
    "torch.jit.", "torch.fx.", "torch.export.", "torch.onnx.", "torch.func.", "torch.utils.flop_counter.",
)  # fmt: skip


def runs_itself(machine: Machine, context: Context, callee: Value, call: Call) -> Value | None:
    """What `self(x)` returns in an `__init__`, which may also hand the object to somebody who calls it."""
    if not context.sets_up or not any(isinstance(v, ProjectModule) for v in (callee, *call.arguments.values())):
        return None
    cls = context.about()
    forward = context.known.hierarchy.lineage(cls).method("forward") if cls is not None else None
    if cls is None or forward is None:
        return None
    if _is_of(callee, cls):
        return machine.run_function(Target(forward, cls, own=machine.is_own(call.node.func)), call)
    handed = any(_is_of(argument, cls) for argument in call.arguments.values())
    if handed and _may_run_modules(callee):
        without = ast.copy_location(ast.Call(call.node.func, [], []), call.node)
        machine.run_function(Target(forward, cls, own=False), Call(without, {}))
    return None


def _is_of(value: Value, cls: Class) -> bool:
    return isinstance(value, ProjectModule) and value.cls is cls


def _may_run_modules(callee: Value) -> bool:
    """Whether a function of a library, or an unknown one, may call the module that it is given."""
    if not isinstance(callee, Named | TorchFunction | TorchClass):
        return callee.says_nothing
    library = callee.name.partition(".")[0]
    if library == "torch":
        return callee.name.startswith(_RUNNING_MODULES)
    return library not in sys.stdlib_module_names | {"builtins"}
