"""Every rule and every reason, for those who list or explain them."""

from __future__ import annotations

from rewriter.rules import (
    arithmetic,
    chosen,
    compound,
    elementwise,
    functional,
    functions,
    grouping,
    matrix,
    placed,
    reduction,
    reuse,
    stored,
)
from rewriter.rules.refusals import REASONS
from rewriter.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    arithmetic.RULE,
    matrix.RULE,
    elementwise.RULE,
    grouping.RULE,
    reduction.RULE,
    functional.RULE,
    reuse.RULE,
    functions.RULE,
    stored.RULE,
    placed.RULE,
    chosen.RULE,
    compound.RULE,
)

UNUSED = Rule(
    "RW990",
    "unused-suppression",
    "A suppression comment silences nothing.\n\n"
    "The code that it spoke of is gone, was never there, or does not exist. Take it out.",
)

NOTEBOOK = Rule(
    "RW991",
    "in-notebook",
    "A notebook holds what would be rewritten in a file.\n\n"
    "Cells run in any order, and are edited while they run: nothing is written to them. Move the model into a module "
    "and import it from the notebook; `rewriter fix` rewrites the module.",
)

ALL: tuple[Rule, ...] = (*RULES, *REASONS, UNUSED, NOTEBOOK)
