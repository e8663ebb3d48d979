"""Files whose size in one respect is beyond what people write by hand."""

from __future__ import annotations

import torch

from rewriter.results import FileResult
from tests.rewriter.executed import HEADER, assert_equal_models, load, rewritten

CLASSES = 20
TERMS = 2000
TURNS = 10_000

BASE = "class C0(nn.Module):\n    def forward(self, x):\n        return x + 1\n"
DERIVED = "class C{}(C{}):\n    def forward(self, x):\n        return super().forward(x) * 0.5 + F.relu(x)\n"
WHILE_SUM_IS_LARGE = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = {}

    def forward(self, x):
        for _ in range(self.steps):
            x = x * 0.5
            if x.sum() < 1:
                break
        return x
"""


def test_a_long_chain_of_classes_that_call_each_other() -> None:
    chain = "\n\n".join([BASE, *(DERIVED.format(i, i - 1) for i in range(1, CLASSES))])
    result = compared(HEADER + chain, f"C{CLASSES - 1}")
    assert len(result.findings) == 1 + 3 * (CLASSES - 1) and not result.refusals


def test_a_sum_of_so_many_terms_that_calls_could_not_stand_inside_each_other() -> None:
    terms = " + ".join(["x"] * TERMS)
    result = rewritten(f"{HEADER}class Net(nn.Module):\n    def forward(self, x):\n        return {terms}\n")
    assert not result.findings and {refusal.code for refusal in result.refusals} == {"RW907"}


def test_a_loop_that_could_turn_very_often_has_256_modules_for_each_operation() -> None:
    model = load(compared(HEADER + WHILE_SUM_IS_LARGE.format(TURNS), "Net").after)["Net"]()
    assert [len(of_turns) for of_turns in model.children()] == [256, 256]


def compared(source: str, name: str) -> FileResult:
    result = rewritten(source)
    torch.manual_seed(0)
    before = load(source.encode())[name]()
    assert_equal_models(before, load(result.after)[name](), torch.arange(12.0).reshape(3, 4))
    return result
