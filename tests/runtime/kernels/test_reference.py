"""The specification against torch's own operations and against integer arithmetic spelt out."""

import functools
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.kernels import reference
from runtime.kernels.reference.scales import centred
from runtime.quantization import arithmetic


def codes(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def weights(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(-128, 128, shape, dtype=torch.int8, generator=torch.Generator().manual_seed(seed))


def test_rounding_goes_to_the_even_code_and_saturates():
    totals = torch.tensor([1, 3, 5, -1, -3, 1000, -1000, 2**31 - 1, -(2**31)], dtype=torch.int32)
    got = reference.requantize(totals, torch.tensor(0.5), zero=10)
    assert got.tolist() == [10, 12, 12, 10, 8, 255, 0, 255, 0]


def test_the_conversion_to_float32_is_part_of_the_definition():
    total = torch.tensor([2**24 + 1, 2**24 + 3], dtype=torch.int32)  # half way between two float32: to the even one
    got = reference.requantize(total, torch.tensor(2.0**-17), zero=0)
    assert got.tolist() == [128, 128]


@pytest.mark.parametrize(("low", "high", "expected"), [(7, 255, [7, 7, 9]), (7, 8, [7, 7, 8])])
def test_bounds_are_a_fused_activation(low, high, expected):
    totals = torch.tensor([-5, 0, 2], dtype=torch.int32)
    assert reference.requantize(totals, torch.tensor(1.0), 7, low, high).tolist() == expected


def test_a_float_without_a_code_is_the_lowest():
    x = torch.tensor([math.nan, math.inf, -math.inf, 0.0])
    assert reference.quantize(x, 0.1, 100).tolist() == [0, 255, 0, 100]


@given(st.floats(1e-6, 1e6), st.integers(0, 255), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_codes_are_those_of_the_quantizers(scale, zero, seed):
    params = arithmetic.QParams(torch.tensor(scale), torch.tensor(zero, dtype=torch.int32))
    x = torch.randn(500, generator=torch.Generator().manual_seed(seed)) * scale * 100
    assert torch.equal(reference.quantize(x, scale, zero), arithmetic.quantize(x, params))
    everything = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(reference.dequantize(everything, scale, zero), arithmetic.dequantize(everything, params))


def integer_conv2d(x, weight, x_zero, stride, padding, dilation, groups):
    """A 2d convolution in int64, one tap after the other."""
    padded = F.pad(x.long() - x_zero, [padding[1], padding[1], padding[0], padding[0]])
    out, per_group, kh, kw = weight.shape
    height = (padded.shape[2] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    width = (padded.shape[3] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    total = torch.zeros(x.shape[0], out, height, width, dtype=torch.int64)
    for o, c, i, j in itertools.product(range(out), range(per_group), range(kh), range(kw)):
        channel = o // (out // groups) * per_group + c
        rows = slice(i * dilation[0], i * dilation[0] + (height - 1) * stride[0] + 1, stride[0])
        columns = slice(j * dilation[1], j * dilation[1] + (width - 1) * stride[1] + 1, stride[1])
        total[:, o] += padded[:, channel, rows, columns] * int(weight[o, c, i, j])
    return total


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [([1, 1], [0, 0], [1, 1]), ([2, 1], [1, 2], [1, 2])])
def test_convolution_is_the_integer_sum(groups, stride, padding, dilation):
    x, weight = codes(2, 4, 7, 9), weights(8, 4 // groups, 3, 2)
    bias = torch.arange(-4, 4, dtype=torch.int32) * 1000
    multiplier = torch.linspace(1e-3, 1e-2, 8)
    got = reference.conv(x, weight, bias, multiplier, 100, 9, stride, padding, dilation, groups)
    total = integer_conv2d(x, weight, 100, stride, padding, dilation, groups) + bias.view(-1, 1, 1)
    assert torch.equal(got, reference.requantize(total.int(), multiplier.view(-1, 1, 1), 9))


def test_worst_case_products_do_not_saturate():
    x = torch.full((1, 64), 255, dtype=torch.uint8)
    weight = torch.tensor([[127] * 64, [-128] * 64], dtype=torch.int8)
    got = reference.linear_float(x, weight, None, torch.ones(2), 0)
    assert got.tolist() == [[2072640.0, -2088960.0]]


def test_sums_wrap_as_int32_does():
    bias = torch.tensor([2**31 - 1], dtype=torch.int32)
    one = torch.ones(1, 1, dtype=torch.uint8)
    assert reference.linear_float(one, one.to(torch.int8), bias, torch.ones(1), 0).item() == -(2**31)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_transposed_convolution_undoes_the_shape_of_a_convolution(dims):
    x, weight = codes(2, 4, *[3] * dims), weights(4, 3, *[3] * dims)
    arguments = ([2] * dims, [1] * dims, [1] * dims, [1] * dims, 2)
    multiplier = torch.full((6,), 1e-3)
    got = reference.conv_transpose(x, weight, None, multiplier, 77, 128, *arguments)
    transposed = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}[dims]
    total = transposed(
        centred(x, 77), weight.float(), None, stride=2, padding=1, output_padding=1, groups=2
    )  # below 2**24: exact
    assert torch.equal(got, reference.requantize(total, torch.tensor(1e-3), 128))


def test_matmul_is_the_product_of_the_real_numbers():
    a, b = codes(2, 1, 5, 6), codes(3, 6, 4, seed=2)
    got = reference.matmul(a, b, 1e-3, 3, 250, 128)
    total = torch.matmul(a.long() - 3, b.long() - 250)
    assert torch.equal(got, reference.requantize(total, torch.tensor(1e-3), 128))


def test_subtraction_is_addition_with_a_negative_multiplier():
    a, b = codes(50), codes(50, seed=3)
    assert torch.equal(reference.add(a, a, 1.0, -1.0, 5, 5, 40), torch.full((50,), 40, dtype=torch.uint8))
    real = (a.double() - 5) * 0.5 - (b.double() - 7) * 0.25
    got = reference.add(a, b, 0.5, -0.25, 5, 7, 128)
    assert torch.equal(got, (real.clamp(-128, 127).round() + 128).to(torch.uint8))


def test_joining_moves_to_the_common_scale():
    a, b = codes(2, 3), codes(2, 4, seed=3)
    got = reference.concat([a, b], [1.0, 0.5], [10, 20], 10, 1)
    assert torch.equal(got[:, :3], a)
    assert torch.equal(got[:, 3:], ((b.double() - 20) / 2).round().add(10).clamp(0, 255).to(torch.uint8))


def test_a_table_holds_any_function_and_names_where_it_is_nan():
    table = reference.unary_table(torch.sigmoid, 0.1, 128, 1 / 256, 0)
    x = torch.arange(256, dtype=torch.uint8)
    real = torch.sigmoid((x.double() - 128) * 0.1) * 256
    assert torch.equal(reference.lookup(x, table), real.round().clamp(0, 255).to(torch.uint8))
    assert reference.unary_table(torch.exp, 100.0, 0, 1.0, 0)[-1] == 255
    with pytest.raises(ValueError, match=r"NaN at -12\.8"):
        reference.unary_table(torch.log, 0.1, 128, 1.0, 0)


@given(
    length=st.integers(1, 12),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    padding=st.integers(0, 2),
    ceil_mode=st.booleans(),
    count_pad=st.booleans(),
    divisor=st.sampled_from([None, 3]),
)
@settings(max_examples=150, deadline=None)
def test_average_pooling_takes_the_windows_of_torch(length, kernel, stride, padding, ceil_mode, count_pad, divisor):
    padding = min(padding, kernel // 2)
    if length + 2 * padding < kernel:
        return
    x = codes(1, 2, length, 5)
    geometry = ([kernel, 2], [stride, 1], [padding, 0], ceil_mode, count_pad, divisor)
    got = reference.avg_pool(x, *geometry, 1.0, 50, 50)
    exact = F.avg_pool2d(x.double() - 50, *geometry)
    assert got.shape == exact.shape
    assert (got.double() - (exact + 50).clamp(0, 255)).abs().max() <= 0.5


@given(
    length=st.integers(1, 12),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    padding=st.integers(0, 2),
    ceil_mode=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_max_pooling_takes_the_windows_of_torch(length, kernel, stride, dilation, padding, ceil_mode):
    padding = min(padding, kernel // 2)
    if length + 2 * padding < dilation * (kernel - 1) + 1:
        return
    x = codes(2, 3, length)
    geometry = (kernel, stride, padding, dilation, ceil_mode)
    got = reference.max_pool(x, [kernel], [stride], [padding], [dilation], ceil_mode)
    expected = F.max_pool1d(x.float(), *geometry)  # minus infinity where a window holds padding alone
    assert torch.equal(got, expected.clamp(min=0).to(torch.uint8))


@pytest.mark.parametrize("size", [[1, 1, 1], [2, 3, 5], [4, 4, 4]])
def test_adaptive_pooling_takes_the_windows_of_torch(size):
    x = codes(2, 3, 4, 7, 5)
    assert torch.equal(
        reference.adaptive_max_pool(x, size), F.adaptive_max_pool3d(x.float(), tuple(size)).to(torch.uint8)
    )
    exact = F.adaptive_avg_pool3d(x.double() - 9, tuple(size)) * 0.7 + 9
    assert (reference.adaptive_avg_pool(x, size, 0.7, 9, 9).double() - exact.clamp(0, 255)).abs().max() <= 0.501


def test_mean_is_the_average_over_dimensions():
    x = codes(2, 3, 4, 5)
    exact = (x.double() - 9).mean((1, 3), keepdim=True) + 20
    got = reference.mean(x, [1, 3], True, 1.0, 9, 20)
    assert got.shape == exact.shape
    assert (got.double() - exact).abs().max() <= 0.5


@pytest.mark.parametrize(
    ("name", "make", "extra"),
    [
        ("lstm", torch.nn.LSTM, ()),
        ("gru", torch.nn.GRU, ()),
        ("rnn", torch.nn.RNN, (False,)),
        ("rnn", functools.partial(torch.nn.RNN, nonlinearity="relu"), (True,)),
    ],
)
def test_recurrent_layers_are_those_of_torch(name, make, extra):
    size, inputs, scale = 8, 5, (30 if extra == (True,) else 1) / 32639  # one of them has no bounds
    x, states = torch.randn(7, 3, inputs), [torch.rand(1, 3, size) for _ in range(2 if name == "lstm" else 1)]
    layer = make(inputs, size, bidirectional=True)
    integer = weights(*layer.weight_hh_l0.shape)
    both = [torch.cat([state, state]) for state in states]
    for direction in ("", "_reverse"):
        getattr(layer, f"weight_hh_l0{direction}").data = integer.float() / 512
    with torch.no_grad():
        expected, _ = layer(x, tuple(both) if name == "lstm" else both[0])
        for number, direction in enumerate(("", "_reverse")):
            w_ih, b_ih, b_hh = (getattr(layer, f"{part}_l0{direction}") for part in ("weight_ih", "bias_ih", "bias_hh"))
            gates, multiplier = F.linear(x, w_ih, b_ih), torch.full((len(integer),), scale / 512)
            given = (gates, *(state[0] for state in states), integer, b_hh, multiplier, scale, *extra, number == 1)
            got = getattr(reference, name)(*given)
            got = got[0] if name == "lstm" else got
            torch.testing.assert_close(
                got, expected[..., number * size : (number + 1) * size], rtol=0, atol=500 * scale
            )


def test_softmax_and_layer_norm_are_torchs_between_two_scales():
    x = codes(4, 10)
    real = reference.dequantize(x, 0.05, 30)
    assert torch.equal(reference.softmax(x, 1, 0.05, 1 / 255, 0), reference.quantize(real.softmax(1), 1 / 255, 0))
    weight, bias = torch.rand(10), torch.rand(10)
    expected = reference.quantize(F.layer_norm(real, (10,), weight, bias), 0.03, 128)
    assert torch.equal(reference.layer_norm(x, [10], weight, bias, 1e-5, 0.05, 30, 0.03, 128), expected)
