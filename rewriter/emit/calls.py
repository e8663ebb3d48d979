"""Turns sites into calls, inside one unit, with LibCST: operands, comments and line breaks stay what they were."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from typing import Literal

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from rewriter.changes.change import NamedChange
from rewriter.changes.turns import NumberedCall, NumberedMap, Turn, WalkOverSteps
from rewriter.emit.aligned import realigned
from rewriter.emit.lines import Line
from rewriter.emit.pieces import COMMA, NOTHING, Piece, breaks_line, opening_of, pieces_of
from rewriter.emit.style import Style
from rewriter.emit.units import Edit, UnitChanges
from rewriter.python.source import LINE_BREAK, Source
from rewriter.python.trees import walk

# Inside a call's brackets these need brackets of their own.
_BRACKETED = (cst.NamedExpr, cst.Yield, cst.GeneratorExp, cst.Tuple)
_TIGHT = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
_EMPTY = cst.Module([])

Site = cst.BinaryOperation | cst.UnaryOperation | cst.Call | cst.AugAssign | cst.Attribute


def rewrite_unit(source: Source, unit: UnitChanges, style: Style) -> str | None:
    """The unit's new text; None where a comment would be lost.

    Where the author wrote the unit as a formatter does, so is the new one. Else only the sites change, as long as
    they fit on their lines.
    """
    text = source.segment(unit.unit)
    parsed = _Parsed(source, unit, text)
    line = Line.around(source, unit.unit, style)
    kept = parsed.render(collapse=False)
    formatted = line.laid_out(kept)
    if formatted is not None and _comments(formatted) != _comments(text):
        formatted = None
    if formatted is not None and line.laid_out(text) == text:
        return formatted
    tidy = realigned(parsed.render(collapse=True), text, line.column)
    if parsed.keeps_calls_whole and _comments(tidy) == _comments(text) and line.holds(tidy, text):
        return tidy
    kept = realigned(kept, text, line.column)
    is_whole = _comments(kept) == _comments(text)
    if formatted is not None and not (is_whole and _comments(text) and line.holds(kept, text)):
        return formatted
    return kept if is_whole else None


def _comments(text: str) -> list[str]:
    """The comments of a unit, in any order. Brackets around it let an expression run over several lines."""
    if "#" not in text:
        return []
    tokens = tokenize.generate_tokens(io.StringIO(f"({text}\n)", newline="").readline)
    return sorted(token.string for token in tokens if token.type == tokenize.COMMENT)


class _Parsed:
    """A unit parsed on its own, its sites found again by position."""

    def __init__(self, source: Source, unit: UnitChanges, text: str) -> None:
        # A lone expression may run over several lines only in brackets, which it may have around it in the file.
        self.opening = "(" if isinstance(unit.unit, ast.expr) else ""
        closing = ")" if self.opening else ""
        self.wrapper = MetadataWrapper(cst.parse_module(self.opening + text + closing), unsafe_skip_copy=True)
        spans = self.wrapper.resolve(PositionProvider)
        starts = [0, *(m.end() for m in LINE_BREAK.finditer(text))]
        wanted = {}
        for named in unit.changes:
            site = named.node
            wanted[type(site).__name__, source.start(site), source.end(site)] = named
        base = source.start(unit.unit)
        self.sites: dict[cst.CSTNode, _Placed] = {}
        for node, span in spans.items():
            if isinstance(node, Site):
                begin, end = (
                    base + starts[p.line - 1] + p.column - (len(self.opening) if p.line == 1 else 0)
                    for p in (span.start, span.end)
                )
                if found := wanted.get((_AST_NAMES[type(node)], begin, end)):
                    self.sites[node] = _Placed(found, _glued(source.text, begin))
        assert len(self.sites) == len(wanted), "a site is not where it was"
        uncounted = {
            source.start(_first_name(turn.target)): turn for n in unit.changes for turn in n.turns if turn.added
        }
        self.loops: dict[cst.CSTNode, Turn] = {}
        for node in spans:
            if isinstance(node, cst.CompFor):
                position = spans[_first_name_in(node.target)].start
                begin = base + starts[position.line - 1] + position.column
                if turn := uncounted.get(begin - (len(self.opening) if position.line == 1 else 0)):
                    self.loops[node] = turn

    def render(self, collapse: bool) -> str:
        transformer = _ToCalls(self.sites, self.loops, collapse)
        module = self.wrapper.module.visit(transformer)
        self.keeps_calls_whole = not transformer.breaks_a_call
        if not self.opening:
            return module.code
        line = module.body[0]
        assert isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[0], cst.Expr)
        value = line.body[0].value
        if value.lpar:
            value = value.with_changes(lpar=value.lpar[1:], rpar=value.rpar[:-1])
        return module.code_for_node(value)


_AST_NAMES = {
    cst.BinaryOperation: "BinOp",
    cst.UnaryOperation: "UnaryOp",
    cst.Call: "Call",
    cst.AugAssign: "AugAssign",
    cst.Attribute: "Attribute",
}


def _glued(text: str, start: int) -> bool:
    """`return(a + b)`: the bracket before `start` is all that parts the word from the operand."""
    return start >= 2 and text[start - 1] == "(" and (text[start - 2].isalnum() or text[start - 2] == "_")


@dataclass(frozen=True)
class _Placed:
    named: Edit
    glued: bool


class _ToCalls(cst.CSTTransformer):
    def __init__(self, sites: dict[cst.CSTNode, _Placed], loops: dict[cst.CSTNode, Turn], collapse: bool) -> None:
        super().__init__()
        self.sites = sites
        self.loops = loops
        self.collapse = collapse
        self.breaks_a_call = False
        """A new call stands on several lines."""

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> cst.CSTNode:  # type: ignore[override]
        if turn := self.loops.get(original_node):
            assert isinstance(updated_node, cst.CompFor)
            return _counting(updated_node, turn)
        placed = self.sites.get(original_node)
        if placed is None:
            return updated_node
        if isinstance(placed.named, NumberedCall):
            assert isinstance(updated_node, cst.Call)
            return _with_number(updated_node, placed.named)
        if isinstance(placed.named, NumberedMap):
            assert isinstance(updated_node, cst.Call)
            return _telling_turns(updated_node, placed.named)
        if isinstance(placed.named, WalkOverSteps):
            return updated_node.with_changes(attr=cst.Name(placed.named.name))
        node = placed.named.node
        if isinstance(updated_node, cst.AugAssign):
            pieces = {
                id(_target(node)): Piece(updated_node.target.deep_clone(), COMMA),
                id(_operand(node)): Piece(updated_node.value),
            }
            target = cst.AssignTarget(updated_node.target)
            return cst.Assign(
                targets=[target], value=self._call(placed.named, pieces, None), semicolon=updated_node.semicolon
            )
        assert isinstance(updated_node, cst.BaseExpression)
        if isinstance(updated_node, cst.Attribute):
            return _handed(placed.named, updated_node)
        pieces = pieces_of(node, updated_node)
        call = self._call(placed.named, pieces, updated_node if isinstance(updated_node, cst.Call) else None)
        if isinstance(updated_node, cst.Call) or placed.glued:
            call = call.with_changes(lpar=updated_node.lpar, rpar=updated_node.rpar)
        return call

    def _call(self, named: NamedChange, pieces: dict[int, Piece], old: cst.Call | None) -> cst.Call:
        change = named.change
        arguments = []
        for index, given in enumerate(change.given):
            piece = pieces[id(given.value)]
            last = index == len(change.given) - 1
            arguments.append(
                self._argument(piece, given.keyword, given.spread or isinstance(given.value, ast.Starred), last, old)
            )
        before = (
            opening_of(change.site.node, change.given, old) if old and not self.collapse else cst.SimpleWhitespace("")
        )
        func = _member(named)
        if change.method:
            func = cst.Attribute(func, cst.Name(change.method))
        call = cst.Call(func=func, args=arguments, whitespace_before_args=before)
        self.breaks_a_call |= LINE_BREAK.search(_EMPTY.code_for_node(call)) is not None
        return call

    def _argument(self, piece: Piece, keyword: str | None, starred: bool, last: bool, old: cst.Call | None) -> cst.Arg:
        value = piece.value
        if value.lpar and not isinstance(value, _BRACKETED):
            value = value.with_changes(lpar=[], rpar=[])
        star: Literal["", "*", "**"] = "**" if keyword == "**" else "*" if starred else ""
        name = cst.Name(keyword) if keyword and keyword != "**" else None
        equal = (piece.equal or _TIGHT) if name else cst.MaybeSentinel.DEFAULT
        comma = self._comma(piece, last, old)
        after = piece.after if last and not self.collapse and not isinstance(comma, cst.Comma) else NOTHING
        return cst.Arg(value, keyword=name, equal=equal, star=star, comma=comma, whitespace_after_arg=after)

    def _comma(self, piece: Piece, last: bool, old: cst.Call | None) -> cst.Comma | cst.MaybeSentinel:
        trailing = old.args[-1].comma if old is not None and old.args else cst.MaybeSentinel.DEFAULT
        if last and not self.collapse:
            return piece.comma if breaks_line(piece.comma) else trailing
        if last:
            return cst.MaybeSentinel.DEFAULT
        if self.collapse or not isinstance(piece.comma, cst.Comma):
            return COMMA
        return piece.comma


def _member(named: NamedChange) -> cst.BaseExpression:
    """`self.add[i]`"""
    found: cst.BaseExpression = cst.Attribute(cst.Name(named.change.receiver), cst.Name(named.name))
    for counter in named.change.indices:
        found = cst.Subscript(found, [cst.SubscriptElement(cst.Index(cst.parse_expression(counter)))])
    return found


def _handed(named: NamedChange, module: cst.Attribute) -> cst.Call:
    """`runtime.modules.handed(self.bias, self.bias2[i])`, or `self.again[i](self.mix)`."""
    bare = module.with_changes(lpar=[], rpar=[])
    if not named.via:
        return cst.Call(_member(named), [cst.Arg(bare)], lpar=module.lpar, rpar=module.rpar)
    given = [cst.Arg(bare, comma=COMMA), cst.Arg(_member(named))]
    return cst.Call(cst.parse_expression(named.via), given, lpar=module.lpar, rpar=module.rpar)


def _with_number(call: cst.Call, number: NumberedCall) -> cst.Call:
    """`self.half(x)` -> `self.half(x, call=1)`, or `runtime.modules.nth(self.half, 1)(x)`."""
    value = cst.parse_expression(number.number)
    if not number.by_keyword:
        chosen = cst.Call(cst.parse_expression(number.via), [cst.Arg(call.func, comma=COMMA), cst.Arg(value)])
        return call.with_changes(func=chosen)
    added = cst.Arg(value, cst.Name(number.parameter), equal=_TIGHT)
    if not call.args:
        return call.with_changes(args=[added])
    last = call.args[-1].comma
    between, closing = COMMA, last
    opening = call.args[-2].comma.whitespace_after if len(call.args) > 1 else call.whitespace_before_args  # type: ignore[union-attr]
    if breaks_line(last) and isinstance(opening, cst.ParenthesizedWhitespace):
        assert isinstance(last, cst.Comma) and isinstance(last.whitespace_after, cst.ParenthesizedWhitespace)
        end = last.whitespace_after
        between = cst.Comma(whitespace_after=end.with_changes(indent=opening.indent, last_line=opening.last_line))
        closing = cst.Comma(whitespace_after=end.with_changes(first_line=opening.first_line.with_changes(comment=None)))
    before = [*call.args[:-1], call.args[-1].with_changes(comma=between)]
    return call.with_changes(args=[*before, added.with_changes(comma=closing)])


def _telling_turns(call: cst.Call, numbered: NumberedMap) -> cst.Call:
    """`map(lambda x: ..., xs)` -> `map(lambda x, i: ..., xs, range(2))`."""
    function, last = call.args[0], call.args[-1]
    assert isinstance(function.value, cst.Lambda)
    spec = function.value.params
    taken = [*spec.params[:-1], spec.params[-1].with_changes(comma=COMMA), cst.Param(cst.Name(numbered.parameter))]
    inner = function.value.with_changes(params=spec.with_changes(params=taken))
    turns = cst.Arg(cst.parse_expression(f"range({numbered.number})"), comma=last.comma)
    between = [function.with_changes(value=inner), *call.args[1:-1], last.with_changes(comma=COMMA)]
    return call.with_changes(args=[*between, turns])


def _counting(loop: cst.CompFor, turn: Turn) -> cst.CompFor:
    """`for x in xs` -> `for i, x in enumerate(xs)`; `for _ in range(n)` -> `for i in range(n)`."""
    if turn.unread:
        return loop.with_changes(target=cst.Name(turn.index))
    target = loop.target
    if isinstance(target, cst.Tuple) and not target.lpar:
        target = target.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    pair = cst.Tuple([cst.Element(cst.Name(turn.index), COMMA), cst.Element(target)], lpar=[], rpar=[])
    return loop.with_changes(target=pair, iter=cst.Call(cst.Name("enumerate"), [cst.Arg(loop.iter)]))


def _first_name(target: ast.expr) -> ast.Name:
    return min((n for n in walk(target) if isinstance(n, ast.Name)), key=lambda n: (n.lineno, n.col_offset))


def _first_name_in(target: cst.BaseExpression) -> cst.CSTNode:
    while isinstance(target, cst.Tuple | cst.List | cst.StarredElement):
        target = target.elements[0].value if isinstance(target, cst.Tuple | cst.List) else target.value
    return target


def _target(node: ast.AST) -> ast.expr:
    assert isinstance(node, ast.AugAssign)
    return node.target


def _operand(node: ast.AST) -> ast.expr:
    assert isinstance(node, ast.AugAssign)
    return node.value
