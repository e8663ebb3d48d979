"""A logical line as nested brackets: its tokens, with the white space that the author puts between them."""

from __future__ import annotations

import io
import keyword
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_NEVER_FOLLOWED_BY_SPACE = {"(", "[", "{", ".", "~"}
_NEVER_BEHIND_SPACE = {")", "]", "}", ",", ".", ":", ";"}
_ASSIGNMENTS = {"=", "+=", "-=", "*=", "/=", "//=", "%=", "@=", "&=", "|=", "^=", ">>=", "<<=", "**="}
_OPERANDS = {"None", "True", "False", "..."}


class NoLayout(Exception):
    """A line that is left as it is."""


@dataclass(frozen=True)
class Atom:
    text: str
    space: str
    is_operand: bool
    """A name, number or string; not an operator or a word of the language."""
    is_assignment: bool = False
    """The `=` of a statement, not that of a keyword argument."""
    is_text: bool = False

    def flat(self) -> str | None:
        return self.text

    def without_space(self) -> Atom:
        return replace(self, space="")


@dataclass(frozen=True)
class Comment:
    text: str
    own_line: bool
    space: str = "  "
    is_text: bool = False

    def flat(self) -> str | None:
        return None

    def without_space(self) -> Comment:
        return self


@dataclass(frozen=True)
class Group:
    """Brackets and what is in them."""

    opening: str
    closing: str
    space: str
    inside: list[Node]
    margins: tuple[str, str]
    is_subscript: bool
    is_call: bool
    is_text: bool = False

    @property
    def ends_in_comma(self) -> bool:
        last = next((n for n in reversed(self.inside) if not isinstance(n, Comment)), None)
        return isinstance(last, Atom) and last.text == ","

    @property
    def is_held_open(self) -> bool:
        """A comma behind the last of several elements keeps them on lines of their own."""
        commas = sum(isinstance(n, Atom) and n.text == "," for n in self.inside)
        single = self.opening == "(" and not self.is_call and commas == 1
        return self.ends_in_comma and not single and not (self.is_subscript and commas == 1)

    def flat(self) -> str | None:
        inside = None if self.is_held_open else flat(self.inside)
        return None if inside is None else self.opening + self.margins[0] + inside + self.margins[1] + self.closing

    def without_space(self) -> Group:
        return replace(self, space="")


Node = Atom | Comment | Group


def flat(nodes: list[Node]) -> str | None:
    """The nodes on one line; None where a comment or a comma that holds brackets open forbids it."""
    out = io.StringIO()
    for place, node in enumerate(nodes):
        text = node.flat()
        if text is None:
            return None
        out.write((node.space if place else "") + text)
    return out.getvalue()


def nested(line: str) -> list[Node]:
    """Raises NoLayout for what is not one logical line of plain tokens."""
    tokens = _Tokens(line)
    nodes, _, _ = tokens.until("")
    return nodes


class _Tokens:
    def __init__(self, line: str) -> None:
        self.tokens = _plain(line)
        self.previous: tokenize.TokenInfo | None = None
        self.depth = 0

    def until(self, closing: str) -> tuple[list[Node], str, str]:
        """The nodes up to a closing bracket, and the white space at both ends."""
        nodes: list[Node] = []
        first_space = None
        for token in self.tokens:
            space, broken = self._space_before(token)
            before, self.previous = self.previous, token
            if first_space is None:
                first_space = space
            if token.string == closing and token.type == tokenize.OP:
                return nodes, "" if not nodes else first_space, space if nodes else ""
            if token.type == tokenize.COMMENT:
                nodes.append(Comment(token.string, broken))
            elif token.type == tokenize.OP and token.string in _PAIRS:
                self.depth += 1
                end = _PAIRS[token.string]
                inside, left, right = self.until(end)
                self.depth -= 1
                behind = before is not None and _is_operand(before)
                is_subscript, is_call = behind and end == "]", behind and end == ")"
                nodes.append(Group(token.string, end, space, inside, (left, right), is_subscript, is_call))
            else:
                nodes.append(self._atom(token, space, nodes))
        if closing:
            raise NoLayout
        return nodes, "", ""

    def _atom(self, token: tokenize.TokenInfo, space: str, nodes: list[Node]) -> Atom:
        text = token.string
        last = nodes[-1] if nodes else None
        if isinstance(last, Atom) and (last.text, text) in (("not", "in"), ("is", "not")):
            nodes.pop()
            return Atom(f"{last.text} {text}", last.space, False)
        assigns = token.type == tokenize.OP and text in _ASSIGNMENTS and self.depth == 0
        return Atom(text, space, _is_operand(token), assigns, token.type == tokenize.STRING)

    def _space_before(self, token: tokenize.TokenInfo) -> tuple[str, bool]:
        """The white space before a token, as a formatter puts it where a line begins, and whether one does."""
        before = self.previous
        if before is None:
            return "", False
        if before.end[0] == token.start[0]:
            return token.line[before.end[1] : token.start[1]] if before.line == token.line else " ", False
        tight = before.string in _NEVER_FOLLOWED_BY_SPACE or token.string in _NEVER_BEHIND_SPACE
        return "" if tight else " ", True


def _is_operand(token: tokenize.TokenInfo) -> bool:
    if token.type in (tokenize.NUMBER, tokenize.STRING):
        return True
    if token.type == tokenize.NAME:
        return not keyword.iskeyword(token.string) or token.string in _OPERANDS
    return token.string in (")", "]", "}", "...")


def _plain(line: str) -> Iterator[tokenize.TokenInfo]:
    if "\\\n" in line:
        raise NoLayout
    for token in _with_whole_strings(line):
        if token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER):
            continue
        is_text = token.type == tokenize.STRING and "\n" in token.string
        if is_text or token.string == ";" or tokenize.tok_name[token.type].startswith(("INDENT", "ERROR")):
            raise NoLayout
        yield token


def _with_whole_strings(line: str) -> Iterator[tokenize.TokenInfo]:
    """From Python 3.12 on, the tokens of a formatted string stand alone."""
    depth, start = 0, None
    for token in tokenize.generate_tokens(io.StringIO(line).readline):
        kind = tokenize.tok_name[token.type]
        if kind in ("FSTRING_START", "TSTRING_START"):
            start = start or token
            depth += 1
        elif kind in ("FSTRING_END", "TSTRING_END") and start is not None:
            depth -= 1
            if depth == 0:
                text = token.line[start.start[1] : token.end[1]] if start.start[0] == token.end[0] else "\n"
                yield token._replace(type=tokenize.STRING, string=text, start=start.start)
                start = None
        elif depth == 0:
            yield token
