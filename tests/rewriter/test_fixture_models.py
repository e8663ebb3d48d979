"""The bundled models: rewritten from source, loaded from the original's checkpoint, equal, and fully prepared."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from runtime.inspect import check_prepared
from tests.rewriter.executed import leaves, load, rewritten

FOLDER = Path(__file__).parents[2] / "fixtures" / "models"


@pytest.mark.parametrize("name", ["lstm_language_model", "transformer_seq2seq"])
def test_with_compound_modules(name: str) -> None:
    result = rewritten((FOLDER / f"{name}.py").read_text(), unsafe_fixes=True)
    assert not result.refusals
    original, modular = load(result.before), load(result.after)
    before, after = original["build"]().eval(), modular["build"]().eval()
    after.load_state_dict(before.state_dict(), strict=True)
    before.load_state_dict(after.state_dict(), strict=True)
    inputs = original["example_inputs"]()
    for expected, actual in zip(leaves(before(*inputs)), leaves(after(*inputs)), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)
    report = check_prepared(after, *inputs)
    assert report, str(report)
    assert not check_prepared(before, *inputs)
    assert not rewritten(result.after.decode(), unsafe_fixes=True).changed
