"""A class that runs a method of a class above several times by `super()`: the operations there serve all these runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.interpreter.met import Met
from rewriter.interpreter.run import Run
from rewriter.python.code import Class, Function
from rewriter.results import Refusal
from rewriter.rules.refusals import advice_for
from rewriter.sites.site import ModuleCall, Operation
from rewriter.sites.together import COMPUTING

CODE = "RW902"


def upper_run_again(cls: Class, run: Run | None) -> Iterator[Refusal]:
    """What is said of each `super().forward(x)` behind the first, or in a loop."""
    if run is None:
        return
    for method, calls in run.met.calls.items():
        own = [node for node, caller in calls.items() if caller.function.owner is cls and _is_super(node)]
        again = own if method in run.met.looped else own[1:] if run.met.runs.get(method, 1) > 1 else []
        if again and _computes(run.met, method):
            why = "its operations and modules serve all these runs"
            for node in again:
                message = f"`{ast.unparse(node.func)}()` runs more than once in a forward: {why}"
                yield Refusal(CODE, message, cls.file.source.span(node), advice_for(CODE))


def _is_super(node: ast.Call) -> bool:
    holder = node.func.value if isinstance(node.func, ast.Attribute) else None
    return isinstance(holder, ast.Call) and isinstance(holder.func, ast.Name) and holder.func.id == "super"


def _computes(met: Met, method: Function) -> bool:
    """Whether the method has operations, or calls modules, that matter to a quantizer."""
    inside = (site for site in met.sites.values() if site.function is method)
    return any(isinstance(s, ModuleCall | COMPUTING) and not (isinstance(s, Operation) and s.idle) for s in inside)
