"""Classes whose own code asks what their constructor takes.

As in `inspect.signature(self.__init__)`, `type(self)`, `self.__class__.__init__`, or of `cls` in a class method.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.names import last_name
from rewriter.python.trees import walk

_ASKING = frozenset({"signature", "getfullargspec", "getargspec"})


def asks_for_constructor(classes: Iterable[Class]) -> str | None:
    """The method that does, of one of the classes."""
    methods = (method for cls in classes for method in cls.methods.values() if method.words & _ASKING)
    return next((method.node.name for method in methods if _asks(method)), None)


def _asks(method: Function) -> bool:
    is_of_class = "classmethod" in method.decorators
    own = method.node.args.args[0].arg if is_of_class and method.node.args.args else own_name(method)
    kinds = {f"{own}"} if is_of_class else {f"{own}.__class__", f"type({own})"}
    asked = {*kinds, *(f"{kind}.__init__" for kind in kinds), f"{own}.__init__"}
    calls = (node for node in walk(method.node) if isinstance(node, ast.Call) and node.args)
    return any(last_name(call.func) in _ASKING and ast.unparse(call.args[0]) in asked for call in calls)
