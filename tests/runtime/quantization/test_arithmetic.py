"""The arithmetic: properties over random data, agreement with torch, and what happens at the edges."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from runtime.quantization.arithmetic import (
    PER_TENSOR,
    SMALLEST_SCALE,
    Granularity,
    Grid,
    QParams,
    dequantize,
    fake_quantize,
    multiplier,
    per_channel,
    per_group,
    qparams_from_range,
    qparams_of,
    quantize,
    sum_multipliers,
)
from runtime.quantization.straight_through import fake_quantize as fake_quantize_with_gradient
from runtime.quantization.straight_through import round_straight_through

grids = st.builds(Grid, bits=st.integers(2, 16), signed=st.booleans(), restricted=st.booleans())
granularities = st.sampled_from(
    [PER_TENSOR, per_channel(0), per_channel(1), per_channel(-1), per_group(3), per_group(2, 1)]
)
numbers = (
    st.floats(-(2.0**100), 2.0**100, width=32)
    | st.floats(-8, 8, width=32)
    | st.floats(-(2.0**-122), 2.0**-122, width=32)
)


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """4 x 6 elements of one magnitude: a constant, a one-sided, a symmetric or any range."""
    values = draw(st.lists(numbers, min_size=24, max_size=24) | numbers.map(lambda n: [n] * 24))
    return torch.tensor(values, dtype=torch.float32).reshape(4, 6)


def spread(values: Tensor, params: QParams, x: Tensor) -> Tensor:
    return params.granularity.spread(values, x)


@settings(max_examples=200, deadline=None)
@given(tensors(), grids, granularities, st.booleans())
def test_round_trip_is_within_half_a_scale(x: Tensor, grid: Grid, granularity: Granularity, symmetric: bool) -> None:
    params = qparams_of(x, grid, symmetric, granularity)
    error = (dequantize(quantize(x, params), params).double() - x.double()).abs()
    half = spread(params.scale, params, x).double() / 2
    # What float32 itself loses, in the inverse of the scale and in the product: a few units in the last place.
    assert bool((error <= half + 4 * 2**-24 * x.double().abs()).all())


@settings(max_examples=200, deadline=None)
@given(tensors(), grids, granularities, st.booleans())
def test_zero_is_exact_and_integers_are_on_the_grid(
    x: Tensor, grid: Grid, granularity: Granularity, symmetric: bool
) -> None:
    params = qparams_of(x, grid, symmetric, granularity)
    zero = torch.zeros_like(x)
    assert torch.equal(dequantize(quantize(zero, params), params), zero)
    q = quantize(x, params)
    assert q.dtype == grid.dtype
    assert grid.low <= int(q.min()) and int(q.max()) <= grid.high
    assert bool(torch.isfinite(params.scale).all()) and bool((params.scale >= SMALLEST_SCALE).all())
    if symmetric:
        assert bool((params.zero_point == grid.middle).all())


@settings(max_examples=100, deadline=None)
@given(tensors(), grids, st.booleans())
def test_order_is_kept(x: Tensor, grid: Grid, symmetric: bool) -> None:
    params = qparams_of(x, grid, symmetric)
    q = quantize(x.flatten().sort().values, params).long()
    assert bool((q.diff() >= 0).all())


@settings(max_examples=200, deadline=None)
@given(tensors(), grids, granularities, st.booleans())
def test_fake_quantize_is_the_round_trip_and_idempotent(
    x: Tensor, grid: Grid, granularity: Granularity, symmetric: bool
) -> None:
    params = qparams_of(x, grid, symmetric, granularity)
    faked = fake_quantize(x, params)
    assert torch.equal(faked, dequantize(quantize(x, params), params))
    assert torch.equal(fake_quantize(faked, params), faked)


@settings(max_examples=200, deadline=None)
@given(tensors(), grids, granularities, st.booleans(), st.floats(0.25, 4))
def test_gradients_pass_on_the_grid_and_stop_outside(
    x: Tensor, grid: Grid, granularity: Granularity, symmetric: bool, stretch: float
) -> None:
    params = qparams_of(x, grid, symmetric, granularity)
    wide = (x.double() * stretch).float().requires_grad_()
    faked = fake_quantize_with_gradient(wide, params)
    assert torch.equal(faked, fake_quantize(wide.detach(), params))
    upstream = torch.arange(1.0, 25.0).reshape(4, 6)
    (gradient,) = torch.autograd.grad(faked, wide, upstream)
    q = torch.round(wide.detach() * (1 / spread(params.scale, params, x))) + spread(params.zero_point, params, x)
    inside = (q >= grid.low) & (q <= grid.high)
    assert torch.equal(gradient, upstream * inside)


@settings(max_examples=300, deadline=None)
@given(
    tensors(), grids, st.sampled_from([PER_TENSOR, per_channel(0), per_channel(1)]), st.booleans(), st.floats(0.25, 4)
)
def test_torch_computes_the_same(
    x: Tensor, grid: Grid, granularity: Granularity, symmetric: bool, stretch: float
) -> None:
    params = qparams_of(x, grid, symmetric, granularity)
    x = (x.double() * stretch).float().requires_grad_()
    if granularity.axis is None:
        theirs = torch.fake_quantize_per_tensor_affine(x, params.scale, params.zero_point, grid.low, grid.high)
    else:
        theirs = torch.fake_quantize_per_channel_affine(
            x, params.scale, params.zero_point, granularity.axis, grid.low, grid.high
        )
    ours = fake_quantize_with_gradient(x, params)
    assert torch.equal(ours, theirs)
    for_ours, for_theirs = (torch.autograd.grad(y, x, torch.ones_like(y))[0] for y in (ours, theirs))
    assert torch.equal(for_ours, for_theirs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_other_dtypes_agree_with_torch(dtype: torch.dtype) -> None:
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0)).to(dtype)
    params = qparams_of(x, Grid(8), symmetric=False)
    ours = fake_quantize(x, params)
    theirs = torch.fake_quantize_per_tensor_affine(x, params.scale, params.zero_point, 0, 255)
    assert ours.dtype == dtype
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("grid", "low", "high", "dtype"),
    [
        (Grid(8), 0, 255, torch.uint8),
        (Grid(8, signed=True), -128, 127, torch.int8),
        (Grid(8, signed=True, restricted=True), -127, 127, torch.int8),
        (Grid(4, restricted=True), 1, 15, torch.uint8),
        (Grid(2, signed=True), -2, 1, torch.int8),
        (Grid(15), 0, 32767, torch.int16),
        (Grid(16), 0, 65535, torch.int32),
        (Grid(16, signed=True), -32768, 32767, torch.int16),
    ],
)
def test_grids(grid: Grid, low: int, high: int, dtype: torch.dtype) -> None:
    assert (grid.low, grid.high, grid.dtype) == (low, high, dtype)


@pytest.mark.parametrize("bits", [1, 17, 0, -8, 8.0, True, None])
def test_bits_that_are_none(bits: object) -> None:
    with pytest.raises(ValueError, match=r"from 2 to 16"):
        Grid(bits)  # type: ignore[arg-type]


def test_ties_go_to_the_even_integer() -> None:
    params = QParams(torch.tensor(1.0), torch.tensor(3, dtype=torch.int32), Grid(8))
    assert quantize(torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5]), params).tolist() == [3, 5, 5, 3, 1]
    assert round_straight_through(torch.tensor([0.5, 1.5, 2.5])).tolist() == [0, 2, 2]


def test_a_range_without_zero_is_widened() -> None:
    params = qparams_from_range(torch.tensor(2.0), torch.tensor(5.1), Grid(8), symmetric=False)
    assert params.zero_point.item() == 0
    assert params.scale.item() == pytest.approx(5.1 / 255)
    assert params.lowest.item() == 0
    assert params.highest.item() == pytest.approx(5.1)


@pytest.mark.parametrize("symmetric", [True, False])
def test_zeros_get_a_scale_of_one(symmetric: bool) -> None:
    params = qparams_of(torch.zeros(5), Grid(8, signed=True), symmetric)
    assert params.scale.item() == 1.0
    assert params.zero_point.item() == (0 if symmetric else -128)


@pytest.mark.parametrize("value", [1e-44, -1e-44, 3e38, -3e38, 0.7])
@pytest.mark.parametrize("symmetric", [True, False])
def test_constants_of_any_size_survive(value: float, symmetric: bool) -> None:
    x = torch.full((3,), value)
    params = qparams_of(x, Grid(8, signed=True), symmetric)
    assert torch.isfinite(params.scale) and params.scale >= SMALLEST_SCALE
    error = (fake_quantize(x, params) - x).abs().max().item()
    assert error <= params.scale.item() / 2 * (1 + 1e-4)  # float32 itself loses some


def test_a_range_wider_than_float32() -> None:
    params = qparams_from_range(torch.tensor(-3e38), torch.tensor(3e38), Grid(8), symmetric=False)
    assert params.scale.item() == pytest.approx(6e38 / 255)


def test_infinities_saturate_and_nan_is_seen() -> None:
    params = qparams_of(torch.tensor([-1.0, 1.0]), Grid(8), symmetric=False)
    assert quantize(torch.tensor([math.inf, -math.inf]), params).tolist() == [255, 0]
    with pytest.raises(ValueError, match="holds NaN"):
        quantize(torch.tensor([0.0, math.nan]), params)
    x = torch.tensor([0.0, math.nan], requires_grad=True)
    faked = fake_quantize_with_gradient(x, params)
    assert math.isnan(faked[1].item()) and faked[0].item() == 0
    assert torch.autograd.grad(faked.sum(), x)[0].tolist() == [1, 0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_ranges_must_be_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        qparams_of(torch.tensor([0.0, bad]), Grid(8), symmetric=True)


def test_ranges_must_be_in_order() -> None:
    with pytest.raises(ValueError, match="from low to high, not from 2 to 1"):
        qparams_from_range(torch.tensor(2.0), torch.tensor(1.0), Grid(8), symmetric=False)


def test_empty_tensors() -> None:
    with pytest.raises(ValueError, match=r"empty tensor of shape \(0, 3\)"):
        qparams_of(torch.zeros(0, 3), Grid(8), symmetric=False)
    params = qparams_of(torch.ones(1), Grid(8), symmetric=False)
    assert quantize(torch.zeros(0, 3), params).shape == (0, 3)
    assert fake_quantize_with_gradient(torch.zeros(0, 3), params).shape == (0, 3)


def test_groups_have_scales_of_their_own() -> None:
    x = torch.tensor([[1.1, 2.0, 30.0, 40.0], [0.1, 0.2, 0.0, 0.0]])
    params = qparams_of(x, Grid(4, signed=True, restricted=True), symmetric=True, granularity=per_group(2))
    assert torch.allclose(params.scale, torch.tensor([[2.0, 40.0], [0.2, 7.0]]) / 7)
    assert quantize(x, params).tolist() == [[4, 7, 5, 7], [4, 7, 0, 0]]


def test_layouts_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="groups of 5"):
        qparams_of(torch.zeros(2, 4), Grid(8), True, per_group(5))
    with pytest.raises(ValueError, match="has no axis 3"):
        qparams_of(torch.zeros(2, 4), Grid(8), True, per_channel(3))
    with pytest.raises(ValueError, match=r"needs a scale of shape \(2,\)"):
        fake_quantize(torch.zeros(2, 4), QParams(torch.ones(4), torch.zeros(4), Grid(8), per_channel(0)))
    with pytest.raises(ValueError, match="groups need an axis"):
        Granularity(group=4)


def test_a_multiplier_is_what_onnx_runtime_computes() -> None:
    scales = torch.rand(3, 1000, generator=torch.Generator().manual_seed(0)) + 0.01
    given, weight, made = scales
    assert torch.equal(multiplier([given, weight], made), given * weight / made)
    assert torch.equal(multiplier([given], made), given / made)


def test_a_multiplier_of_scales_whose_product_float32_does_not_hold() -> None:
    small, large = torch.tensor([1e-30, 1e-2]), torch.tensor([1e30, 1e-2])
    assert multiplier([small, small], small).tolist() == pytest.approx([1e-30, 1e-2])
    assert multiplier([large, large], large).tolist() == pytest.approx([1e30, 1e-2])


def _asymmetric(scale: Tensor, zero_point: int, bits: int = 8) -> QParams:
    return QParams(scale, torch.tensor(zero_point, dtype=torch.int32), Grid(bits))


@pytest.mark.parametrize("seed", range(20))
def test_sums_round_alike_in_whatever_order_they_are_computed(seed: int) -> None:
    make = torch.Generator().manual_seed(seed)
    scales = torch.rand(3, generator=make) + 0.05
    scales[2] = (scales[0] + scales[1]) * (0.4 + 0.6 * scales[2])  # what a sum reaches, or a part of it
    first, second, made = (
        _asymmetric(scale, zero)
        for scale, zero in zip(scales, torch.randint(0, 256, (3,), generator=make).tolist(), strict=True)
    )
    left, right = sum_multipliers(first, second, made)
    for factor, params in ((left, first), (right, second)):
        assert 255 * abs(factor - params.scale / made.scale) <= 1 / 8
    a = torch.arange(256.0)
    b = a[:, None]
    ours = torch.round((a - first.zero_point) * left + (b - second.zero_point) * right) + made.zero_point
    assert torch.equal(torch.round(_as_onnx_runtime_adds(a, b, first, second, made, left, right)), ours)
    real = (a - first.zero_point) * (left * made.scale) + (b - second.zero_point) * (right * made.scale)
    assert torch.equal(torch.round(real / made.scale) + made.zero_point, ours)


def _as_onnx_runtime_adds(
    a: Tensor, b: Tensor, first: QParams, second: QParams, made: QParams, left: Tensor, right: Tensor
) -> Tensor:
    """Zero points in one number, to which two products are added with one rounding each."""
    left, right = left * made.scale / made.scale, right * made.scale / made.scale
    zeros = made.zero_point - (left * first.zero_point + right * second.zero_point)
    total = (a.double() * left.double() + zeros.double()).to(torch.float32)
    return (b.double() * right.double() + total.double()).to(torch.float32)


def test_sums_of_more_than_8_bits_keep_their_multipliers() -> None:
    first, second, made = (_asymmetric(torch.tensor(scale), 0, 16) for scale in (0.3, 0.4, 0.7))
    left, right = sum_multipliers(first, second, made)
    assert torch.equal(left, first.scale / made.scale) and torch.equal(right, second.scale / made.scale)
