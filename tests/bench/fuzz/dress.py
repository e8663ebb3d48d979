"""Changes how a program is written, not what it does: comments, tabs, line endings, brackets, several on one line."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from itertools import takewhile

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.program import Program


def dressed(program: Program, draw: Draw) -> Program:
    """The program as it is, or in one strange dress. What would not be valid any longer stays as it is."""
    if not draw.chance(0.25):
        return program
    change = draw.pick(_comments, _tabs, _line_endings, _brackets, _documented, _unparsed, _joined)
    for name, text in program.files.items():
        new = change(text, draw)
        if _same_meaning(text, new):
            program = program.with_text(name, new)
    return program


def _same_meaning(text: str, new: str) -> bool:
    try:
        return change_free(text) == change_free(new)
    except SyntaxError:
        return False


def change_free(text: str) -> str:
    """The syntax tree without the docstrings that were put in."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) == DOCUMENTATION:
            node.body.pop(0)
    return ast.dump(tree)


DOCUMENTATION = "What it does."
Change = Callable[[str, Draw], str]


def _comments(text: str, draw: Draw) -> str:
    def one(line: str) -> str:
        if not line.strip() or not draw.chance(0.3):
            return line
        indent = line[: len(line) - len(line.lstrip())]
        return draw.pick(
            f"{line}  # noqa", f"{indent}# (1) why\n{line}", f"{line}  #no space", f"{indent}# {line.strip()}\n{line}"
        )

    return "\n".join(map(one, text.split("\n")))


def _tabs(text: str, draw: Draw) -> str:
    return re.sub(r"^(?:    )+", lambda found: "\t" * (len(found[0]) // 4), text, flags=re.MULTILINE)


def _line_endings(text: str, draw: Draw) -> str:
    return text.replace("\n", draw.pick("\r\n", "\n\n")).rstrip("\n") + draw.pick("", "\n")


def _brackets(text: str, draw: Draw) -> str:
    """Values in brackets, over several lines, with comments and commas."""

    def one(found: re.Match[str]) -> str:
        indent, target, value = found.groups()
        if not draw.chance(0.4):
            return found[0]
        return draw.pick(
            f"{indent}{target} = (\n{indent}    {value}\n{indent})",
            f"{indent}{target} = ({value})",
            f"{indent}{target} = (  # in\n{indent}  {value}\n{indent}  # out\n{indent})",
            f"{indent}{target} = \\\n{indent}    {value}",
            f"{indent}{target}={value};",
        )

    return re.sub(r"^( +)(\w+|self\.\w+) = (.+)$", one, text, flags=re.MULTILINE)


def _documented(text: str, draw: Draw) -> str:
    def one(found: re.Match[str]) -> str:
        return f'{found[0]}\n{found[1]}    """{DOCUMENTATION}"""'

    return re.sub(r"^( *)def .*:$", one, text, flags=re.MULTILINE)


def _unparsed(text: str, draw: Draw) -> str:
    """As a tool prints it: no blank lines, other quotes."""
    return ast.unparse(ast.parse(text))


def _joined(text: str, draw: Draw) -> str:
    """Blocks on the line of their header, `if deep: self.a = A(); self.b = B()`, and statements that share a line."""
    lines = text.split("\n")
    blocks = [found for node in ast.walk(ast.parse(text)) for found in _blocks(node)]
    for block, is_whole in sorted(blocks, key=lambda found: found[0][0].lineno, reverse=True):
        first, last = block[0].lineno - 1, block[-1].lineno - 1
        if not draw.chance(0.5) or last - first + 1 != len(block):
            continue
        joined = "; ".join(line.strip() for line in lines[first : last + 1])
        if is_whole and lines[first - 1].endswith(":"):
            lines[first - 1 : last + 1] = [f"{lines[first - 1]} {joined}"]
        else:
            indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
            lines[first : last + 1] = [indent + joined]
    return "\n".join(lines)


def _blocks(node: ast.AST) -> Iterator[tuple[list[ast.stmt], bool]]:
    """The statements that a block begins with and that may share a line, and whether it has no others."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        if isinstance(block, list) and not isinstance(node, ast.Module):
            simple = list(takewhile(_is_simple, block))
            if simple:
                yield simple, len(simple) == len(block)


def _is_simple(statement: ast.stmt) -> bool:
    return statement.lineno == statement.end_lineno and not hasattr(statement, "body")
