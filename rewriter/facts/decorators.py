"""What decorators do to a function's parameters, as far as their source tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.code import Function, FunctionNode
from rewriter.facts.project import Project
from rewriter.facts.trees import children, walk

# They give back the function itself, or one that passes everything on and says what it wraps.
_TRANSPARENT = frozenset(
    {
        "torch.fx.wrap", "torch.fx._symbolic_trace.wrap", "torch.jit.unused", "torch.jit.ignore",
        "torch.jit.script_if_tracing", "torch.jit._script_if_tracing", "torch.no_grad", "torch.enable_grad",
        "torch.inference_mode", "torch.autocast", "torch.amp.autocast", "staticmethod", "classmethod",
    }
)  # fmt: skip
_LOOK_AT_PARAMETERS = frozenset(
    {
        "signature", "getfullargspec", "getargspec", "get_type_hints", "__code__", "__defaults__", "__kwdefaults__",
        "__annotations__", "__signature__", "script", "custom_op", "library",
    }
)  # fmt: skip


def keeps_parameters(project: Project, function: Function, decorator: ast.expr) -> bool:
    """Whether the decorated function can be given one more keyword, which callers may leave out.

    A decorator of the project may do with the function what it likes, as long as it gives it back as it is in some
    case, or in a wrapper that passes everything on, and does not look at its parameters.
    """
    made = isinstance(decorator, ast.Call)
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = function.full_name(target) or ast.unparse(target)
    found = project.alternatives(name)
    return all(_keeps(one, made) for one in found) if found else name in _TRANSPARENT


def _keeps(decorator: Function, made: bool) -> bool:
    if decorator.words & _LOOK_AT_PARAMETERS:
        return False
    candidates = [n for n in walk(decorator.node) if isinstance(n, FunctionNode | ast.Lambda)]
    return any(_gives_back(candidate, decorator) for candidate in candidates if made or candidate is decorator.node)


def _gives_back(node: FunctionNode | ast.Lambda, around: Function) -> bool:
    """Whether the function gives back what it is given first, or what `functools.wraps` puts around it."""
    parameters = [*node.args.posonlyargs, *node.args.args]
    if not parameters:
        return False
    given = parameters[0].arg
    if isinstance(node, ast.Lambda):
        return isinstance(node.body, ast.Name) and node.body.id == given
    if node.decorator_list or any(
        isinstance(n, ast.Name) and n.id == given and isinstance(n.ctx, ast.Store) for n in walk(node)
    ):
        return False
    wrappers = {s.name for s in walk(node) if isinstance(s, FunctionNode) and _wraps(s, given, around)}
    return any(isinstance(r, ast.Name) and r.id in {given, *wrappers} for r in _returned(node))


def _returned(node: ast.AST) -> Iterator[ast.expr | None]:
    """What the function itself returns, not those inside it."""
    for child in children(node):
        if isinstance(child, ast.Return):
            yield child.value
        elif not isinstance(child, FunctionNode | ast.Lambda | ast.ClassDef):
            yield from _returned(child)


def _wraps(node: FunctionNode, given: str, around: Function) -> bool:
    """`@functools.wraps(given)` over a function that takes anything."""
    takes_anything = node.args.vararg is not None and node.args.kwarg is not None
    return takes_anything and any(
        isinstance(d, ast.Call)
        and around.full_name(d.func) == "functools.wraps"
        and [ast.unparse(a) for a in d.args] == [given]
        for d in node.decorator_list
    )
