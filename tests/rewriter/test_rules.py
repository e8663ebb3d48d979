"""What `rewriter rule` says is true: each rule's example is what the engine does."""

from __future__ import annotations

import re

import pytest

from rewriter.rules.listing import ALL, RULES
from rewriter.rules.rule import Rule
from tests.rewriter.executed import HEADER, rewritten


def without_imports(source: str) -> str:
    """The examples leave them out."""
    return re.sub(r"^(?:import|from) .*\n", "", source, flags=re.MULTILINE).lstrip("\n")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_example_is_what_happens(rule: Rule) -> None:
    before, after = re.findall(r"```python\n(.*?)```", rule.explanation, re.DOTALL)
    result = rewritten(HEADER + "\n\n" + before, unsafe_fixes=True, source=rule.source)
    assert without_imports(result.after.decode()) == without_imports(HEADER + "\n\n" + after)
    assert rule.code in {finding.code for finding in result.findings}


@pytest.mark.parametrize(
    ("rule", "source"), [pytest.param(rule, source, id=rule.code) for rule in RULES for source in rule.keeps]
)
def test_what_a_rule_keeps_it_does_not_find(rule: Rule, source: str) -> None:
    result = rewritten(HEADER + "\n\n" + source, unsafe_fixes=True, source=rule.source)
    assert rule.code not in {finding.code for finding in result.findings}


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.code)
def test_every_code_is_explained(rule: Rule) -> None:
    assert re.fullmatch(r"RW[1-9]\d\d", rule.code) and re.fullmatch(r"[a-z-]+", rule.name)
    assert rule.summary.endswith(".") and len(rule.summary) < 110
    assert len(rule.explanation) > len(rule.summary) + 20


def test_codes_and_names_are_unique() -> None:
    assert len({r.code for r in ALL}) == len({r.name for r in ALL}) == len(ALL)
