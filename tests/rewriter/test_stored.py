"""Functions kept in attributes: stored as modules, where nothing can tell the difference."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from runtime.inspect import check_prepared
from runtime.modules import as_module
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 3, 4, 4)


def block(parameters: str, value: str, *, before: str = "", body: str = "return self.act(x)", more: str = "") -> str:
    return f"""{before}

class Net(nn.Module):
    def __init__(self{parameters}):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.act = {value}

    def forward(self, x):
        x = self.conv(x)
        {body}
{more}"""


STORED = {
    "a default": block(", act=F.relu", "act"),
    "annotated": block(", act: Callable[[Tensor], Tensor] = torch.tanh", "act", before="from typing import Callable\n"),
    "by name": block(', kind="silu"', "getattr(F, kind)"),
    "partial": block("", "partial(F.interpolate, scale_factor=2)", before="from functools import partial\n"),
    "a table": block(', kind="gelu"', "ACTS[kind]", before='\nACTS = {"relu": nn.ReLU(), "gelu": F.gelu}\n'),
    "either": block(", act=None", "act or F.relu"),
    "a choice": block(", fast=True", "F.relu if fast else nn.GELU()"),
    "compared to None": block(", act=F.relu", "act", body="return x if self.act is None else self.act(x)"),
}  # fmt: skip


@pytest.mark.parametrize("name", STORED)
def test_stored_as_a_module(name: str) -> None:
    after = check(STORED[name], X)
    assert "self.act = runtime.modules.as_module(" in after
    model = load(rewritten(HEADER + STORED[name]).after)["Net"]()
    found = check_prepared(model, X)
    assert not found.raw and any(n == "act" for n, _ in model.named_modules())


LEFT = {
    "compared to a function": block(", act=F.relu", "act", body="return self.act(x) if self.act is F.relu else x"),
    "read": block(", act=F.relu", "act", body="f = self.act; return f(x)"),
    "set later": block(", act=F.relu", "act", more="\n    def fast(self):\n        self.act = F.gelu\n"),
    "read by a subclass": block(
        ", act=F.relu", "act", more="\n\nclass Sub(Net):\n    def kind(self):\n        return self.act.__name__\n"
    ),
    "no function of tensors": block(", make=list", "make", body="return self.act(x)"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_left_as_it_is(name: str) -> None:
    assert b"as_module" not in rewritten(HEADER + LEFT[name]).after


def test_what_is_no_function_is_given_back() -> None:
    relu = nn.ReLU()
    assert as_module(relu) is relu and as_module(None) is None and as_module(nn.ReLU) is nn.ReLU and as_module(3) == 3


def test_a_stored_function_survives_copies() -> None:
    wrapped = as_module(torch.relu)
    for other in (copy.deepcopy(wrapped), pickle.loads(pickle.dumps(wrapped))):
        assert torch.equal(other(X), torch.relu(X)) and "relu" in repr(other)
