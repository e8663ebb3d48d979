"""Changes how a program is written, not what it does: comments, tabs, line endings, brackets, docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.program import Program


def dressed(program: Program, draw: Draw) -> Program:
    """The program as it is, or in one strange dress. What would not be valid any longer stays as it is."""
    if not draw.chance(0.25):
        return program
    change = draw.pick(_comments, _tabs, _line_endings, _brackets, _documented, _unparsed)
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
