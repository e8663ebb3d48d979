"""Signatures that stand in a comment, which TorchScript reads: `# type: (Tensor, List[Tensor]) -> Tensor`."""

from __future__ import annotations

import ast
import re

from rewriter.python.code import Function

_SIGNATURE = re.compile(r"\s*#\s*type:\s*(\(.*\)\s*->.+?)(\s+#.*)?$")


def annotation_of(function: Function, parameter: ast.arg) -> ast.expr | None:
    """What the signature, or else the comment, says of the parameter's type."""
    return parameter.annotation or _said(function)[0].get(parameter.arg)


def returns_of(function: Function) -> ast.expr | None:
    return function.node.returns or _said(function)[1]


def _said(function: Function) -> tuple[dict[str, ast.expr], ast.expr | None]:
    """The types of the parameters and of the result, as a comment between the signature and the body says."""
    node = function.node
    between = function.file.source.lines[node.lineno : node.body[0].lineno - 1]
    found = next((match[1] for line in between if (match := _SIGNATURE.match(line.rstrip()))), None)
    try:
        signature = ast.parse(found, mode="func_type") if found is not None else None
    except SyntaxError:
        return {}, None
    if signature is None:
        return {}, None
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
    missing = len(names) - len(signature.argtypes)
    if missing not in (0, 1):  # a method's comment leaves the object out
        return {}, None
    return dict(zip(names[missing:], signature.argtypes, strict=True)), signature.returns
