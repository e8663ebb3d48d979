"""Constructors that run the forward of the object that they set up."""

from __future__ import annotations

import ast
import sys

from rewriter.interpreter.context import Context
from rewriter.python.given_methods import GivenMethods
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
    if not context.sets_up or _sets_up(context):
        return None
    if isinstance(callee, ProjectModule) and context.is_about(callee.cls):
        return _forward(machine, context, callee, call, own=machine.is_own(call.node.func))
    handed = [v for v in call.arguments.values() if isinstance(v, ProjectModule) and context.is_about(v.cls)]
    if handed and _may_run_modules(callee):
        without = ast.copy_location(ast.Call(call.node.func, [], []), call.node)
        _forward(machine, context, handed[0], Call(without, {}), own=False)
    return None


def _sets_up(context: Context) -> bool:
    """Whether the statement runs the constructor that a class had before it was given another one."""
    cls, frame = context.cls, context.frame
    if not isinstance(cls, GivenMethods) or frame.statement is None or frame.self_name is None:
        return False
    return cls.sets_up(frame.statement, frame.self_name)


def _forward(machine: Machine, context: Context, module: ProjectModule, call: Call, own: bool) -> Value | None:
    forward = context.known.hierarchy.lineage(module.cls).method("forward")
    return machine.run_function(Target(forward, module.cls, own=own), call) if forward is not None else None


def _may_run_modules(callee: Value) -> bool:
    """Whether a function of a library, or an unknown one, may call the module that it is given."""
    if not isinstance(callee, Named | TorchFunction | TorchClass):
        return callee.says_nothing
    library = callee.name.partition(".")[0]
    if library == "torch":
        return callee.name.startswith(_RUNNING_MODULES)
    return not callee.name.startswith("runtime.modules.") and library not in sys.stdlib_module_names | {"builtins"}
