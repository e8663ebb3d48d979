"""`--from torch-ao`: FloatFunctionals become modules, all calls of one or none; without it they are known to compute."""

from __future__ import annotations

import pytest
import torch

from tests.rewriter.executed import HEADER, assert_equal_models, load, rewritten

MODEL = (
    HEADER
    + """
from torch.ao.nn.quantized import FloatFunctional
from torch.ao.quantization import DeQuantStub, QuantStub


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant = QuantStub()
        self.conv = nn.Conv2d(4, 4, 1)
        self.skip = FloatFunctional()
        self.cat = nn.quantized.FloatFunctional()
        self.scale = torch.nn.quantized.FloatFunctional()
        self.dequant = DeQuantStub()

    def forward(self, x):
        x = self.quant(x)
        y = self.skip.add(x, self.conv(x))
        y = self.skip.add_relu(self.scale.mul_scalar(y, 0.5), F.relu(x))
        if x.shape[0] > 1:
            y = self.skip.mul(y, y)
        y = self.cat.cat([x, self.scale.add_scalar(y, 2.0)], dim=1)
        return self.dequant(self.skip.matmul(y, y.transpose(2, 3)))
"""
)


def test_every_call_gets_a_module_and_nothing_else_changes() -> None:
    result = rewritten(MODEL, source="torch-ao")
    text = result.after.decode()
    assert "FloatFunctional()" not in text
    assert "self.skip = runtime.modules.EltWiseAdd()" in text
    assert "self.skip2 = runtime.modules.AddReLU()" in text
    assert "self.cat = runtime.modules.Concat(dim=1)" in text and "self.cat(x, self.scale2(y, 2.0))" in text
    torch.manual_seed(0)
    before = load(MODEL.encode())["Net"]()
    assert_equal_models(before, load(result.after)["Net"](), torch.randn(2, 4, 3, 3))


def test_without_from_the_calls_are_operations_that_are_left_with_a_reason() -> None:
    result = rewritten(MODEL)
    assert [finding.code for finding in result.findings] == ["RW106"]
    assert {refusal.code for refusal in result.refusals} == {"RW913"}
    assert "--from torch-ao" in result.refusals[0].advice
    assert "self.skip.add_relu(self.scale.mul_scalar(y, 0.5), self.relu(x))" in result.after.decode()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("\n    def fold(self):\n        return self.skip.scale\n", "more is done with it"),
        ("\n\ndef off(net):\n    net.skip = None\n", "other code"),
        ("\n\nclass Sub(Net):\n    def forward(self, x):\n        return self.skip.add(x, x)\n", "other code"),
    ],
)
def test_an_instance_that_other_code_uses_keeps_all_its_calls(more: str, why: str) -> None:
    result = rewritten(MODEL + more, source="torch-ao")
    text = result.after.decode()
    assert "self.skip = FloatFunctional()" in text and "self.skip.mul(y, y)" in text
    assert any(why in refusal.message for refusal in result.refusals)
    assert "self.cat = runtime.modules.Concat(dim=1)" in text, "the others are rewritten"


def test_a_call_that_is_silenced_keeps_the_others_of_its_instance() -> None:
    silenced = MODEL.replace("y = self.skip.mul(y, y)", "y = self.skip.mul(y, y)  # rewriter: ignore")
    text = rewritten(silenced, source="torch-ao").after.decode()
    assert "self.skip = FloatFunctional()" in text and "self.skip.add(x, self.conv(x))" in text
