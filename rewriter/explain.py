"""`rewriter rule`: one explanation, or the list of all."""

from __future__ import annotations

import json

from rewriter.console import OK, complain, put_on_stdout
from rewriter.rule_codes import near
from rewriter.rules.listing import ALL, LEFT
from rewriter.rules.rule import Rule
from rewriter.torch_api.catalogue import ROWS
from rewriter.torch_api.documentation import operations


def explain(code: str | None, form: str, whole: bool = False) -> int:
    chosen = [rule for rule in ALL if code is None or rule.code.startswith(code.upper())]
    if not chosen:
        return complain(f"there is no rule {code!r}; near it: {near(code or '')}. `rewriter rule` lists all")
    if form == "json":
        text = json.dumps([{"code": r.code, "name": r.name, "explanation": r.explanation} for r in chosen], indent=2)
    elif len(chosen) > 1 and not whole:
        text = "\n".join(map(_line, chosen))
    else:
        text = "\n\n".join(map(_whole, chosen))
    put_on_stdout(f"{text}\n".encode())
    return OK


def of_code(code: str) -> str:
    """The whole explanation."""
    return next(_whole(rule) for rule in ALL if rule.code == code)


def _whole(rule: Rule) -> str:
    rewritten = f"\n\n{operations(rule.code)}" if any(row.code == rule.code for row in ROWS) else ""
    return f"# {rule.code}: {rule.name}\n\n{rule.explanation}{rewritten}"


def _line(rule: Rule) -> str:
    return f"{rule.code}  {rule.name:26}  {'left: ' if rule in LEFT else ''}{rule.summary}"
