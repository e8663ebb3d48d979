"""Quantized modules compute the integers of the int8 kernels: bit for bit those of the kernels' own specification."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import runtime.modules
from runtime.kernels import reference
from runtime.quantization.arithmetic import (
    Grid,
    QParams,
    dequantize,
    multiplier,
    qparams_from_range,
    quantize,
    sum_multipliers,
)
from runtime.quantization.kinds import Kind, kind_of
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.make import make_quantized
from runtime.quantization.quantized.sums import QuantizedSum, is_sum

ranges = st.tuples(st.floats(-8, 0.0), st.floats(0.125, 8))


def params(bounds: tuple[float, float]) -> QParams:
    return qparams_from_range(torch.tensor(bounds[0]), torch.tensor(bounds[1]), Grid(8), symmetric=False)


def activations(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 3


def quantized(module: nn.Module, inputs: list[QParams], output: QParams | None) -> QuantizedModule:
    made = make_quantized(module, kind_of(module, len(inputs)), output, 8, True)
    made.configure(inputs, output, False)
    return made


def zero(given: QParams) -> int:
    return int(given.zero_point.item())


def check(made: QuantizedModule, expected: Tensor, *args: Tensor) -> None:
    """`expected` are codes; what the module gives are the numbers that they stand for."""
    output = made.output_params
    assert output is not None
    assert expected.dtype == torch.uint8
    assert torch.equal(made(*args), dequantize(expected, output))
    assert len(set(expected.flatten().tolist())) > 3  # or nothing was compared


LAYERS: list[tuple[Callable[[], nn.Module], tuple[int, ...]]] = [
    (lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1), (2, 4, 9, 9)),
    (lambda: nn.Conv2d(4, 6, 3, padding="same", dilation=2, groups=2, bias=False), (2, 4, 9, 9)),
    (lambda: nn.Conv2d(6, 6, 3, groups=6), (1, 6, 7, 7)),
    (lambda: nn.Conv1d(4, 6, 5), (2, 4, 20)),
    (lambda: nn.Conv3d(2, 3, 2), (1, 2, 5, 5, 5)),
    (lambda: nn.Conv2d(700, 3, 1), (1, 700, 3, 3)),  # sums beyond what float32 holds exactly
]


@settings(max_examples=12, deadline=None)
@given(ranges, ranges, st.integers(0, 99))
@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_convolutions(
    make: Callable[[], nn.Module],
    shape: tuple[int, ...],
    given_range: tuple[float, float],
    output_range: tuple[float, float],
    seed: int,
) -> None:
    torch.manual_seed(seed)
    layer, x = make(), activations(*shape, seed=seed)
    assert isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d))
    inside, output = params(given_range), params(output_range)
    made = quantized(layer, [inside], output)
    assert isinstance(made, QuantizedSum)
    padding = layer.padding
    if isinstance(padding, str):
        padding = tuple(d * (k - 1) // 2 for d, k in zip(layer.dilation, layer.kernel_size, strict=True))
    codes = reference.conv(
        quantize(x, inside),
        made.integers,
        made.bias,
        multiplier([inside.scale, made.weight_scale], output.scale),
        zero(inside),
        zero(output),
        layer.stride,
        padding,
        layer.dilation,
        layer.groups,
    )
    assert torch.equal(made(x), dequantize(codes, output))


@pytest.mark.parametrize("fused", [None, torch.inf, 1.0])
def test_fused_clamps_are_codes(fused: float | None) -> None:
    layer, x = nn.Linear(30, 20), activations(7, 30)
    inside, output = params((-6.0, 6.0)), params((-3.0, 5.0))
    made = quantized(layer, [inside], output)
    made.fused = fused
    low, high = made.code_bounds()
    expected = {None: (0, 255), torch.inf: (96, 255), 1.0: (96, 96 + round(255 / 8))}
    assert (low, high) == expected[fused]
    assert isinstance(made, QuantizedSum)
    factor = multiplier([inside.scale, made.weight_scale], output.scale)
    codes = reference.linear(
        quantize(x, inside), made.integers, made.bias, factor, zero(inside), zero(output), low, high
    )
    check(made, codes, x)


def test_a_linear_layer_may_give_real_numbers() -> None:
    layer, x = nn.Linear(30, 20), activations(7, 30)
    inside = params((-6.0, 6.0))
    made = quantized(layer, [inside], None)
    assert isinstance(made, QuantizedSum)
    factor = multiplier([inside.scale, made.weight_scale])
    real = reference.linear_float(quantize(x, inside), made.integers, made.bias, factor, zero(inside))
    assert torch.equal(made(x), real)
    with pytest.raises(ValueError, match="has no integers"):
        _ = made.code_bounds()


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolutions(groups: int) -> None:
    layer = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=groups)
    x, inside, output = activations(2, 4, 5, 5), params((-6.0, 6.0)), params((-2.0, 2.0))
    made = quantized(layer, [inside], output)
    assert isinstance(made, QuantizedSum)
    factor = multiplier([inside.scale, made.weight_scale], output.scale).expand(6)
    codes = reference.conv_transpose(
        quantize(x, inside),
        made.integers,
        made.bias,
        factor,
        zero(inside),
        zero(output),
        (2, 2),
        (1, 1),
        (1, 1),
        (1, 1),
        groups,
    )
    check(made, codes, x)


@settings(max_examples=40, deadline=None)
@given(ranges, ranges, ranges, st.integers(0, 99))
def test_operands(
    a_range: tuple[float, float], b_range: tuple[float, float], output_range: tuple[float, float], seed: int
) -> None:
    a_params, b_params, output = params(a_range), params(b_range), params(output_range)
    a, b = activations(3, 16, 16, seed=seed), activations(3, 16, 16, seed=seed + 1)
    codes = quantize(a, a_params), quantize(b, b_params)
    zeros = zero(a_params), zero(b_params), zero(output)
    factors = [multiplier([given.scale], output.scale).item() for given in (a_params, b_params)]
    both = multiplier([a_params.scale, b_params.scale], output.scale).item()
    left, right = (factor.item() for factor in sum_multipliers(a_params, b_params, output))
    pairs = {
        runtime.modules.EltWiseAdd(): reference.add(*codes, left, right, *zeros),
        runtime.modules.EltWiseSub(): reference.add(*codes, left, -right, *zeros),
        runtime.modules.EltWiseMult(): reference.mul(*codes, both, *zeros),
        runtime.modules.Matmul(): reference.matmul(*codes, both, *zeros),
        runtime.modules.BatchMatmul(): reference.matmul(*codes, both, *zeros),
        runtime.modules.Concat(dim=1): reference.concat(codes, factors, zeros[:2], zeros[2], 1),
    }
    for module, expected in pairs.items():
        made = quantized(module, [a_params, b_params], output)
        assert torch.equal(made(a, b), dequantize(expected, output)), module


@settings(max_examples=20, deadline=None)
@given(ranges, ranges, st.integers(0, 99))
def test_averages(given_range: tuple[float, float], output_range: tuple[float, float], seed: int) -> None:
    inside, output = params(given_range), params(output_range)
    x = activations(2, 5, 9, 7, seed=seed)
    factor, zeros = multiplier([inside.scale], output.scale).item(), (zero(inside), zero(output))
    codes = quantize(x, inside)
    pairs: dict[nn.Module, Tensor] = {
        nn.AdaptiveAvgPool2d(1): reference.adaptive_avg_pool(codes, (1, 1), factor, *zeros),
        nn.AdaptiveAvgPool2d((4, 3)): reference.adaptive_avg_pool(codes, (4, 3), factor, *zeros),
        nn.AvgPool2d(3, 2, 1): reference.avg_pool(codes, (3, 3), (2, 2), (1, 1), False, True, None, factor, *zeros),
        nn.AvgPool2d(3, 2, 1, True, False): reference.avg_pool(
            codes, (3, 3), (2, 2), (1, 1), True, False, None, factor, *zeros
        ),
        runtime.modules.Mean(dim=(2, 3)): reference.mean(codes, (2, 3), False, factor, *zeros),
    }
    for module, expected in pairs.items():
        made = quantized(module, [inside], output)
        assert torch.equal(made(x), dequantize(expected, output)), module


def test_a_normalization_by_itself_is_a_convolution() -> None:
    norm, x = nn.BatchNorm2d(5), activations(2, 5, 4, 4)
    for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        assert tensor is not None
        tensor.data = torch.rand(5) + 0.5
    norm.eval()
    made = quantized(norm, [params((-12.0, 12.0))], params((-20.0, 20.0)))
    assert (made(x) - norm(x)).abs().max() < 0.3


def test_layers_with_a_forward_of_their_own_are_none() -> None:
    class Standardized(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)  # type: ignore[no-any-return]

    assert is_sum(nn.Conv2d(1, 1, 1))
    assert not is_sum(Standardized(1, 1, 1))
    assert kind_of(Standardized(1, 1, 1), 1) is Kind.FLOAT


@pytest.mark.parametrize(
    ("module", "tensors", "kind"),
    [
        (nn.ReLU6(), 1, Kind.CARRY),
        (nn.Hardtanh(), 1, Kind.INNER),
        (runtime.modules.EltWiseMult(), 1, Kind.INNER),
        (runtime.modules.EltWiseMult(), 2, Kind.OPERANDS),
        (runtime.modules.EltWiseAdd(alpha=2), 2, Kind.INNER),
        (runtime.modules.EltWiseAdd(), 3, Kind.FLOAT),
        (runtime.modules.EltWiseDiv(), 1, Kind.INNER),
        (runtime.modules.EltWiseDiv(), 2, Kind.FLOAT),
        (nn.BatchNorm2d(3), 1, Kind.NORM),
        (nn.BatchNorm2d(3, track_running_stats=False), 1, Kind.FLOAT),
        (nn.BatchNorm1d(3), 1, Kind.FLOAT),
        (nn.Embedding(3, 4, max_norm=1.0), 0, Kind.FLOAT),
        (runtime.modules.Split(2), 1, Kind.CARRY),
    ],
)
def test_kinds(module: nn.Module, tensors: int, kind: Kind) -> None:
    assert kind_of(module, tensors) is kind


def test_unexpected_calls_run_in_floating_point() -> None:
    add = quantized(runtime.modules.EltWiseAdd(), [params((-4.0, 4.0))] * 2, params((-8.0, 8.0)))
    x = activations(3, 4)
    assert (add(x, 1.0) - (x + 1)).abs().max() < 16 / 255
    assert torch.equal(add(torch.arange(3), torch.arange(3)), torch.arange(3) * 2)


def test_in_place_is_in_place() -> None:
    add = quantized(runtime.modules.EltWiseAdd(inplace=True), [params((-9.0, 9.0))] * 2, params((-18.0, 18.0)))
    x, y = activations(3, 4), activations(3, 4, seed=1)
    expected = x + y
    assert add(x, y) is x
    assert (x - expected).abs().max() < 0.2


@pytest.mark.parametrize("channels", [True, False])
def test_a_bias_beyond_32_bits_makes_weights_coarser(channels: bool) -> None:
    layer = nn.Linear(8, 4)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([1.0, -1.0, 1e-9, 0.0]))
    x = activations(5, 8) * 1e-9
    made = QuantizedSum(layer, 8, channels)
    made.configure([params((-1e-8, 1e-8))], params((-2.0, 2.0)), False)
    assert (made(x) - layer(x)).abs().max() <= 2.01 / 255
    made.configure([params((-1e-8, 1e-8))], None, False)
    assert (made(x)[:, :2] - layer(x)[:, :2]).abs().max() < 1e-8
    if channels:  # the others keep theirs
        assert (made(x)[:, 2:] - layer(x)[:, 2:]).abs().max() < 3e-10
