"""ReLU in the place of ReLU6, which torch.ao fuses with no layer before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.emit.splice import Splice
from rewriter.python.trees import walk
from rewriter.results import Finding, Safety
from rewriter.targets.torch_ao.further import Found, Further, Rewritten

CODE = "RW404"
_NAME = "torch.nn.ReLU6"
_WHY = "above 6 the results are others: train the model on, or compare its accuracy"


def relu6(rewritten: Rewritten) -> Iterator[Found]:
    """`nn.ReLU6` as it is called or handed on; where it is compared with, it stays."""
    source = rewritten.file.source
    compared = {id(n) for node in walk(source.tree) if _compares(node) for n in ast.walk(node)}
    for node in walk(source.tree):
        if not isinstance(node, ast.Attribute) or node.attr != "ReLU6" or id(node) in compared:
            continue
        if rewritten.file.names.full_name(node, frozenset()) == _NAME:
            end = source.end(node)
            message = "`ReLU6` becomes ReLU, which torch.ao fuses with the layer before it"
            finding = Finding(CODE, message, source.span(node), Safety.UNSAFE, _WHY)
            yield Further(finding, (Splice(end - 1, end, ""),))


def _compares(node: ast.AST) -> bool:
    is_asked = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance"
    return is_asked or isinstance(node, ast.Compare)
