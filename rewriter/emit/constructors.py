"""The lines that make the new modules."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

from rewriter.changes.change import Change, NamedChange
from rewriter.changes.turns import Turn, is_named, names_run_over
from rewriter.emit.added import Added
from rewriter.emit.function_owners import holder_splices
from rewriter.emit.habits import document_of_constructor, result_of_constructor
from rewriter.emit.lines import indent_of, indented, laid_out_anew
from rewriter.emit.naming import Importer
from rewriter.emit.splice import Splice
from rewriter.emit.style import Style
from rewriter.facts.making.construction import Construction
from rewriter.facts.making.function_owners import Holder
from rewriter.python.code import File, Function
from rewriter.python.source import Source
from rewriter.python.trees import begin_of, walk


def constructor_splices(
    file: File, changes: list[NamedChange], importer: Importer, style: Style
) -> tuple[list[Splice], list[Added]]:
    """What makes the modules of one class or function, in the order in which the sites run.

    Lines of constructors that are there are left to the caller: other classes may have some to add to the same one.
    """
    source, place = file.source, changes[0].change.place
    changes = list({named.name: named for named in reversed(changes)}.values())[::-1]  # several share a list of handles
    if isinstance(place, Holder):
        lines = _lines(source, "self", changes, importer, {"self"})
        return holder_splices(source, place, lines, importer, style), []
    splices, added = _mixed_in(source, place, importer), list[Added]()
    if place.missed_by is not None:
        splices.append(_missing(source, place, changes, importer, style))
    beside = [[replace(n, change=replace(n.change, place=other)) for n in changes] for other in place.beside]
    for at, there in zip((place, *place.beside), (changes, *beside), strict=True):
        if at.init is None:
            splices.append(_new_init(source, at, there, importer, style))
            continue
        splices += [s for n in there if n.change.instead is not None for s in _in_place(source, at, n, importer, style)]
        added += [
            Added(at.init, _anchor(at.init, n), line)
            for n in there
            if n.change.instead is None
            for line in _lines(source, at.self_name, [n], importer, at.init.locals)
        ]
    return splices, added


def _missing(
    source: Source, place: Construction, changes: list[NamedChange], importer: Importer, style: Style
) -> Splice:
    """The decorator that makes the modules for objects that run another `__init__`."""
    own, node = place.self_name, place.cls.node
    made = [(n.name, _construction(source, own, n.change, importer, {own})) for n in changes]
    makers = [f"{name}={text[:-2] if text.endswith('()') else f'lambda {own}: {text}'}" for name, text in made]
    start, indent = source.start(node), indent_of(source, node)
    call = f"{importer.spell('runtime.modules.makes_missing', set())}({', '.join(makers)})"
    decorator = indented(source, f"@{call}", indent, style).removeprefix(indent)
    return Splice(start, start + len("class"), f"{decorator}{indent}class")  # behind what is put above the class


def _in_place(
    source: Source, place: Construction, named: NamedChange, importer: Importer, style: Style
) -> list[Splice]:
    """Another value for the attribute."""
    assert named.change.instead is not None and place.init is not None
    value = named.change.instead.value
    made = _construction(source, place.self_name, named.change, importer, place.init.locals)
    part = Splice(source.start(value), source.end(value), made)
    return laid_out_anew(source, named.change.instead, [part], style)


def _mixed_in(source: Source, place: Construction, importer: Importer) -> list[Splice]:
    """`runtime.modules.WithOperations` as a base of what runs its children, nn.Module as that of a plain class."""
    if place.becomes_module:
        return _made_module(source, place, importer)
    if not place.apart or place.mixed_in is None:
        return []
    name = importer.spell("runtime.modules.WithOperations", set())
    bases = zip(place.cls.node.bases, place.cls.base_names, strict=True)
    if (plain := next((node for node, base in bases if base == "torch.nn.Module"), None)) is not None:
        return [Splice(source.start(plain), source.start(plain), f"{name}, ")]  # it derives from nn.Module itself
    end = source.end(place.cls.node.bases[place.mixed_in])
    return [Splice(end, end, f", {name}")]


def _made_module(source: Source, place: Construction, importer: Importer) -> list[Splice]:
    node, init = place.cls.node, place.init
    assert init is not None
    base = importer.spell("torch.nn.Module", set())
    named = source.text.index(node.name, source.start(node) + len("class")) + len(node.name)
    if node.bases:
        head = Splice(source.start(node.bases[0]), source.end(node.bases[0]), base)
    elif source.text[named:].lstrip().startswith("("):
        head = Splice(source.text.index("(", named) + 1, source.text.index("(", named) + 1, base)
    else:
        head = Splice(named, named, f"({base})")
    if place.begin is not None:  # which was object's own, and is nn.Module's now
        return [head]
    body = init.node.body
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    first = body[1] if documented else body[0]
    line = source.line_end(first.lineno - 1)
    indent = source.lines[first.lineno - 1][: first.col_offset]
    return [head, Splice(line, line, f"{indent}super().__init__(){source.newline}")]


def _anchor(init: Function, named: NamedChange) -> ast.stmt:
    """New lines stand together; one made again inside a branch stands beside the one it repeats."""
    repeated, turns, place = named.change.make.repeats, named.change.turns, named.change.place
    assert isinstance(place, Construction) and place.anchor is not None
    behind = named.change.make.behind or place.anchor
    if turns and (repeated is None or repeated in init.node.body):
        filled = _filled(init.node.body, place.anchor, place.self_name, turns)
        return max(filled, behind, key=begin_of)
    if named.change.make.behind is not None:
        return max(place.anchor, behind, key=begin_of)
    return place.anchor if repeated is None or repeated in init.node.body else repeated


def _filled(body: list[ast.stmt], anchor: ast.stmt, own: str, turns: tuple[Turn, ...]) -> ast.stmt:
    """The last statement that touches what the loops run over: until then it may still be filled."""
    read = names_run_over(turns, own)
    touching = [s for s in body if any(is_named(n, read) for n in walk(s))]
    return max([anchor, *touching], key=begin_of)


def _lines(source: Source, own: str, changes: list[NamedChange], importer: Importer, locals_: set[str]) -> list[str]:
    return [_line(own, n, _construction(source, own, n.change, importer, locals_)) for n in changes]


def _line(own: str, named: NamedChange, made: str) -> str:
    place = named.change.place
    if isinstance(place, Construction) and place.apart:
        return f'{own}.add_operation("{named.name}", {made})'
    return f"{own}.{named.name} = {made}"


def _construction(source: Source, own: str, change: Change, importer: Importer, locals_: set[str]) -> str:
    text = change.make.written(_Writer(source, importer, locals_), own)
    for turn in reversed(change.turns):
        grows = turn.may_grow or change.make.is_handle  # a list of handles tells them who their owner is
        module_list = "runtime.modules.ModuleList" if grows else "torch.nn.ModuleList"
        members = f"[{text}]" if turn.is_open else f"{text} for {_each(turn, source)}"
        text = f"{importer.spell(module_list, locals_)}({members})"
    return text


def _each(turn: Turn, source: Source) -> str:
    """`block in self.blocks`, `_ in range(3)`"""
    each = _unparenthesized(turn.target) if turn.each is not None else "_"
    return f"{each} in {_quoted(ast.unparse(turn.each if turn.each is not None else turn.over), source)}"


def _quoted(text: str, source: Source) -> str:
    """With the quotes that the file has more of."""
    doubled = "'" in text and source.text.count('"') > source.text.count("'")
    return re.sub(r"'([^'\"\\]*)'", r'"\1"', text) if doubled else text


def _unparenthesized(target: ast.expr) -> str:
    text = ast.unparse(target)
    return text[1:-1] if isinstance(target, ast.Tuple) else text


@dataclass(frozen=True)
class _Writer:
    """How one function of the file spells things."""

    source: Source
    importer: Importer
    locals_: set[str]

    def spell(self, target: str) -> str:
        return self.importer.spell(target, self.locals_)

    def text(self, node: ast.expr) -> str:
        return _one_line(self.source, node)


def _one_line(source: Source, node: ast.expr) -> str:
    if not hasattr(node, "lineno"):
        return ast.unparse(node)  # it stands nowhere in the file
    text = source.segment(node)
    return text if not any(end in text for end in "\r\n") else ast.unparse(node)


def _new_init(
    source: Source, place: Construction, changes: list[NamedChange], importer: Importer, style: Style
) -> Splice:
    """An `__init__` before the first method, for a class that has none."""
    methods = [s for s in place.cls.node.body if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef)]
    first = methods[0]
    line = min([first.lineno, *(d.lineno for d in first.decorator_list)])
    content = source.lines[line - 1]
    indent = content[: len(content) - len(content.lstrip())]
    signature, passed = ("self, *args, **kwargs", "*args, **kwargs") if place.passes_arguments else ("self", "")
    locals_ = {"self", "args", "kwargs"}
    body = [
        *document_of_constructor(source),
        f"super().__init__({passed})",
        *_lines(source, "self", changes, importer, locals_),
    ]
    text = f"{indent}def __init__({signature}){result_of_constructor(source)}:{source.newline}"
    text += "".join(indented(source, statement, indent + style.step, style) for statement in body)
    offset = source.line_end(line - 1) if line > 1 else 0
    return Splice(offset, offset, text + source.newline)
