"""A model's own code between modules: what it asks of codes, or does to them, means what it meant for real numbers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime.int8 import compile, convert
from tests.runtime.int8.small import quantized

Use = Callable[["Net", Tensor, Tensor], Tensor]


class Net(nn.Module):
    """`use` stands between two layers; it is given the result of the first, and the model's input."""

    def __init__(self, use: Use) -> None:
        super().__init__()
        self.first, self.second, self.joined = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(16, 4)
        self.add, self.concat, self.fill = wrappers.EltWiseAdd(), wrappers.Concat(dim=-1), wrappers.MaskedFill()
        self.use = use

    def forward(self, x: Tensor) -> Tensor:
        return self.use(self, self.first(x), x)


REAL = [
    "net.second(y.to(torch.float32))",
    "net.second(y.to(dtype=torch.float64).float())",
    "net.second(y.to(x))",
    "net.second(y.type_as(x))",
    "net.joined(net.concat(y, x.to(y.dtype)))",
    "net.joined(net.concat(y, x.to(y)))",
    "net.second(net.add(y, (x > 0).to(y.dtype)))",
    "net.joined(net.concat(y, torch.zeros(y.shape, dtype=y.dtype)))",
    "net.joined(net.concat(y, torch.zeros_like(y)))",
    "net.joined(net.concat(y, y.new_zeros(y.shape)))",
    "net.second(net.fill(y, x > 0, torch.finfo(y.dtype).eps))",
    "net.second(y * y.is_floating_point())",
    "net.second(y) * y.element_size()",
    "net.second(y) * float(y[0, 0])",
    "net.second(y) * y[0, 0].item()",
    "net.second(y) * y.tolist()[0][0]",
    "net.second(y) * float(y.numpy().mean())",
    "y.__setitem__((0, 0), 0.5) or net.second(y)",
    "(held := torch.zeros(3, 8)).__setitem__(slice(0, 3), y) or net.second(held)",
]
"""Uses that go by the numbers, or their type."""
CODES = [
    "net.second(y.t().contiguous().t()[:, :8].to(y.device).clone())",
    "net.second(y.view(len(y), y.shape[-1] * y.dim() // y.ndim).expand(y.size(0), y.numel() // len(y)))",
    "net.second(y.detach().chunk(2)[0][: 3 + y.is_contiguous() - y.stride(1)])",
]


def written(expression: str, folder: Path) -> Use:
    """A function in a file of its own: the converter reads the source of what it runs."""
    file = folder / "use.py"
    file.write_text(f"import torch\n\n\ndef use(net, y, x):\n    return {expression}\n")
    spec = importlib.util.spec_from_file_location("use", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    use: Use = module.use
    return use


def assert_means_the_same(model: nn.Module, converted: nn.Module) -> None:
    x, other = torch.randn(3, 8), torch.randn(3, 8)
    with torch.no_grad():
        torch.testing.assert_close(converted(x), model(x), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(compile(converted, x)(other), model(other), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("expression", REAL)
@pytest.mark.filterwarnings("ignore:the model was not compiled")
def test_what_goes_by_the_numbers_gets_real_ones(expression: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = quantized(Net(written(expression, tmp_path)), torch.randn(3, 8))
    converted = convert(model)
    assert_means_the_same(model, converted)
    assert converted.first(torch.randn(3, 8)).is_floating_point()  # type: ignore[operator]


@pytest.mark.parametrize("expression", CODES)
def test_what_moves_codes_or_asks_for_their_shape_gets_codes(expression: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = quantized(Net(written(expression, tmp_path)), torch.randn(3, 8))
    converted = convert(model)
    assert converted.first(torch.randn(3, 8)).dtype == torch.uint8  # type: ignore[operator]
    assert_means_the_same(model, converted)
