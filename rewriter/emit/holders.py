"""The class that holds a function's modules, and the parameter that brings an object of it."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import replace

from rewriter.emit.calls import LINE_LENGTH
from rewriter.emit.naming import Importer
from rewriter.emit.splice import Splice
from rewriter.facts.holders import Holder
from rewriter.facts.source import Source

# What stands between the parts of a parameter and is none of them.
_BETWEEN = frozenset({tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT})


def holder_splices(source: Source, holder: Holder, lines: list[str], importer: Importer) -> list[Splice]:
    base = importer.spell("torch.nn.Module", set())
    text = [f"class {holder.name}({base}):", "    def __init__(self):", "        super().__init__()"]
    text += [f"        {line}" for line in lines]
    offset = _above(source, holder.function.node)
    block = source.newline.join([*text, "", "", ""])
    shared = f"{importer.spell('runtime.modules.shared', set())}({holder.name})"
    return [Splice(offset, offset, block), *_broken(source, holder, _parameter(source, holder, shared))]


def _above(source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Where a class goes that stands above the function, or above its class, with what belongs right above that."""
    around = next(s for s in source.tree.body if s.lineno <= node.lineno <= (s.end_lineno or s.lineno))
    assert isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    line = min([around.lineno, *(d.lineno for d in around.decorator_list)])
    while line > 1 and source.lines[line - 2].startswith("#"):
        line -= 1
    return source.line_end(line - 1) if line > 1 else 0


def _parameter(source: Source, holder: Holder, default: str) -> Splice:
    """The keyword-only parameter, as the last one before `**kwargs`, in the style of the others."""
    spec = holder.function.node.args
    typed = any(a.annotation for a in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs])
    new = f"{holder.parameter}: {holder.name} = {default}" if typed else f"{holder.parameter}={default}"
    parts = [new] if spec.vararg or spec.kwonlyargs else ["*", new]
    if spec.kwarg:
        start = source.text.rindex("**", 0, source.start(spec.kwarg))
        return Splice(start, start, _separator(source, start).join([*parts, ""]))
    last = _last_end(source, spec)
    if last is None:
        opening = source.text.index("(", source.start(holder.function.node))
        return Splice(opening + 1, opening + 1, ", ".join(parts))
    end, start = last
    separator = _separator(source, start)
    return Splice(end, end, _first_separator(source, spec, end, separator.join(parts), separator))


def _first_separator(source: Source, spec: ast.arguments, end: int, new: str, separator: str) -> str:
    """The new parameters behind a separator: a new line, where a signature of several lines would become too wide."""
    line, _ = source.position(end)
    content = source.lines[line - 1]
    indent = content[: len(content) - len(content.lstrip())]
    first = min(source.start(a) for a in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg] if a)
    broken = source.position(first)[1] == len(indent) and line >= source.position(first)[0]
    if separator == ", " and broken and len(content.rstrip()) + len(new) > LINE_LENGTH:
        return f",{source.newline}{indent}{new}"
    return separator + new


def _broken(source: Source, holder: Holder, parameter: Splice) -> list[Splice]:
    """The parameter; it and the others get lines of their own where the line would become too long."""
    node = holder.function.node
    line = source.lines[node.lineno - 1].rstrip()
    one_line = node.body[0].lineno > node.lineno and line.endswith(":") and line.count("(") == line.count(")")
    if not one_line or len(line) + len(parameter.new) <= LINE_LENGTH:
        return [parameter]
    opening = source.text.index("(", source.start(node)) + 1
    closing = source.text.index(")", parameter.end)
    indent = source.lines[node.lineno - 1][: node.col_offset]
    start = f"{source.newline}{indent}    "
    if len(line) - (opening - source.start(node)) + len(parameter.new) > LINE_LENGTH:
        parameter = replace(parameter, new=parameter.new.replace(", ", f",{start}", 1))
    return [Splice(opening, opening, start), parameter, Splice(closing, closing, source.newline + indent)]


def _separator(source: Source, start: int) -> str:
    """A comma and a blank; or a new line, where the last parameter has one of its own."""
    line, column = source.position(start)
    indent = source.lines[line - 1][:column]
    return f",{source.newline}{indent}" if not indent.strip() else ", "


def _last_end(source: Source, spec: ast.arguments) -> tuple[int, int] | None:
    """The end and the start of the last parameter; a lone `/` or `*` belongs to the one before it."""
    given = [*spec.posonlyargs, *spec.args, *([spec.vararg] if spec.vararg else []), *spec.kwonlyargs]
    if not given:
        return None
    start = source.start(given[-1])
    end = _parameter_end(source, start)
    if spec.posonlyargs and given[-1] is spec.posonlyargs[-1]:
        end = source.text.index("/", end) + 1
    return end, start


def _parameter_end(source: Source, start: int) -> int:
    """The end of a parameter's name, annotation and default, brackets around them included."""
    depth, end = 0, (1, 0)
    text = source.text[start:]
    for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
        if depth == 0 and token.string in (",", ")"):
            break
        if token.type not in _BETWEEN:
            depth += (token.string in "([{") - (token.string in ")]}") if token.type == tokenize.OP else 0
            end = token.end
    line, _ = source.position(start)
    row = line + end[0] - 1
    return source.line_end(row - 1) + end[1] if row > line else start + end[1]
