"""A line for a new parameter in a docstring that documents all of them, in the style of Google or of NumPy."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.emit.splice import Splice
from rewriter.python.code import FunctionNode
from rewriter.python.source import Source
from rewriter.python.trees import named_parameters

_HEADER = {True: re.compile("Parameters"), False: re.compile("(?:Args|Arguments|Parameters):")}
_ENTRY = {
    True: re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: ?: ?(?P<type>.+))?$"),
    False: re.compile(r"(\*{0,2}\w+)(?: \((?P<type>.*)\))?:(?!:)"),
}


@dataclass(frozen=True)
class _Section:
    """The part of a docstring that documents the parameters."""

    is_numpy: bool
    lines: dict[int, str]
    """Line of the file -> what it says."""
    entries: dict[int, re.Match[str]]
    """Where the text on a parameter begins."""

    @property
    def names(self) -> set[str]:
        return {name.lstrip("*") for entry in self.entries.values() for name in entry.group(1).split(", ")}

    @property
    def place(self) -> int:
        """The line behind which the new entry goes: the last, or that before `**kwargs`."""
        last, entry = list(self.entries.items())[-1]
        return last - 1 if entry.group(1).startswith("**") else max(n for n, line in self.lines.items() if line)

    def entry(self, name: str, annotation: str, says: str) -> list[str]:
        first = next(iter(self.entries))
        indent, typed = _indent(self.lines[first]), all(entry["type"] for entry in self.entries.values())
        if not self.is_numpy:
            return [f"{indent}{name} ({annotation}): {says}" if typed else f"{indent}{name}: {says}"]
        inner = _indent(self.lines.get(first + 1, "")) or indent
        return [f"{indent}{name} : {annotation}" if typed else f"{indent}{name}", f"{inner}{says}"]


def document_splices(source: Source, node: FunctionNode, name: str, annotation: str, says: str) -> Iterator[Splice]:
    """What documents the parameter `name`; nothing where the docstring leaves out others as well."""
    section = _section(source, node)
    if section is None:
        return
    spec = node.args
    parameters = [a.arg for a in named_parameters(spec)]
    wanted = {parameter for parameter in parameters if not parameter.startswith("_")} - {"self", "cls"}
    if wanted and wanted <= section.names:
        offset = source.line_end(section.place)
        text = "".join(f"{line}{source.newline}" for line in section.entry(name, annotation, says))
        yield Splice(offset, offset, text)


def _section(source: Source, node: FunctionNode) -> _Section | None:
    first = node.body[0]
    value = first.value if isinstance(first, ast.Expr) else None
    if not isinstance(value, ast.Constant) or type(value.value) is not str or value.end_lineno is None:
        return None
    if source.lines[value.end_lineno - 1].strip() not in ('"""', "'''"):
        return None
    lines = {n: source.lines[n - 1].rstrip() for n in range(value.lineno + 1, value.end_lineno)}
    underlined = set(_underlined(lines))
    for number, line in lines.items():
        is_numpy = number in underlined
        if _HEADER[is_numpy].fullmatch(line.strip()):
            return _read(lines, number, is_numpy)
    return None


def _read(lines: dict[int, str], header: int, is_numpy: bool) -> _Section | None:
    """The section up to the next one: to what is indented no more than its header, or is underlined."""
    outer, first = len(_indent(lines[header])), header + 1 + is_numpy
    ends = _underlined(lines) if is_numpy else (n for n, line in lines.items() if line and len(_indent(line)) <= outer)
    end = min((number for number in ends if number >= first), default=max(lines) + 1)
    found = {number: lines[number] for number in range(first, end)}
    own = min((len(_indent(line)) for line in found.values() if line), default=0)
    starts = {number: _ENTRY[is_numpy].match(line[own:]) for number, line in found.items() if line}
    entries = {number: entry for number, entry in starts.items() if entry}
    return _Section(is_numpy, found, entries) if entries else None


def _underlined(lines: dict[int, str]) -> Iterator[int]:
    return (number - 1 for number, line in lines.items() if line and not line.strip(" -"))


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
