"""`getattr(self, "act", nn.ReLU())`: what the object itself has under a name, which objects of older code may lack."""

from __future__ import annotations

import ast

from rewriter.interpreter.context import Context
from rewriter.python.attributes import assigns_always, changed_later
from rewriter.torch_api.modules import PARAMETER_FREE
from rewriter.values.functions import SomeFunction


def always_had(context: Context, node: ast.expr) -> str | None:
    """The attribute that is read, where every object of the class has one, which is not a function."""
    if not isinstance(node, ast.Call) or len(node.args) not in (2, 3) or node.keywords or context.cls is None:
        return None
    name = node.args[1].value if isinstance(node.args[1], ast.Constant) else None
    if context.global_name(node.func) != "builtins.getattr" or not context.is_own(node.args[0]):
        return None
    if not isinstance(name, str) or not all(_does_nothing(context, default) for default in node.args[2:]):
        return None
    hierarchy = context.known.hierarchy
    makers = (cls.constructor for cls in hierarchy.lineage(context.cls).project)
    is_set = any(maker is not None and assigns_always(maker.node.body, name) for maker in makers)
    if not is_set or name in changed_later(hierarchy, context.cls):
        return None
    return None if context.known.attribute(context.cls, name).may_be(SomeFunction) else name


def _does_nothing(context: Context, default: ast.expr) -> bool:
    """Whether nobody would see that an expression is evaluated no more."""
    if isinstance(default, ast.Call) and context.global_name(default.func) in PARAMETER_FREE:
        return all(isinstance(a, ast.Constant) for a in (*default.args, *(k.value for k in default.keywords)))
    return isinstance(default, ast.Constant | ast.Name)
