"""Parameters that are added to the signature of a function."""

from __future__ import annotations

import ast
import io
import tokenize

from rewriter.emit.documented import document_splices
from rewriter.emit.layout import laid_out
from rewriter.emit.splice import Splice
from rewriter.emit.style import Style
from rewriter.python.code import FunctionNode
from rewriter.python.source import LINE_BREAK, Source
from rewriter.python.trees import named_parameters

_BETWEEN = (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)


def parameter_splices(
    source: Source, node: FunctionNode, name: str, annotation: str, default: str, says: str, style: Style
) -> list[Splice]:
    """The parameter; `says` is what a docstring that documents all others says of it."""
    added = _broken(source, node, _parameter(source, node, name, annotation, default, style), style)
    return [*added, *document_splices(source, node, name, annotation, says)]


def _parameter(source: Source, node: FunctionNode, name: str, annotation: str, default: str, style: Style) -> Splice:
    """The keyword-only parameter, as the last one before `**kwargs`, in the style of the others."""
    spec = node.args
    typed = any(a.annotation for a in named_parameters(spec))
    new = f"{name}: {annotation} = {default}" if typed else f"{name}={default}"
    parts = [new] if spec.vararg or spec.kwonlyargs else ["*", new]
    if spec.kwarg:
        start = source.text.rindex("**", 0, source.start(spec.kwarg))
        return _before_kwarg(source, start, _separator(source, start).join([*parts, ""]), node.lineno, style)
    last = _last_end(source, spec)
    if last is None:
        opening = source.text.index("(", source.start(node))
        return Splice(opening + 1, opening + 1, ", ".join(parts))
    end, start = last
    separator = _separator(source, start)
    added = separator + separator.join(parts)
    line = source.lines[source.position(end)[0] - 1].rstrip()
    is_broken = source.position(start)[0] > node.lineno
    if is_broken and separator == ", " and len(line) + len(added) > style.width:
        indent = line[: len(line) - len(line.lstrip())]
        added = f",{source.newline}{indent}{', '.join(parts)}"
    return Splice(end, end, added)


def _before_kwarg(source: Source, start: int, added: str, first: int, style: Style) -> Splice:
    """Parameters before `**kwargs`, on a line of their own where that of the others would become too long."""
    line, column = source.position(start)
    text = source.lines[line - 1].rstrip()
    indent = text[: len(text) - len(text.lstrip())]
    if line == first or not text[:column].strip() or len(text) + len(added) <= style.width:
        return Splice(start, start, added)
    return _on_own_line(source, Splice(start, start, added), f"{source.newline}{indent}")


def _on_own_line(source: Source, parameter: Splice, line_start: str) -> Splice:
    """The parameter behind a line break, in the place of the blanks before it."""
    before = source.text[: parameter.start]
    return Splice(len(before.rstrip(" ")), parameter.end, f"{line_start}{parameter.new}")


def _broken(source: Source, node: FunctionNode, parameter: Splice, style: Style) -> list[Splice]:
    """The parameter; all get lines of their own where the line would become too long, or where they have them."""
    line = source.lines[node.lineno - 1].rstrip()
    start = source.start(node)
    end = start + _header_length(source.text[start:])
    header, indent = LINE_BREAK.sub("\n", source.text[start:end]), source.lines[node.lineno - 1][: node.col_offset]
    on_one_line = "\n" not in header
    if on_one_line and len(line) + len(parameter.new) <= style.width:
        return [parameter]
    if not on_one_line and laid_out(header, indent, style) != header:
        return [parameter]
    new = source.text[start : parameter.start] + parameter.new + source.text[parameter.end : end]
    broken = laid_out(LINE_BREAK.sub("\n", new), indent, style)
    return [Splice(start, end, broken.replace("\n", source.newline))] if broken else [parameter]


def _header_length(text: str) -> int:
    """Up to the colon behind a function's brackets and what it returns."""
    depth, lines = 0, [0, *(m.end() for m in LINE_BREAK.finditer(text))]
    for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
        depth += (token.string in "([{") - (token.string in ")]}") if token.type == tokenize.OP else 0
        if depth == 0 and token.string == ":":
            return lines[token.end[0] - 1] + token.end[1]
    raise AssertionError("a function without a colon")


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
