"""Prints a table of surgery to built models: `python -m tests.bench.surgery [words of the kinds wanted]`."""

from __future__ import annotations

import sys
from collections import Counter

from tests.rewriter.surgery.documented import DOCUMENTED
from tests.rewriter.surgery.kinds import KINDS
from tests.rewriter.surgery.models import MODELS
from tests.rewriter.surgery.table import DIFFERENT, NOTHING, Cell, cell


def main(wanted: list[str]) -> None:
    kinds = [kind for kind in KINDS if all(word in kind for word in wanted)]
    for number, model in enumerate(MODELS):
        print(f"{number:>3}  {model}")
    print(f"\n{'':50}" + "".join(f"{number:>4}" for number in range(len(MODELS))))
    counts: Counter[str] = Counter()
    reasons = []
    for kind in kinds:
        row = [cell(kind, model) for model in MODELS]
        print(f"{kind:50}" + "".join(f"{_sign(one):>4}" for one in row), flush=True)
        counts.update(_word(one) for one in row)
        reasons += [one for one in row if one.result == DIFFERENT]
    print(f"\n= equal, d documented as different, ! differs: {dict(counts)}\n")
    for one in reasons:
        section = DOCUMENTED.get((one.surgery, one.model), "NOT DOCUMENTED")
        print(f"{one.surgery} | {one.model} | {one.why} | {section}")


def _word(one: Cell) -> str:
    if one.result == NOTHING:
        return "nothing to operate on"
    is_documented = one.result == DIFFERENT and (one.surgery, one.model) in DOCUMENTED
    return "documented" if is_documented else one.result


def _sign(one: Cell) -> str:
    return {"nothing to operate on": ".", "documented": "d", "equal": "=", DIFFERENT: "!"}[_word(one)]


if __name__ == "__main__":
    main(sys.argv[1:])
