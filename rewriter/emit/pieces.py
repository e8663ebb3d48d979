"""The operands of a site, with the white space, line breaks and comments that belong to them."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import libcst as cst

from rewriter.changes.change import Given
from rewriter.torch_api.row import written_order

NOTHING = cst.SimpleWhitespace("")
COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


@dataclass(frozen=True)
class Piece:
    """An operand, and the comma that followed it."""

    value: cst.BaseExpression
    comma: cst.Comma | cst.MaybeSentinel = cst.MaybeSentinel.DEFAULT
    equal: cst.AssignEqual | None = None
    """The `=` behind its keyword, with the author's white space."""
    after: cst.BaseParenthesizableWhitespace = NOTHING
    """What stands behind it where no comma follows."""


def pieces_of(node: ast.AST, updated: cst.CSTNode) -> dict[int, Piece]:
    """The operands of a site: the ast node that a plan speaks of, and what it has become."""
    if isinstance(node, ast.BinOp) and isinstance(updated, cst.BinaryOperation):
        return {
            id(node.left): Piece(updated.left, _comma_from(updated.operator)),
            id(node.right): Piece(updated.right),
        }
    if isinstance(node, ast.UnaryOp) and isinstance(updated, cst.UnaryOperation):
        return {id(node.operand): Piece(updated.expression)}
    assert isinstance(node, ast.Call) and isinstance(updated, cst.Call)
    before = updated.whitespace_before_args
    breaks = isinstance(before, cst.ParenthesizedWhitespace)
    found = {id(node.func): Piece(updated.func, cst.Comma(whitespace_after=before) if breaks else COMMA)}
    if isinstance(node.func, ast.Attribute) and isinstance(updated.func, cst.Attribute):
        beside = _comment_before(updated.func.dot, own_line=False)
        comma = cst.Comma(whitespace_after=beside) if beside else cst.MaybeSentinel.DEFAULT
        found[id(node.func.value)] = Piece(updated.func.value, comma)
    if isinstance(node.func, ast.Call) and isinstance(updated.func, cst.Call):  # `nn.AvgPool2d(x.shape[2:])(x)`
        told = (a.value if isinstance(a, ast.keyword) else a for a in written_order(node.func))
        found.update((id(value), Piece(new.value)) for value, new in zip(told, updated.func.args, strict=True))
    for argument, new in zip(written_order(node), updated.args, strict=True):
        value = argument.value if isinstance(argument, ast.keyword) else argument
        equal = new.equal if isinstance(new.equal, cst.AssignEqual) else None
        found[id(value)] = Piece(new.value, new.comma, equal, new.whitespace_after_arg)
        if isinstance(value, ast.List | ast.Tuple) and isinstance(new.value, cst.List | cst.Tuple):
            for element, piece in zip(value.elts, new.value.elements, strict=True):
                found[id(element)] = Piece(piece.value, piece.comma)
            if value.elts:
                margin = _inner_margins(new.value)[1]
                breaks = isinstance(margin, cst.ParenthesizedWhitespace)
                closing = cst.Comma(whitespace_after=margin) if breaks else new.comma
                found[id(value.elts[-1])] = Piece(new.value.elements[-1].value, closing)
    return found


def opening_of(node: ast.AST, given: tuple[Given, ...], old: cst.Call) -> cst.BaseParenthesizableWhitespace:
    """What stands behind the call's bracket: a comment above the method, or what a list that is passed in parts had."""
    assert isinstance(node, ast.Call)
    if isinstance(old.func, cst.Attribute) and (above := _comment_before(old.func.dot, own_line=True)):
        return above
    for argument, new in zip(written_order(node), old.args, strict=True):
        value = argument.value if isinstance(argument, ast.keyword) else argument
        if isinstance(value, ast.List | ast.Tuple) and given and given[0].value in value.elts:
            return _inner_margins(new.value)[0]
    return old.whitespace_before_args


def _inner_margins(
    sequence: cst.BaseExpression,
) -> tuple[cst.BaseParenthesizableWhitespace, cst.BaseParenthesizableWhitespace]:
    """The white space inside the brackets of a list or tuple, at its two ends."""
    if isinstance(sequence, cst.List):
        return sequence.lbracket.whitespace_after, sequence.rbracket.whitespace_before
    if sequence.lpar:
        return sequence.lpar[-1].whitespace_after, sequence.rpar[0].whitespace_before
    return NOTHING, NOTHING


def breaks_line(comma: cst.Comma | cst.MaybeSentinel) -> bool:
    return isinstance(comma, cst.Comma) and isinstance(comma.whitespace_after, cst.ParenthesizedWhitespace)


def _comment_before(dot: cst.Dot, own_line: bool) -> cst.ParenthesizedWhitespace | None:
    """What stands before the dot of a method, where a comment does: behind the object, or above the dot."""
    space = dot.whitespace_before
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return None
    beside, above = space.first_line.comment is not None, any(line.comment for line in space.empty_lines)
    return space if (above and not beside if own_line else beside) else None


def _comma_from(operator: cst.BaseBinaryOp) -> cst.Comma:
    """A comma in place of an operator, with the line break and comment that stood around it."""
    for name in ("whitespace_before", "whitespace_after"):
        whitespace = getattr(operator, name)
        if isinstance(whitespace, cst.ParenthesizedWhitespace):
            return cst.Comma(whitespace_after=whitespace)
    return COMMA
