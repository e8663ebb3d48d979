"""What the tests of native kernels share: inputs of the kinds that kernels meet, and the comparison."""

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from torch import Tensor

from runtime.kernels import native, reference

thorough = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
zeros = st.sampled_from([0, 1, 100, 128, 254, 255])
bounds = st.sampled_from([(0, 255), (100, 255), (3, 200)])
multipliers = st.sampled_from([1e-6, 1e-3, 1 / 128, 0.5, 3.0])
seeds = st.integers(0, 2**31)


class Source:
    """Random tensors of the kinds that kernels meet, extremes and non-contiguous ones among them."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.kind = seed % 5

    def codes(self, *shape: int, channels_last: bool = True) -> Tensor:
        x = torch.randint(0, 256, shape, dtype=torch.uint8, generator=self.generator)
        if self.kind == 0:
            x = torch.full(shape, 255, dtype=torch.uint8)
        if self.kind == 1:
            x = (x > 127).to(torch.uint8) * 255
        if channels_last and self.kind != 2 and len(shape) > 2:
            x = x.movedim(1, -1).contiguous().movedim(-1, 1)
        return x

    def weights(self, *shape: int) -> Tensor:
        w = torch.randint(-128, 128, shape, dtype=torch.int8, generator=self.generator)
        if self.kind == 0:
            w = torch.full(shape, -128 if w.numel() and w.flatten()[0] < 0 else 127, dtype=torch.int8)
        if self.kind == 1:
            w = torch.where(w < 0, -128, 127).to(torch.int8)
        if self.kind == 3:
            w = w // 4
        if self.kind == 4:  # as trained ones are: most pairs are small, some are not
            w = (torch.randn(shape, generator=self.generator) * 45).clamp(-128, 127).to(torch.int8)
        return w

    def bias(self, size: int) -> Tensor:
        """Of any size where everything is extreme, or else one that leaves codes between their bounds."""
        most = 2**31 - 1 if self.kind < 2 else 5000
        return torch.randint(-most - 1, most, (size,), dtype=torch.int64, generator=self.generator).to(torch.int32)

    def multiplier(self, size: int) -> Tensor:
        return torch.rand(size, generator=self.generator) * 10.0 ** -min(self.kind + 1, 3)


def same(name: str, *arguments: object, **more: object) -> None:
    """The native kernel equals the reference, bit for bit."""
    expected, got = getattr(reference, name)(*arguments, **more), getattr(native, name)(*arguments, **more)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    assert torch.equal(got, expected), f"{int((got != expected).sum())} of {got.numel()} differ"


def same_sums(name: str, x: Tensor, weight: Tensor, bias: Tensor | None, multiplier: Tensor, *rest: object) -> None:
    """The same, and with other multipliers for sums below zero."""
    same(name, x, weight, bias, multiplier, *rest)
    negative = multiplier * torch.linspace(-0.7, 1.5, len(multiplier))
    same(name, x, weight, bias, multiplier, *rest, negative=negative)
