"""`rewriter rule`: one explanation, or the list of all."""

from __future__ import annotations

import json

from rewriter.cli import OK
from rewriter.codes import near
from rewriter.commands import complain
from rewriter.rules.listing import ALL, RULES


def explain(code: str | None, form: str) -> int:
    chosen = [rule for rule in ALL if code is None or rule.code == code.upper()]
    if not chosen:
        return complain(f"there is no rule {code!r}; near it: {near(code or '')}; `rewriter rule` lists all")
    if form == "json":
        print(json.dumps([{"code": r.code, "name": r.name, "explanation": r.explanation} for r in chosen], indent=2))
    elif code is None:
        for rule in chosen:
            kind = "" if rule in RULES else "left: "
            print(f"{rule.code}  {rule.name:26}  {kind}{rule.summary}")
    else:
        print(f"# {chosen[0].code}: {chosen[0].name}\n\n{chosen[0].explanation}")
    return OK
