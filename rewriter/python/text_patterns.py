"""What a text that code puts together may say, as a regular expression: `f"block{i}"`, `"block%d" % i`."""

from __future__ import annotations

import ast
import re

ANY = ".*"


def pattern_of(node: ast.expr) -> str:
    if (text := text_of(node)) is not None:
        return re.escape(text)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(pattern_of, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return pattern_of(node.left) + pattern_of(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and (text := text_of(node.left)) is not None:
        return _with_gaps(text, r"%[^a-zA-Z%]*[a-zA-Z]")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        text = text_of(node.func.value)
        return ANY if text is None else _with_gaps(text, r"\{[^}]*\}")
    return ANY


def says_something(pattern: str) -> bool:
    return re.search(r"\w", pattern.replace(ANY, "")) is not None


def text_of(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _with_gaps(text: str, gap: str) -> str:
    return ANY.join(re.escape(part) for part in re.split(gap, text))
