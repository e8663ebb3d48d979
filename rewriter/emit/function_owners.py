"""The class that holds a function's modules, and the parameter that brings an object of it."""

from __future__ import annotations

import ast

from rewriter.emit.habits import document_of_class, document_of_constructor, result_of_constructor
from rewriter.emit.lines import indented
from rewriter.emit.naming import Importer
from rewriter.emit.signatures import parameter_splices
from rewriter.emit.splice import Splice
from rewriter.emit.style import Style
from rewriter.facts.making.function_owners import Holder
from rewriter.python.source import Source


def holder_splices(source: Source, holder: Holder, lines: list[str], importer: Importer, style: Style) -> list[Splice]:
    base, step = importer.spell("torch.nn.Module", set()), style.step
    text = [f"class {holder.name}({base}):{source.newline}"]
    text += [indented(source, line, step, style) for line in document_of_class(source, holder.function.node.name)]
    text += [indented(source, f"def __init__(self){result_of_constructor(source)}:", step, style)]
    body = [*document_of_constructor(source), "super().__init__()", *lines]
    text += [indented(source, line, 2 * step, style) for line in body]
    offset = _above(source, holder.function.node)
    block = "".join([*text, *[source.newline] * _blank_lines(source, offset)])
    shared = f"{importer.spell('runtime.modules.shared', set())}[{holder.name}]"
    node, name = holder.function.node, holder.name
    parameter = parameter_splices(source, node, holder.parameter, name, shared, holder.document, style)
    return [Splice(offset, offset, block), *parameter]


def _blank_lines(source: Source, offset: int) -> int:
    """As many as the author has above the function: one or two."""
    line = source.position(offset)[0] if offset else 1
    above = [text.strip() for text in source.lines[max(line - 3, 0) : line - 1]]
    return 1 if len(above) == 2 and above[0] and not above[1] else 2


def _above(source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Where a class goes that stands above the function, or above its class, with what belongs right above that."""
    around = next(s for s in source.tree.body if s.lineno <= node.lineno <= (s.end_lineno or s.lineno))
    assert isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    line = min([around.lineno, *(d.lineno for d in around.decorator_list)])
    while line > 1 and source.lines[line - 2].startswith("#"):
        line -= 1
    return source.line_end(line - 1) if line > 1 else 0
