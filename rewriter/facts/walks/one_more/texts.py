"""Texts that hold the name of the new module: nothing that both runs have is equal to one."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from itertools import pairwise

if sys.version_info >= (3, 11):
    from re import _constants as codes
    from re import _parser as parser
else:
    import sre_constants as codes
    import sre_parse as parser

from rewriter.facts.walks.one_more.things import ANY, DOTTED, NAME, SAME, Const, Pair, Value, is_settled


def joined_texts(pieces: Sequence[Value]) -> Value | None:
    """Texts put together; the name remains a part between dots where no more than dots come next to it."""
    if NAME not in pieces:
        return None
    for before, after in pairwise(pieces):
        if (after is NAME and not _is_apart(before, -1)) or (before is NAME and not _is_apart(after, 0)):
            return ANY
    return NAME if all(is_settled(p) or p is NAME for p in pieces) else ANY


def joined_parts(by: Const, parts: Value) -> Value | None:
    """`".".join([prefix, name])`"""
    if not isinstance(parts, Pair):
        return None
    if all(map(is_settled, parts.items)):
        return SAME
    known = all(is_settled(part) or part is NAME for part in parts.items)
    return NAME if by == Const(".") and known else ANY


def formatted(pieces: Sequence[Value]) -> Value:
    if (text := joined_texts([p for p in pieces if p != Const("")])) is not None:
        return text
    if not all(map(is_settled, pieces)):
        return ANY
    return DOTTED if pieces and _is_apart(pieces[-1], -1) else SAME


def _is_apart(piece: Value, end: int) -> bool:
    text = piece.value if isinstance(piece, Const) else None
    if piece is DOTTED and end == -1:
        return True
    return isinstance(text, str) and text[end : end + 1 or None] == "."


def method_of_name(name: str, given: Sequence[Value], beginning_known: bool) -> Value:
    """What a method of a text returns for the name of the new module, or a path that ends in it."""
    if name == "startswith":
        return Const(False) if beginning_known and given and _are_texts(given[0]) else ANY
    if name == "removeprefix" and given and _is_apart(given[0], -1):
        return NAME
    return ANY


def _are_texts(given: Value) -> bool:
    texts = given.items if isinstance(given, Pair) else (given,)
    return all(isinstance(text, Const) and isinstance(text.value, str) and text.value for text in texts)


def only_numbers(pattern: str) -> bool:
    """Whether a pattern matches nothing but whole numbers between dots, such as the `.3.` of `layers.3.add`."""
    try:
        parsed = [*parser.parse(pattern).data]
    except re.error:
        return False
    return bool(parsed) and _is_dot(parsed[0]) and _ends(parsed[-1:]) and all(map(_is_number, parsed))


def _is_number(part: tuple[object, object]) -> bool:
    """Digits and dots, and the ends of the text."""
    code, argument = part
    if code is codes.LITERAL:
        return chr(argument) in ".0123456789"  # type: ignore[arg-type]
    if code is codes.AT:
        return argument in (codes.AT_END, codes.AT_END_STRING)
    if code is codes.IN:
        return all(_is_digit(one) for one in argument)  # type: ignore[attr-defined]
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        return all(map(_is_number, argument[2]))  # type: ignore[index]
    if code is codes.SUBPATTERN:
        return all(map(_is_number, argument[-1]))  # type: ignore[index]
    return code is codes.BRANCH and all(_is_number(one) for way in argument[1] for one in way)  # type: ignore[index]


def _is_dot(part: tuple[object, object]) -> bool:
    return part == (codes.LITERAL, ord("."))


def _is_digit(one: tuple[object, object]) -> bool:
    return one in ((codes.CATEGORY, codes.CATEGORY_DIGIT), (codes.RANGE, (48, 57)))


def _ends(last: Sequence[tuple[object, object]]) -> bool:
    """Whether a dot or the end of the text is what is matched last."""
    code, argument = last[0] if last else (None, None)
    if code is codes.SUBPATTERN:
        return _ends(list(argument[-1])[-1:])  # type: ignore[index]
    if code is codes.BRANCH:
        return all(_ends(list(way)[-1:]) for way in argument[1])  # type: ignore[index]
    if code is codes.IN:
        return False
    return code is codes.AT or _is_dot((code, argument))
