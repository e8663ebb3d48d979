"""The logical line that a unit stands on, and the layout of its new text there."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from rewriter.emit.layout import laid_out
from rewriter.emit.splice import Splice, apply
from rewriter.emit.style import Style
from rewriter.python.source import LINE_BREAK, Source


def indented(source: Source, line: str, indent: str, style: Style) -> str:
    """A whole new line, or several where it is too long for one."""
    if not line:
        return source.newline
    text = laid_out(line, indent, style) or line
    return indent + text.replace("\n", source.newline) + source.newline


def indent_of(source: Source, statement: ast.stmt) -> str:
    """What stands in front of the line on which a statement begins."""
    line = source.lines[statement.lineno - 1]
    return line[: len(line) - len(line.lstrip())]


_END = re.compile(r"(?P<code>[^#\r\n]*?)(?P<comment>[ \t]*(?:#[^\r\n]*)?)(?:\r\n|\r|\n|\Z)")


@dataclass(frozen=True)
class Line:
    """What stands around a unit: `if ` and `:` around the condition of a branch."""

    indent: str
    before: str
    after: str
    reserved: int
    """The room that a comment at its end takes."""
    style: Style
    newline: str

    @classmethod
    def around(cls, source: Source, unit: ast.stmt | ast.expr, style: Style) -> Line:
        start = source.start(unit)
        number, column = source.position(start)
        before = source.lines[number - 1][:column]
        end = _END.match(source.text, source.end(unit))
        assert end is not None
        indent = before[: len(before) - len(before.lstrip())]
        reserved = len(end["comment"]) if end["comment"].strip() else 0
        return cls(indent, before[len(indent) :], end["code"], reserved, style, source.newline)

    @property
    def column(self) -> int:
        """Where the unit begins."""
        return len(self.indent) + len(self.before)

    def laid_out(self, text: str) -> str | None:
        """The unit as a formatter lays it out; None for what the layout does not know."""
        if bool(self.before) != bool(self.after):
            return None  # the header of a statement has a word before it and a colon behind it
        whole = self.before + LINE_BREAK.sub("\n", text) + self.after
        new = laid_out(whole, self.indent, self.style, self.reserved)
        if new is None or not new.startswith(self.before) or not new.endswith(self.after):
            return None
        return self.newline.join(new[len(self.before) : len(new) - len(self.after)].split("\n"))

    def holds(self, text: str, original: str) -> bool:
        """Whether each line is within the length, or not longer than the longest was before."""
        return self._longest(text) <= max(self.style.width, self._longest(original))

    def _longest(self, text: str) -> int:
        first, *others = LINE_BREAK.split(text)
        return max([self.column + len(first), *map(len, others)])


def laid_out_anew(source: Source, statement: ast.stmt, parts: list[Splice], style: Style) -> list[Splice]:
    """Parts of a statement that change; or all of it, where the author wrote it as a formatter does, and that tells."""
    start, end = source.start(statement), source.end(statement)
    old, line = source.text[start:end], Line.around(source, statement, style)
    new = apply(old, [Splice(p.start - start, p.end - start, p.new) for p in parts])
    if line.laid_out(old) != old:
        return parts
    laid = line.laid_out(new)
    return parts if laid is None or laid == new else [Splice(start, end, laid)]
