"""Native convolutions, linear layers and products against the reference: not one code may differ."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.kernels import native, reference
from tests.runtime.kernels.against_reference import Source, bounds, multipliers, same, same_sums, seeds, thorough, zeros

pytestmark = pytest.mark.usefixtures("instructions")


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
    same_sums("conv", x, weight, bias, multiplier, x_zero, out_zero, stride, padding, dilation, groups, *bound)
    same("conv_float", x, weight, bias, multiplier, x_zero, stride, padding, dilation, groups)


@thorough
@given(
    seed=seeds,
    channels=st.sampled_from([1, 2, 15, 16]),
    columns=st.sampled_from([1, 17, 40]),
    kernel=st.sampled_from([2, 9, 70]),
    stride=st.integers(1, 4),
    more=st.integers(0, 30),
    dims=st.integers(1, 2),
    cut=st.booleans(),
)
def test_conv_along_one_axis(seed, channels, columns, kernel, stride, more, dims, cut):
    """What each output is made of lies side by side, or nearly so."""
    make, rest = Source(seed), [1] * (dims - 1)
    x = make.codes(3, channels, kernel + more, *rest)
    x = x[:, :, more:] if cut else x
    conv = (x, make.weights(columns, channels, kernel, *rest), make.bias(columns), make.multiplier(columns), 9, 100)
    same_sums("conv", *conv, [stride, *rest], [0] * dims, [1] * dims, 1, 0, 255)
    same("conv_float", *conv[:-1], [stride, *rest], [0] * dims, [1] * dims, 1)


@thorough
@given(
    seed=seeds,
    channels=st.sampled_from([2, 15, 16, 17, 40]),
    kernel=st.integers(1, 5),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 2),
    size=st.tuples(st.integers(9, 11), st.sampled_from([9, 40])),
    adds=st.booleans(),
)
def test_depthwise(seed, channels, kernel, stride, padding, dilation, size, adds):
    make = Source(seed)
    x, weight = make.codes(2, channels, *size), make.weights(channels, 1, kernel, kernel)
    geometry = (stride, [padding, padding], [dilation, dilation], channels)
    conv = (x, weight, make.bias(channels), make.multiplier(channels), 3, 128, *geometry)
    if adds:
        other = make.codes(*reference.conv(*conv).shape)
        same("conv_add", *conv, 5, 250, other, 0.7, 1.3, 9, 30, 30, 200)
    else:
        same_sums("conv", *conv)
        same("conv_float", *conv[:5], *geometry)


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
    bias, multiplier = make.bias(5 * groups), make.multiplier(5 * groups)
    same_sums("conv_transpose", x, weight, bias, multiplier, 9, 100, *geometry, groups)
    same("conv_transpose_float", x, weight, bias, multiplier, 9, *geometry, groups)


@thorough
@given(
    seed=seeds,
    size=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2, 16]),
    channels=st.sampled_from([1, 3, 8]),
    columns=st.sampled_from([1, 2, 17, 33]),
    scale=st.sampled_from([1e-4, 0.03, 1 / 32639]),
)
def test_convolutions_of_numbers_of_16_bits(
    seed, size, kernel, stride, padding, dilation, groups, channels, columns, scale
):
    make, dims = Source(seed), len(size)
    size = [max(n, dilation * (kernel - 1) + 1 - 2 * padding) for n in size]
    x = (torch.randn(2, groups * channels, *size, generator=make.generator) * scale * 20000).round() * 0.5
    weight = make.weights(groups * columns, channels, *[kernel] * dims)
    geometry = [[value] * dims for value in (stride, padding, dilation)]
    for bias in (None, torch.randn(groups * columns, generator=make.generator)):
        same("conv_wide", x, weight, bias, make.multiplier(groups * columns), scale, *geometry, groups)
    if 2 * stride - 2 * padding + dilation * (kernel - 1) + 1 > 0:
        stride, padding, dilation = geometry
        back, x = make.weights(groups * channels, columns, *[kernel] * dims), x[..., :3]
        sizes = [n * s for n, s in zip(x.shape[2:], stride, strict=True)]
        if all(n - s - 2 * padding[0] + dilation[0] * (kernel - 1) + 1 > 0 for n, s in zip(sizes, stride, strict=True)):
            geometry = (stride, padding, [0] * dims, dilation, groups)
            same("conv_transpose_wide", x, back, None, make.multiplier(groups * columns), scale, *geometry)


@thorough
@given(seed=seeds, rows=st.integers(0, 20), depth=st.integers(1, 200), columns=st.integers(1, 130), zero=zeros)
def test_linear(seed, rows, depth, columns, zero):
    make = Source(seed)
    x, weight = make.codes(2, rows, depth), make.weights(columns, depth)
    bias, multiplier = make.bias(columns), make.multiplier(columns)
    same_sums("linear", x, weight, bias, multiplier, zero, 128)
    same("linear_float", x, weight, bias, multiplier, zero)


few = settings(thorough, max_examples=40)


@few
@given(
    seed=seeds,
    rows=st.sampled_from([1, 8, 9, 32, 33, 65, 230, 575]),
    depth=st.sampled_from([512, 516, 768, 1040, 2048, 2052]),
    columns=st.sampled_from([8, 70, 136, 260, 300, 352]),
    zero=zeros,
)
def test_deep_linear(seed, rows, depth, columns, zero):
    """Sums of which an instruction set may take some of the depth after the other, and rows that it may take in parts."""
    make = Source(seed)
    x, weight = make.codes(rows, depth), make.weights(columns, depth)
    bias, multiplier = make.bias(columns), make.multiplier(columns)
    same_sums("linear", x, weight, bias, multiplier, zero, 128)
    same("linear_float", x, weight, bias, multiplier, zero)


@few
@given(
    seed=seeds,
    rows=st.sampled_from([1, 3, 8]),
    depth=st.sampled_from([192, 528]),
    columns=st.sampled_from([16, 80, 260, 300, 352]),
    zero=zeros,
)
def test_steps_of_a_recurrent_layer(seed, rows, depth, columns, zero):
    """The same weights by few rows, again and again, each time perhaps in the other direction, and by more at last."""
    make = Source(seed)
    weight, bias, multiplier = make.weights(columns, depth), make.bias(columns), make.multiplier(columns)
    for count in (rows, rows, rows, 9, 32, 40):
        same("linear_float", make.codes(count, depth), weight, bias, multiplier, zero)
        same_sums("linear", make.codes(count, depth), weight, bias, multiplier, zero, 100)


@few
@given(
    seed=seeds,
    channels=st.sampled_from([20, 128, 200]),
    columns=st.sampled_from([24, 72]),
    zero=zeros,
    adds=st.booleans(),
)
def test_deep_conv(seed, channels, columns, zero, adds):
    """Several taps of which each has many channels; depths that are cut within a tap."""
    make = Source(seed)
    x, weight = make.codes(2, channels, 8, 9), make.weights(columns, channels, 3, 3)
    conv = (x, weight, make.bias(columns), make.multiplier(columns), zero, 128, [2, 2], [1, 1], [1, 1], 1, 0, 255)
    if adds:
        same("conv_add", *conv, make.codes(2, columns, 4, 5), 0.7, 1.3, zero, 30, 30, 200)
    else:
        same_sums("conv", *conv)


@thorough
@given(seed=seeds, channels=st.sampled_from([256, 1024]), size=st.integers(5, 8), zero=st.sampled_from([0, 100, 255]))
def test_deep_conv_of_single_pixels(seed, channels, size, zero):
    """Pixels of which some are padding."""
    make = Source(seed)
    x, weight = make.codes(2, channels, size, 7), make.weights(48, channels, 1, 1)
    same_sums("conv", x, weight, make.bias(48), make.multiplier(48), zero, 128, [1, 1], [1, 0], [1, 1], 1, 0, 255)


@thorough
@given(
    seed=seeds,
    channels=st.sampled_from([32, 48, 64, 512]),
    columns=st.sampled_from([16, 17, 40]),
    size=st.tuples(st.integers(3, 13), st.integers(3, 13)),
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
        same_sums("conv", *conv)


@pytest.mark.parametrize("weight", [127, -128])
@pytest.mark.parametrize("channels", [96, 112, 128, 1024, 2048])
def test_no_sum_of_a_plain_3x3_overflows(channels, weight):
    """Around the bounds of what transforms of four outputs, of two outputs, and none may sum."""
    x = torch.full((1, channels, 6, 6), 255, dtype=torch.uint8)
    weights = torch.full((16, channels, 3, 3), weight, dtype=torch.int8)
    total = 9 * channels * 255 * weight
    multiplier = torch.full((16,), 100 / abs(total))
    same_sums("conv", x, weights, None, multiplier, 0, 128, [1, 1], [1, 1], [1, 1], 1)


@pytest.mark.parametrize("rows", [191, 193, 383, 575, 767])
def test_rows_that_are_cut_into_parts(rows):
    make = Source(4)
    same_sums("linear", make.codes(rows, 32), make.weights(24, 32), make.bias(24), make.multiplier(24), 3, 128)


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
    same_sums("linear", x, weight, None, multiplier, 3, 128)
    weight.fill_(1)
    same_sums("linear", x, weight, None, multiplier, 3, 128)


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


@pytest.fixture(params=[1, 2, 3, 5])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_any_number_of_threads_gives_the_same(threads):
    make = Source(2)
    x = make.codes(2, 32, 20, 20)
    same("add", x, x, 0.3, 0.5, 1, 2, 3)
    same("max_pool", x, [3, 3], [2, 2], [1, 1], [1, 1], False)
    same("matmul", x, x, 1e-4, 1, 2, 3)


@pytest.mark.parametrize(
    "size, channels, columns, kernel, groups",
    [
        ((20, 20), 32, 80, 3, 1),
        ((7, 7), 256, 300, 1, 1),  # more weights than inputs
        ((1, 1), 600, 700, 1, 1),
        ((5, 5), 256, 50, 3, 4),
        ((9, 250), 40, 1, 3, 40),  # depthwise, with long lines
        ((7, 7), 650, 1, 3, 650),
        ((24, 24), 72, 1, 5, 72),
    ],
)
def test_any_number_of_threads_gives_the_same_convolution(threads, size, channels, columns, kernel, groups):
    make = Source(4)
    x, weight = make.codes(2, channels, *size), make.weights(columns * groups, channels // groups, kernel, kernel)
    geometry = ([1, 1], [kernel // 2] * 2, [1, 1], groups)
    same_sums("conv", x, weight, None, make.multiplier(columns * groups), 3, 9, *geometry)
