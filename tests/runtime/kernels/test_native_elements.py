"""Every other native kernel against the reference: not one code may differ where the result is defined exactly."""

import inspect
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from runtime.kernels import native, operators, reference
from tests.runtime.kernels.against_reference import Source, bounds, multipliers, same, seeds, thorough, zeros

pytestmark = pytest.mark.usefixtures("instructions")


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


@pytest.mark.parametrize("name", sorted(operators.PLAIN - operators.ROWS))
@thorough
@given(
    seed=seeds, shape=st.sampled_from([(3, 5), (2, 19, 4, 5), (), (40000,), (0, 3)]), code=zeros, scale=multipliers,
    cut=st.booleans(),
)  # fmt: skip
def test_kernels_that_treat_every_element_alike(name, seed, shape, code, scale, cut):
    make = Source(seed)
    kinds = [parameter.annotation for parameter in inspect.signature(getattr(reference, name)).parameters.values()]
    tensors = [make.codes(*shape) for kind in kinds if kind is Tensor]
    if cut and shape:
        tensors = [tensor[..., ::2] for tensor in tensors]
    same(name, *[tensors.pop() if kind is Tensor else {int: code, float: scale}[kind] for kind in kinds])


@pytest.mark.parametrize("name", sorted(operators.ROWS))
@thorough
@given(
    seed=seeds, shape=st.sampled_from([(3, 5), (2, 19, 4, 5), (40000,), (70000,), (0, 3), (3, 0)]), code=zeros,
    scale=st.floats(1e-3, 10), cut=st.booleans(), numbers=st.booleans(),
)  # fmt: skip
def test_kernels_that_treat_every_row_alike(name, seed, shape, code, scale, cut, numbers):
    """Float32 inside: within one code."""
    make = Source(seed)
    x = make.codes(*shape)
    x = x[..., ::2] if cut else x
    row = torch.rand(x.shape[-1:], generator=make.generator) + 0.5 if numbers else None
    kinds = {Tensor: x, Tensor | None: row, int: code, float: scale}
    given_ = [kinds[p.annotation] for p in inspect.signature(getattr(reference, name)).parameters.values()]
    expected, got = getattr(reference, name)(*given_), getattr(native, name)(*given_)
    torch.testing.assert_close(got, expected, atol=1, rtol=0)


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


@thorough
@given(seeds, st.sampled_from([(7, 3), (1, 64), (300, 20)]), zeros, zeros, st.integers(2, 4))
def test_prelu(seed, sizes, x_zero, zero, dims):
    make = Source(seed)
    x = make.codes(2, sizes[1], *[sizes[0], 3][: dims - 2])
    same("prelu", x, 0.7, torch.randn(sizes[1], generator=make.generator), x_zero, zero)


@thorough
@given(seeds, st.sampled_from([(1, 5, 3), (2, 64, 17), (40, 30, 32)]), st.sampled_from([1e-4, 0.03, 1 / 32639]))
def test_sums_of_numbers_of_16_bits(seed, sizes, scale):
    make, (rows, depth, columns) = Source(seed), sizes
    x = (torch.randn(rows, depth, generator=make.generator) * scale * 20000).round() * (1.0 if seed % 2 else 0.5)
    for bias in (None, torch.randn(columns, generator=make.generator)):
        same("linear_wide", x, make.weights(columns, depth), bias, make.multiplier(columns), scale)


@pytest.mark.parametrize(("rows", "size"), [(20, 3), (1, 32), (3, 300)])
@pytest.mark.parametrize("reverse", [False, True])
def test_recurrent_layers(rows, size, reverse):
    make = Source(4)
    hidden, cell = torch.randn(rows, size).clamp(-1, 1), torch.randn(rows, size)
    for name, gates, extra in (("lstm", 4, ()), ("gru", 3, ()), ("rnn", 1, (False,)), ("rnn", 1, (True,))):
        weight, bias = make.weights(gates * size, size), torch.randn(gates * size)
        states = (hidden, cell) if name == "lstm" else (hidden,)
        multiplier = torch.full((gates * size,), 1e-3 / 32639)
        given = (torch.randn(6, rows, gates * size) * 3, *states, weight, bias, multiplier, 1 / 32639, *extra, reverse)
        got, expected = getattr(native, name)(*given), getattr(reference, name)(*given)
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
