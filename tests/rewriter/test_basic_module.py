"""The guides' own example, in both of its forms: the result is theirs, with their slip mended."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.rewriter.executed import assert_equal_models, load, rewritten

MODEL = Path(__file__).parents[2] / "fixtures" / "models" / "basic_module.py"

ADDED = """\
        self.bn2 = nn.BatchNorm2d(out_ch)
        self.add = runtime.modules.EltWiseAdd(inplace=True)
        self.relu2 = nn.ReLU()
        self.concat = runtime.modules.Concat(dim=1)
        self.sigmoid = nn.Sigmoid()
"""
FORWARD = """\
        # (1) Overloaded tensor addition operation
        # Alternatively, could be called via a tensor function: skip_1.add_(identity)
        out = self.add(out, identity)
        # (2) Relu module re-used
        out = self.relu2(out)

        # (3) Using operation from 'torch' namespace
        out = self.concat(identity, out)
        # (4) Using function from torch.nn.functional
        out = self.sigmoid(out)
"""


def test_the_guides_example() -> None:
    source = MODEL.read_text()
    after = rewritten(source).after.decode()
    assert "import runtime.modules\nimport torch" in after
    assert ADDED in after
    assert FORWARD in after
    assert "        out = self.relu(out)\n" in after  # the first call keeps its name


def test_the_second_form_differs_in_spelling_only() -> None:
    source = MODEL.read_text().replace("identity", "indentity").replace("super(BasicModule, self)", "super()")
    source = source.replace("out_ch, kernel_size)", "out_ch, kernel_size=kernel_size)", 1)
    after = rewritten(source).after.decode()
    assert ADDED in after and FORWARD.replace("identity", "indentity") in after


def test_executed() -> None:
    result = rewritten(MODEL.read_text())
    before, after = (load(code)["BasicModule"](3, 3, 1) for code in (result.before, result.after))
    assert_equal_models(before, after, torch.randn(2, 3, 8, 8))
