"""A batch normalization that no layer in front of it takes up, as behind a ReLU or in front of a convolution."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import runtime
import runtime.int8

NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def norm(dimensions: int, channels: int) -> nn.Module:
    made = NORMS[dimensions](channels)
    torch.nn.init.uniform_(made.running_var, 0.5, 2)  # type: ignore[arg-type]
    for values in (made.running_mean, made.weight, made.bias):
        torch.nn.init.normal_(values)  # type: ignore[arg-type]
    return made


def network(dimensions: int) -> nn.Module:
    conv = CONVOLUTIONS[dimensions]
    behind = [conv(3, 8, 3, padding=1), nn.ReLU(), norm(dimensions, 8)]
    in_front = [conv(8, 8, 3, padding=1), nn.ReLU(), norm(dimensions, 8), nn.ReLU(), conv(8, 4, 1)]
    return nn.Sequential(*behind, *in_front).eval()


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_it_runs_on_integers(dimensions: int) -> None:
    torch.manual_seed(0)
    net, batches = network(dimensions), [torch.randn(4, 3, *[6] * dimensions) for _ in range(3)]
    quantized = runtime.quantize(net, batches, verbose=False)
    converted = runtime.int8.convert(quantized)
    fast = runtime.int8.compile(converted, batches[0])
    with torch.no_grad():
        expected, found = net(batches[0]), fast(batches[0])
        assert torch.equal(found, quantized(batches[0]))
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in converted.modules())
    error = (expected - found).pow(2).mean() / expected.pow(2).mean()
    assert -10 * torch.log10(error) > 30


class Features(nn.Module):
    """Normalizes one number a channel, or several, as `BatchNorm1d` alone does."""

    def __init__(self, lengths: int) -> None:
        super().__init__()
        self.lengths = lengths
        self.linear, self.relu, self.norm, self.head = nn.Linear(6, 8), nn.ReLU(), norm(1, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.relu(self.linear(x)))
        for _ in range(self.lengths):
            x = self.norm(x.unsqueeze(-1).expand(-1, -1, 2)).mean(-1)
        return self.head(x)  # type: ignore[no-any-return]


@pytest.mark.parametrize("lengths", [0, 1])
def test_without_a_length_it_stays(lengths: int) -> None:
    torch.manual_seed(0)
    net, batches = Features(lengths).eval(), [torch.randn(8, 6) for _ in range(3)]
    converted = runtime.int8.convert(runtime.quantize(net, batches, verbose=False, allow_unprepared=lengths > 0))
    assert isinstance(converted.get_submodule("norm"), nn.BatchNorm1d)
    with torch.no_grad():
        assert torch.allclose(converted(batches[0]), net(batches[0]), atol=0.2)
