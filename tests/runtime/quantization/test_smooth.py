"""SmoothQuant: outliers move to the weights, results stay the same bit for bit, and what cannot move stays."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.modules import MultiheadAttention
from runtime.quantization.smooth import smooth


class Block(nn.Module):
    """A transformer's half: attention and two linear layers, each behind a normalization, with outlying features."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm = nn.LayerNorm(8)
        self.attention = MultiheadAttention(8, 2, batch_first=True)
        self.norm2 = nn.RMSNorm(8)
        self.up = nn.Linear(8, 16)
        self.down = nn.Linear(16, 8)
        with torch.no_grad():
            for norm in (self.norm, self.norm2):
                norm.weight[3] = 60.0

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        x = self.attention(y, y, y, need_weights=False)[0]
        out: Tensor = self.down(self.up(self.norm2(x)))
        return out


X = torch.randn(2, 5, 8)
DATA = [torch.randn(4, 5, 8) for _ in range(4)]


def largest(model: Any) -> Tensor:
    return model.norm2(torch.cat(DATA)).detach().abs().amax((0, 1))


def test_results_stay_the_same_and_outliers_shrink() -> None:
    model: Any = Block().eval()
    before, spread = model(X), largest(model)
    assert smooth(model, DATA, X) == {
        "norm": ["attention.q_proj", "attention.k_proj", "attention.v_proj"],
        "norm2": ["up"],
    }
    assert torch.equal(model(X), before)
    after = largest(model)
    assert after.max() / after.median() < 0.5 * (spread.max() / spread.median())


def test_alpha_decides_how_much() -> None:
    mild, strong = Block().eval(), Block().eval()
    smooth(mild, DATA, X, alpha=0.3)
    smooth(strong, DATA, X, alpha=1.0)
    assert largest(strong).max() < largest(mild).max()
    with pytest.raises(ValueError, match="from 0 to 1, not 2"):
        smooth(mild, DATA, X, alpha=2)


class Observed(Block):
    """Somebody else looks at what the normalization gives."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.up(self.norm2(x))
        return out + self.norm2.weight.sum()


class AlsoTaken(Block):
    def forward(self, x: Tensor) -> Any:
        y = self.norm2(x)
        return self.up(y), y.mean()


@pytest.mark.parametrize("kind", [Observed, AlsoTaken])
def test_what_would_change_results_is_left_alone(kind: type[nn.Module]) -> None:
    model = kind().eval()
    before = copy.deepcopy(model.state_dict())
    assert smooth(model, DATA, X) == {}
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_no_data_is_an_error() -> None:
    with pytest.raises(ValueError, match="the data are empty"):
        smooth(Block(), [], X)
