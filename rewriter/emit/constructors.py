"""The lines that make the new modules."""

from __future__ import annotations

import ast

from rewriter.emit.naming import Importer
from rewriter.emit.splice import Splice
from rewriter.facts.construction import Construction
from rewriter.facts.project import File
from rewriter.facts.source import Source
from rewriter.rules.change import Fixed, Make, MakeAgain, Tie
from rewriter.rules.plan import Named


def constructor_splices(file: File, place: Construction, changes: list[Named], importer: Importer) -> list[Splice]:
    """`self.x = ...` for each change of one class, in the order in which the sites run."""
    source = file.source
    if place.init is None:
        return [_new_init(source, place, changes, importer)]
    assert place.anchor is not None
    locals_ = place.init.locals
    behind: dict[ast.stmt, list[str]] = {}
    for named in changes:
        behind.setdefault(_anchor(place, named), []).append(_line(source, place, named, importer, locals_))
    return [_behind(source, statement, lines) for statement, lines in behind.items()]


def _anchor(place: Construction, named: Named) -> ast.stmt:
    """New lines stand together; one made again inside a branch stands beside the one it repeats."""
    assert place.init is not None and place.anchor is not None
    make = named.change.make
    if isinstance(make, Make) or make.statement is None or make.statement in place.init.node.body:
        return place.anchor
    return make.statement


def _line(source: Source, place: Construction, named: Named, importer: Importer, locals_: set[str]) -> str:
    return f"{place.self_name}.{named.name} = {construction_text(source, named, importer, locals_)}"


def construction_text(source: Source, named: Named, importer: Importer, locals_: set[str]) -> str:
    make = named.change.make
    if isinstance(make, Tie):
        again = importer.spell("runtime.modules.again", locals_)
        parts = ", parts=True" if make.parts else ""
        return f"{again}({named.change.place.self_name}.{make.attribute}{parts})"
    if isinstance(make, MakeAgain):
        return _one_line(source, make.expression)
    arguments = ", ".join(_argument(source, fixed) for fixed in make.fixed)
    return f"{importer.spell(make.target, locals_)}({arguments})"


def _argument(source: Source, fixed: Fixed) -> str:
    value = repr(fixed.value) if isinstance(fixed.value, bool) else _one_line(source, fixed.value)
    return f"{fixed.name}={value}" if fixed.named else value


def _one_line(source: Source, node: ast.expr) -> str:
    text = source.segment(node)
    return text if not any(end in text for end in "\r\n") else ast.unparse(node)


def _behind(source: Source, statement: ast.stmt, lines: list[str]) -> Splice:
    """Whole lines after the line on which `statement` ends, at its indentation."""
    assert statement.end_lineno is not None
    start = source.start(statement)
    indent = source.lines[statement.lineno - 1][: source.position(start)[1]]
    if indent.strip():  # behind a semicolon: the line's own indentation counts
        indent = indent[: len(indent) - len(indent.lstrip())]
    offset = source.line_end(statement.end_lineno)
    text = "".join(f"{indent}{line}{source.newline}" for line in lines)
    if source.text[offset - 1] not in "\r\n":  # the file ends here without a line end
        text = source.newline + text.removesuffix(source.newline)
    return Splice(offset, offset, text)


def _new_init(source: Source, place: Construction, changes: list[Named], importer: Importer) -> Splice:
    """An `__init__` before the first method, for a class that has none."""
    methods = [s for s in place.cls.node.body if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef)]
    first = methods[0]
    line = min([first.lineno, *(d.lineno for d in first.decorator_list)])
    content = source.lines[line - 1]
    indent = content[: len(content) - len(content.lstrip())]
    step = "\t" if "\t" in indent else "    "
    signature, passed = ("self, *args, **kwargs", "*args, **kwargs") if place.passes_arguments else ("self", "")
    locals_ = {"self", "args", "kwargs"}
    body = [
        f"super().__init__({passed})",
        *(_line(source, place, named, importer, locals_) for named in changes),
    ]
    text = f"{indent}def __init__({signature}):{source.newline}"
    text += "".join(f"{indent}{step}{statement}{source.newline}" for statement in body)
    offset = source.line_end(line - 1) if line > 1 else 0
    return Splice(offset, offset, text + source.newline)
