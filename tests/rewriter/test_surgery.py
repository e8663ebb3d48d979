"""What people do to a built model gives what it gave before the rewrite, but for what docs/what-changes.md says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.rewriter.executed import HEADER, load, rewritten
from tests.rewriter.surgery.documented import DOCUMENTED, PAGE
from tests.rewriter.surgery.kinds import KINDS
from tests.rewriter.surgery.models import ACTIVATIONS, MODELS
from tests.rewriter.surgery.table import DIFFERENT, cell


@pytest.mark.parametrize("kind", KINDS)
def test_surgery(kind: str) -> None:
    found = [cell(kind, model) for model in MODELS]
    different = {c.model: c.why for c in found if c.result == DIFFERENT}
    assert different.keys() == {model for documented, model in DOCUMENTED if documented == kind}, different
    assert any(c.result for c in found), "no model has anything for this surgery to operate on"


def test_the_page_has_a_section_for_each_difference() -> None:
    page = (Path(__file__).parents[2] / PAGE).read_text()
    assert all(f"### {section}\n" in page for section in DOCUMENTED.values())


def test_a_loop_that_puts_new_layers_right_after_one_was_replaced() -> None:
    """The first loop takes a handle for a layer of its own; the second does not, nor one after the model ran."""
    source = HEADER + MODELS["layers called twice"].source
    for runs_between, seen in ((False, 3), (True, 2)):
        model = load(rewritten(source).after)["Net"]()
        model.fc = nn.Linear(8, 8)
        if runs_between:
            model(torch.ones(4, 8))
        linear = [name for name, child in model.named_children() if isinstance(child, nn.Linear)]
        assert len(linear) == seen
        assert [name for name, child in model.named_children() if isinstance(child, nn.Linear)] == ["fc", "head"]


def test_models_in_files_from_before() -> None:
    """Their attributes are those of then; the state_dict is what carries over."""
    result = rewritten(HEADER + ACTIVATIONS)
    before = load(result.before)["Net"]().eval()
    net = load(result.after)["Net"]
    old = net.__new__(net)
    old.__setstate__(before.__getstate__())
    x = torch.randn(4, 8)
    with pytest.raises(AttributeError, match="'Net' object has no attribute"):
        old(x)
    new = net().eval()
    new.load_state_dict(before.state_dict(), strict=True)
    assert torch.equal(new(x), before(x))
