"""Lays a logical line out over several lines the way that black and ruff format do."""

from __future__ import annotations

import itertools
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rewriter.emit.style import Style
from rewriter.emit.tokens import Atom, Comment, Group, Node, NoLayout, flat, nested

# Where an expression is broken, from what binds least. A line begins with its operator.
_OPERATORS = (
    ("if", "else"),
    ("or",),
    ("and",),
    ("in", "not in", "is", "is not", "<", ">", "<=", ">=", "==", "!="),
    ("|",),
    ("^",),
    ("&",),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "//", "%", "@"),
)
_HEADS = {"return", "yield", "assert", "del", "raise", "await", "if", "elif", "while", "for", "in", "with", "not"}
_BINDING_LESS_THAN_NOT = {"if", "else", "or", "and"}


def laid_out(line: str, indent: str, style: Style, reserved: int = 0) -> str | None:
    """A logical line, given without its indentation; None for what this layout does not know.

    `reserved` is the room that a comment behind it takes.
    """
    try:
        nodes = _without_needless_brackets(nested(line))
        text = flat(nodes)
        if text is not None and len(indent) + len(text) + _counted(reserved, indent, style) <= style.width:
            return text
        return "\n".join(_Layout(style).statement(nodes, indent)).removeprefix(indent)
    except (NoLayout, tokenize.TokenError, SyntaxError):
        return None


def _counted(reserved: int, indent: str, style: Style) -> int:
    """A comment that is too long whatever the layout takes no room."""
    return reserved if len(indent) + 1 + reserved <= style.width else 0


@dataclass(frozen=True)
class _Layout:
    style: Style

    def statement(self, nodes: list[Node], indent: str) -> list[str]:
        if _word(nodes[0]) in ("def", "async"):
            return self._by_group(nodes, next(i for i, n in enumerate(nodes) if isinstance(n, Group)), indent)
        start = _value_start(nodes)
        value, tail = _without_colon(nodes[start:])
        is_tuple = any(_word(n) == "," for n in value)
        splits = _operator_places(value)
        if not is_tuple and (not splits or (len(splits) == 1 and _ends_in_group(value))):
            return self._by_last_group(nodes, indent)
        head = flat(nodes[:start])
        if head is None or (is_tuple and _word(nodes[0]) in ("assert", "del", "for", "with")):
            raise NoLayout
        inner = self._bracketed(_stripped(value), indent + self.style.step)
        return [f"{indent}{head}{' ' if head else ''}(", *inner, f"{indent}){flat(tail) or ''}"]

    def _by_last_group(self, nodes: list[Node], indent: str) -> list[str]:
        """The last brackets that hold something are opened; what stands before and behind them stays on its line."""
        places = [i for i, n in enumerate(nodes) if isinstance(n, Group) and n.inside]
        for place in reversed(places):
            head, behind = flat(nodes[:place]), nodes[place + 1 :]
            if head is None or (len(indent) + len(head) >= self.style.width and place != places[0]):
                continue
            if flat(behind) is not None or isinstance(behind[0], Group):
                return self._by_group(nodes, place, indent)
        if (text := flat(nodes)) is not None:
            return [indent + text]
        raise NoLayout

    def _by_group(self, nodes: list[Node], place: int, indent: str) -> list[str]:
        group, head = nodes[place], flat(nodes[:place])
        assert isinstance(group, Group)
        opening = f"{indent}{head or ''}{group.space if head else ''}{group.opening}"
        first = group.inside[0]
        if isinstance(first, Comment) and not first.own_line:
            opening, group = f"{opening}  {first.text}", replace(group, inside=group.inside[1:])
        inside, behind = self._inside(group, indent + self.style.step), nodes[place + 1 :]
        text = flat(behind)
        fits = text is not None and len(indent) + 1 + len(text) <= self.style.width
        if fits or not behind or not isinstance(behind[0], Group):
            return [opening, *inside, f"{indent}{group.closing}{_spaced(nodes, place)}"]
        called, *others = self._by_last_group(behind, indent)  # `f(x)(y)`: what the result is called with
        return [opening, *inside, f"{indent}{group.closing}{called[len(indent) :]}", *others]

    def _inside(self, group: Group, indent: str) -> list[str]:
        """What stands in brackets. The arguments of a call may share a line; the elements of a list have one each."""
        text = flat(group.inside)
        several = any(_word(n) == "," for n in group.inside) and not any(map(_starts_comprehension, group.inside))
        shares = group.is_call or group.is_subscript or not several
        if shares and not group.is_held_open and text is not None and len(indent) + len(text) <= self.style.width:
            return [indent + text]
        return self._bracketed(group.inside, indent)

    def _bracketed(self, nodes: list[Node], indent: str) -> list[str]:
        """A line for each element, or for each part of what is one element."""
        elements = list(_elements(nodes))
        commas = any(_word(n) == "," for n in nodes)
        if any(_starts_comprehension(n) for n in nodes):
            return self._comprehension(nodes, indent)
        lines: list[str] = []
        for element in elements:
            lines += [indent + c.text for c in element.above]
            if element.nodes:
                beside = 2 + len(element.beside.text) if element.beside else 0
                room = (1 if commas else 0) + _counted(beside, indent, self.style)
                lines += self._operands(_stripped(element.nodes), indent, room)
                lines[-1] += "," if commas else ""
            if element.beside:
                if not lines:
                    raise NoLayout
                lines[-1] += f"  {element.beside.text}"
        return lines

    def _operands(self, nodes: list[Node], indent: str, room: int = 0) -> list[str]:
        """An expression inside of brackets: in one line, else a line for each operand, else by its last brackets."""
        text = flat(nodes)
        if text is not None and len(indent) + len(text) + room <= self.style.width:
            return [indent + text]
        places = _operator_places(nodes)
        if not places or any(_word(n) == "lambda" for n in nodes):
            return self._by_last_group(nodes, indent)
        lines: list[str] = []
        for start, end in itertools.pairwise([0, *places, len(nodes)]):
            part, comments = _parted(_stripped(nodes[start:end]))
            text = flat(part)
            if text is not None and len(indent) + len(text) <= self.style.width:
                lines.append(indent + text)
            else:
                lines += self._operands(part, indent) if comments else self._by_last_group(part, indent)
            for comment in comments:
                lines += [indent + comment.text] if comment.own_line else []
                lines[-1] += "" if comment.own_line else f"  {comment.text}"
        return lines

    def _comprehension(self, nodes: list[Node], indent: str) -> list[str]:
        places = [i for i, n in enumerate(nodes) if _starts_comprehension(n) or _word(n) == "if"]
        first = next(i for i, n in enumerate(nodes) if _starts_comprehension(n))
        places = [i for i in places if i >= first and _word(nodes[i - 1]) != "async"]
        lines: list[str] = []
        for start, end in itertools.pairwise([0, *places, len(nodes)]):
            lines += self._operands(_stripped(nodes[start:end]), indent)
        return lines


def _value_start(nodes: list[Node]) -> int:
    """Behind the last `=` of an assignment, or the word that a statement begins with."""
    start = 0
    for place, node in enumerate(nodes):
        is_head = _word(node) in _HEADS and place == start and not _is_of_first_operand(nodes, place)
        if isinstance(node, Atom) and (is_head or node.is_assignment):
            start = place + 1
    if any(isinstance(n, Atom) and n.text == "in" for n in nodes) and _word(nodes[0]) == "for":
        start = 1 + max(i for i, n in enumerate(nodes) if _word(n) == "in")
    return start


def _is_of_first_operand(nodes: list[Node], place: int) -> bool:
    """`not a or b` is `(not a) or b`."""
    return _word(nodes[place]) == "not" and any(_word(n) in _BINDING_LESS_THAN_NOT for n in nodes[place + 1 :])


def _without_needless_brackets(nodes: list[Node]) -> list[Node]:
    """`x = (a + b)` says no more than `x = a + b`."""
    start = _value_start(nodes)
    value, tail = _without_colon(nodes[start:])
    group = value[0] if len(value) == 1 else None
    if not isinstance(group, Group) or group.opening != "(" or not start or not group.inside:
        return nodes
    kept = {",", "for", "async", "yield", ":=", "*"}
    if any(isinstance(n, Comment) or _word(n) in kept for n in group.inside):
        return nodes
    first = replace(group.inside[0], space=" ")
    return [*nodes[:start], first, *group.inside[1:], *tail]


def _without_colon(nodes: list[Node]) -> tuple[list[Node], list[Node]]:
    return (nodes[:-1], nodes[-1:]) if nodes and _word(nodes[-1]) == ":" else (nodes, [])


def _word(node: Node) -> str:
    return node.text if isinstance(node, Atom) else ""


def _spaced(nodes: list[Node], place: int) -> str:
    rest = nodes[place + 1 :]
    return (rest[0].space if rest else "") + (flat(rest) or "")


def _operator_places(nodes: list[Node]) -> list[int]:
    """Where the operators stand that bind least."""
    words = [_word(n) for n in nodes]
    if "lambda" in words:
        return []
    first = max((i for i, word in enumerate(words) if word == "in"), default=0) if "for" in words else 0
    for level in _OPERATORS:
        places = [i for i, word in enumerate(words) if word in level and i > first and not _is_unary(nodes, i)]
        if places:
            return places
    parted = [i for i in range(1, len(nodes)) if nodes[i].is_text and nodes[i - 1].is_text]
    if parted:
        return parted
    chained = [i for i in range(first + 1, len(nodes)) if words[i] == "." and _ends_a_call(nodes[:i])]
    return chained if len(chained) > 1 else []


def _ends_a_call(nodes: list[Node]) -> bool:
    return isinstance(next((n for n in reversed(nodes) if not isinstance(n, Comment)), None), Group)


def _is_unary(nodes: list[Node], place: int) -> bool:
    before = nodes[place - 1]
    return isinstance(before, Atom) and not before.is_operand


def _starts_comprehension(node: Node) -> bool:
    return _word(node) in ("for", "async")


@dataclass(frozen=True)
class _Element:
    nodes: list[Node]
    above: list[Comment]
    beside: Comment | None = None


def _elements(nodes: list[Node]) -> Iterator[_Element]:
    """What commas part, each with the comments above it and the one beside it."""
    current: list[Node] = []
    above: list[Comment] = []
    done: _Element | None = None
    in_lambda = False  # whose parameters are parted by commas as well
    for node in nodes:
        in_lambda = (in_lambda or _word(node) == "lambda") and _word(node) != ":"
        if in_lambda:
            current.append(node)
        elif isinstance(node, Comment) and not current:
            if done is not None and not node.own_line and done.beside is None and not above:
                done = _Element(done.nodes, done.above, node)
            else:
                above.append(node)
        elif _word(node) == ",":
            if done:
                yield done
            done, current, above = _Element(current, above), [], []
        else:
            current.append(node)
    if done:
        yield done
    beside = current.pop() if current and isinstance(current[-1], Comment) else None
    if current or above:
        yield _Element(current, above, beside if isinstance(beside, Comment) else None)


def _ends_in_group(nodes: list[Node]) -> bool:
    last = nodes[-1] if nodes else None
    return isinstance(last, Group) and bool(last.inside) and not last.is_subscript


def _parted(nodes: list[Node]) -> tuple[list[Node], list[Comment]]:
    """An operand, and the comments behind it."""
    comments = list(itertools.takewhile(lambda node: isinstance(node, Comment), reversed(nodes)))
    return nodes[: len(nodes) - len(comments)], [c for c in reversed(comments) if isinstance(c, Comment)]


def _stripped(nodes: list[Node]) -> list[Node]:
    return [nodes[0].without_space(), *nodes[1:]] if nodes else []
