"""Classes whose constructor hands `locals()` to somebody who sets attributes by their names."""

from __future__ import annotations

import pytest
import torch

from rewriter.results import FileResult
from tests.rewriter.executed import HEADER, assert_equal_models, load, rewritten

HELPER = """
def set_attributes(owner, params=None):
    for name, value in (params or {}).items():
        if name != "self":
            setattr(owner, name, value)
"""
BLOCK = """
class Block(nn.Module):
    def __init__(self, conv: nn.Module, act: nn.Module = None, add: nn.Module = None, scale: float = 1.0):
        super().__init__()
        {keep}

    def forward(self, x):
        y = self.act(self.conv(x)) * self.scale
        return x + self.act(y)


def build():
    return Block(nn.Linear(4, 4), nn.ReLU(), nn.Tanh(), 0.5)
"""
KEEPING = ["set_attributes(self, locals())", "set_attributes(self, params=locals())"]


def _both(source: str) -> FileResult:
    result = rewritten(HEADER + source)
    before, after = (load(text)["build"]() for text in (result.before, result.after))
    assert_equal_models(before, after, torch.randn(3, 4))
    assert type(after.add) is type(before.add)
    return result


@pytest.mark.parametrize("keep", KEEPING)
def test_what_is_kept_by_its_name_is_read_for_what_it_is(keep: str) -> None:
    """Its calls are no riddle, its second call gets a handle, and no new module takes the name of a parameter."""
    result = _both(HELPER + BLOCK.format(keep=keep))
    assert not result.refusals
    assert b"self.act2 = runtime.modules.again(self.act)" in result.after and b"self.add2 =" in result.after
