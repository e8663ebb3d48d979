"""Every native path against the reference: not one code may differ where the result is defined exactly."""

import math

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from runtime.kernels import native, reference

pytestmark = pytest.mark.usefixtures("instructions")

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
        return w

    def bias(self, size: int) -> Tensor:
        return torch.randint(-(2**31), 2**31 - 1, (size,), dtype=torch.int64, generator=self.generator).to(torch.int32)

    def multiplier(self, size: int) -> Tensor:
        return torch.rand(size, generator=self.generator) * 10.0 ** -(self.kind + 1)


def same(name: str, *arguments: object) -> None:
    """The native kernel equals the reference, bit for bit."""
    expected, got = getattr(reference, name)(*arguments), getattr(native, name)(*arguments)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    assert torch.equal(got, expected), f"{int((got != expected).sum())} of {got.numel()} differ"


@thorough
@given(
    seed=seeds,
    batch=st.integers(1, 3),
    size=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    kernel=st.lists(st.integers(1, 4), min_size=3, max_size=3),
    stride=st.lists(st.integers(1, 3), min_size=3, max_size=3),
    padding=st.lists(st.integers(0, 3), min_size=3, max_size=3),
    dilation=st.lists(st.integers(1, 2), min_size=3, max_size=3),
    groups=st.integers(1, 3),
    channels=st.sampled_from([1, 2, 3, 4, 8, 12]),
    columns=st.sampled_from([1, 2, 7, 16, 17, 33]),
    x_zero=zeros,
    out_zero=zeros,
    bound=bounds,
    with_bias=st.booleans(),
)
def test_conv(
    seed, batch, size, kernel, stride, padding, dilation, groups, channels, columns, x_zero, out_zero, bound, with_bias
):
    dims = len(size)
    kernel, stride, padding, dilation = kernel[:dims], stride[:dims], padding[:dims], dilation[:dims]
    size = [max(n, d * (k - 1) + 1 - 2 * p) for n, k, p, d in zip(size, kernel, padding, dilation, strict=True)]
    make = Source(seed)
    x, weight = make.codes(batch, groups * channels, *size), make.weights(groups * columns, channels, *kernel)
    bias = make.bias(groups * columns) if with_bias else None
    multiplier = make.multiplier(groups * columns)
    same("conv", x, weight, bias, multiplier, x_zero, out_zero, stride, padding, dilation, groups, *bound)


@thorough
@given(seed=seeds, channels=st.sampled_from([2, 15, 16, 17, 40]), kernel=st.integers(1, 5), stride=st.integers(1, 2))
def test_depthwise(seed, channels, kernel, stride):
    make = Source(seed)
    x, weight = make.codes(2, channels, 7, 6), make.weights(channels, 1, kernel, kernel)
    geometry = ([stride, 1], [kernel // 2, kernel // 2], [1, 1], channels)
    same("conv", x, weight, make.bias(channels), make.multiplier(channels), 3, 128, *geometry)


@thorough
@given(
    seed=seeds, channels=st.sampled_from([4, 16]), columns=st.sampled_from([5, 16, 64, 100]), zero=zeros, bound=bounds
)
def test_conv_add(seed, channels, columns, zero, bound):
    make = Source(seed)
    x, weight = make.codes(2, channels, 5, 5), make.weights(columns, channels, 3, 3)
    other = make.codes(2, columns, 5, 5)
    conv = (x, weight, None, make.multiplier(columns), 7, 120, [1, 1], [1, 1], [1, 1], 1, 0, 255)
    same("conv_add", *conv, other, 0.7, 1.3, zero, 30, *bound)


@thorough
@given(
    seed=seeds,
    dims=st.integers(1, 3),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 4),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 3),
    groups=st.integers(1, 2),
    channels=st.sampled_from([1, 3, 4]),
)
def test_conv_transpose(seed, dims, kernel, stride, padding, dilation, groups, channels):
    make = Source(seed)
    output_padding = min(max(stride, dilation) - 1, 1)
    if 2 * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1 <= 0:
        return
    x, weight = make.codes(2, groups * channels, *[3] * dims), make.weights(groups * channels, 5, *[kernel] * dims)
    geometry = [[value] * dims for value in (stride, padding, output_padding, dilation)]
    same("conv_transpose", x, weight, make.bias(5 * groups), make.multiplier(5 * groups), 9, 100, *geometry, groups)


@thorough
@given(seed=seeds, rows=st.integers(0, 20), depth=st.integers(1, 200), columns=st.integers(1, 130), zero=zeros)
def test_linear(seed, rows, depth, columns, zero):
    make = Source(seed)
    x, weight = make.codes(2, rows, depth), make.weights(columns, depth)
    bias, multiplier = make.bias(columns), make.multiplier(columns)
    same("linear", x, weight, bias, multiplier, zero, 128)
    same("linear_float", x, weight, bias, multiplier, zero)


@thorough
@given(
    seed=seeds,
    channels=st.sampled_from([32, 48, 64]),
    columns=st.sampled_from([16, 17, 40]),
    size=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    batch=st.integers(1, 3),
    zero=zeros,
    adds=st.booleans(),
)
def test_plain_3x3(seed, channels, columns, size, padding, batch, zero, adds):
    """The shapes for which an instruction set may have another algorithm."""
    make = Source(seed)
    x, weight = make.codes(batch, channels, *size), make.weights(columns, channels, 3, 3)
    conv = (x, weight, make.bias(columns), make.multiplier(columns), zero, 128, [1, 1], padding, [1, 1], 1, 0, 255)
    if adds:
        out = [n + 2 * p - 2 for n, p in zip(size, padding, strict=True)]
        same("conv_add", *conv, make.codes(batch, columns, *out), 0.7, 1.3, zero, 30, 30, 200)
    else:
        same("conv", *conv)


@pytest.mark.parametrize("weight", [127, -128])
@pytest.mark.parametrize("channels", [1024, 2048])
def test_no_sum_of_a_plain_3x3_overflows(channels, weight):
    x = torch.full((1, channels, 4, 4), 255, dtype=torch.uint8)
    weights = torch.full((16, channels, 3, 3), weight, dtype=torch.int8)
    total = 9 * channels * 255 * weight
    multiplier = torch.full((16,), 100 / abs(total))
    same("conv", x, weights, None, multiplier, 0, 128, [1, 1], [1, 1], [1, 1], 1)


@pytest.mark.parametrize("depth", [4, 63, 1024, 65536])
@pytest.mark.parametrize("weight", [127, -128])
def test_no_sum_saturates(depth, weight):
    x = torch.full((3, depth), 255, dtype=torch.uint8)
    weights = torch.full((40, depth), weight, dtype=torch.int8)
    got = native.linear_float(x, weights, None, torch.ones(40), 0)
    assert torch.equal(got, torch.full((3, 40), float(255 * weight * depth)))


def test_columns_of_zeros_and_changed_weights():
    """Blocks of zeros are left out when packing; weights changed in place are packed again."""
    make = Source(7)
    x, weight = make.codes(5, 64), make.weights(48, 64)
    weight[:, 8:24] = 0
    weight[16:] = 0
    multiplier = make.multiplier(48)
    same("linear", x, weight, None, multiplier, 3, 128)
    weight.fill_(1)
    same("linear", x, weight, None, multiplier, 3, 128)


@thorough
@given(
    seed=seeds,
    shapes=st.sampled_from(
        [((5, 7), (7, 9)), ((2, 3, 4, 8), (3, 8, 17)), ((3, 1, 9, 13), (2, 13, 64)), ((1, 1), (1, 1))]
    ),
    a_zero=zeros,
    b_zero=zeros,
    transposed=st.booleans(),
    multiplier=multipliers,
)
def test_matmul(seed, shapes, a_zero, b_zero, transposed, multiplier):
    make = Source(seed)
    a, b = make.codes(*shapes[0], channels_last=False), make.codes(*shapes[1], channels_last=False)
    if transposed:
        b = b.mT.contiguous().mT
    same("matmul", a, b, multiplier, a_zero, b_zero, 77)


@thorough
@given(
    seed=seeds,
    shapes=st.sampled_from(
        [
            ((3, 5), (3, 5)),
            ((2, 19, 4, 5), (2, 19, 1, 1)),
            ((2, 19, 4, 5), (19, 1, 1)),
            ((7,), ()),
            ((2, 1, 3), (4, 1)),
            ((2, 3, 4, 5), (1, 3, 1, 5)),
            ((40000,), (40000,)),
            ((0, 3), (0, 3)),
        ]
    ),
    zeros_=st.tuples(zeros, zeros, zeros),
    factors=st.tuples(multipliers, multipliers, st.sampled_from([1, -1])),
    bound=bounds,
)
def test_add_and_mul(seed, shapes, zeros_, factors, bound):
    make = Source(seed)
    a, b = make.codes(*shapes[0]), make.codes(*shapes[1])
    same("add", a, b, factors[0], factors[1] * factors[2], *zeros_, *bound)
    same("add", b, a, factors[0], factors[1] * factors[2], *zeros_, *bound)
    same("mul", a, b, factors[0], *zeros_, *bound)


@thorough
@given(seed=seeds, dim=st.sampled_from([0, 1, 2, -1]), zero=zeros)
def test_concat_and_lookup(seed, dim, zero):
    make = Source(seed)
    shape = [2, 3, 4, 5]
    tensors = []
    for size in (1, 5, 16):
        shape[dim] = size
        tensors.append(make.codes(*shape))
    same("concat", tensors, [1.0, 0.3, 1.0], [zero, 9, 17], zero, dim)
    table = torch.arange(255, -1, -1, dtype=torch.uint8)
    same("lookup", tensors[2], table)
    same("lookup", tensors[2][:, ::2], table)


@thorough
@given(
    seed=seeds,
    dims=st.integers(1, 3),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    channels=st.sampled_from([1, 3, 16, 35]),
    ceil_mode=st.booleans(),
    count_pad=st.booleans(),
    divisor=st.sampled_from([None, 3]),
    multiplier=multipliers,
)
def test_pooling(seed, dims, kernel, stride, dilation, channels, ceil_mode, count_pad, divisor, multiplier):
    x = Source(seed).codes(2, channels, *[6] * dims)
    geometry = [[value] * dims for value in (kernel, stride, kernel // 2)]
    same("max_pool", x, *geometry, [dilation] * dims, ceil_mode)
    same("avg_pool", x, *geometry, ceil_mode, count_pad, divisor, multiplier, 100, 28)
    same("adaptive_max_pool", x, [stride + 1] * dims)
    same("adaptive_avg_pool", x, [stride + 1] * dims, multiplier, 100, 28)


@pytest.mark.parametrize("dims", [[0], [1], [3], [-1, -2], [1, 3], [0, 1, 2, 3]])
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("seed", [2, 3])
def test_mean(dims, keepdim, seed):
    same("mean", Source(seed).codes(2, 19, 4, 5), dims, keepdim, 0.8, 3, 7)


@thorough
@given(seed=seeds, scale=st.floats(1e-6, 1e3), zero=zeros)
def test_quantize(seed, scale, zero):
    make = Source(seed)
    x = torch.randn(3, 50, generator=make.generator) * scale * 100
    x[0, :4] = torch.tensor([math.nan, math.inf, -math.inf, 0.0])
    same("quantize", x, scale, zero)
    same("quantize", x[:, ::2], scale, zero)
    same("dequantize", make.codes(3, 50), scale, zero)


def within_a_step(got: Tensor, expected: Tensor) -> None:
    assert got.shape == expected.shape
    assert (got.int() - expected.int()).abs().max() <= 1
    assert (got != expected).float().mean() < 0.01  # and that seldom


@pytest.mark.parametrize("length", [1, 5, 16, 300])
def test_softmax_and_layer_norm(length):
    x = torch.randint(0, 256, (50, 4, length), dtype=torch.uint8)
    for arguments in ((x, -1, 0.05, 1 / 255, 0), (x, 1, 0.2, 1 / 128, 3)):
        within_a_step(native.softmax(*arguments), reference.softmax(*arguments))
    weight, bias = torch.rand(length) + 0.5, torch.randn(length)
    for affine in ((weight, bias), (None, None)):
        arguments = (x, [length], *affine, 1e-5, 0.02, 100, 0.03, 128)
        within_a_step(native.layer_norm(*arguments), reference.layer_norm(*arguments))


@pytest.mark.parametrize("size", [3, 32])
def test_recurrent_steps(size):
    make = Source(4)
    hidden, cell = make.codes(20, size), torch.randn(20, size)
    for name, gates in (("lstm_step", 4), ("gru_step", 3)):
        weight, bias = make.weights(gates * size, size), torch.arange(gates * size, dtype=torch.int32)
        states = (hidden, cell) if name == "lstm_step" else (cell,)
        multiplier = torch.full((gates * size,), 1e-4)
        arguments = (torch.randn(20, gates * size) * 3, *states, weight, bias, multiplier, 1 / 128, 128)
        got, expected = getattr(native, name)(*arguments), getattr(reference, name)(*arguments)
        if name == "lstm_step":
            within_a_step(got[0], expected[0])
            got, expected = got[1], expected[1]
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads_gives_the_same(threads):
    make, before = Source(2), torch.get_num_threads()
    x, weight = make.codes(2, 32, 20, 20), make.weights(80, 32, 3, 3)
    torch.set_num_threads(threads)
    try:
        same("conv", x, weight, None, make.multiplier(80), 3, 9, [1, 1], [1, 1], [1, 1], 1)
        same("add", x, x, 0.3, 0.5, 1, 2, 3)
        same("max_pool", x, [3, 3], [2, 2], [1, 1], [1, 1], False)
        same("matmul", x, x, 1e-4, 1, 2, 3)
    finally:
        torch.set_num_threads(before)
