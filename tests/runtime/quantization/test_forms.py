"""The list of integer forms is what the quantizer goes by, and the page of the guide is that list."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

import runtime.modules as wrappers
from rewriter.torch_api.catalogue import ALONE, ROWS
from runtime.__main__ import main
from runtime.quantization.forms import form_of, forms, page
from runtime.quantization.kinds import Kind, kind_of
from runtime.quantization.known import draws

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "integer-forms.md"


def made(name: str) -> nn.Module | None:
    """The module, where its class needs nothing to be made."""
    home, _, kind = name.rpartition(".")
    try:
        module: nn.Module = getattr(nn if home == "torch.nn" else wrappers, kind)()
        return module.eval()
    except TypeError:
        return None


def test_the_page_is_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Else write it anew: python -m runtime forms > docs/guides/integer-forms.md"""
    assert PAGE.read_text() == page()
    assert main(["forms"]) == 0 and capsys.readouterr().out == page()


def test_what_is_listed_is_what_the_quantizer_does() -> None:
    looked_at = 0
    depends = ("Made of modules", "where the mode", "around", "equation", "Weights", "layer before", "Rows of")
    for row in (*ROWS, *ALONE):
        modules = [module for module in map(made, row.targets) if module is not None and not draws(module)]
        kinds = {kind_of(module, tensors) for module in modules for tensors in (1, 2)}
        if not kinds or any(words in form_of(row) for words in depends):
            continue
        assert (kinds == {Kind.FLOAT}) == (form_of(row) == "No integer form"), row.op
        looked_at += 1
    assert looked_at > 100


def test_every_operation_is_in_one_place() -> None:
    names = [name for each in forms().values() for name in each]
    assert {"relu", "conv2d", "softmax", "grid_sample", "LSTM", "einsum"} <= set(names)
    assert "grid_sample" in forms()["No integer form"] and "softmax" not in forms()["No integer form"]
