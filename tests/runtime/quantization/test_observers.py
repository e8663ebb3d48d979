"""Statistics that do not depend on how the data were divided, the rules that choose ranges from them, and their files."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from runtime.quantization.arithmetic import Grid, fake_quantize, qparams_from_range
from runtime.quantization.observers import (
    RULES,
    Average,
    Deviations,
    Divergence,
    Gauss,
    Laplace,
    MinMax,
    MovingAverage,
    Percentile,
    RangeRule,
    SquaredError,
    Statistics,
    load_statistics,
    rule,
    save_statistics,
)
from runtime.quantization.observers.bell import gauss_clip, laplace_clip

EIGHT = Grid(8)


def observed(*batches: Tensor, axis: int | None = None, first: int = 0) -> Statistics:
    statistics = Statistics(axis)
    for number, batch in enumerate(batches, first):
        statistics.observe(batch, number)
    return statistics


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def error(x: Tensor, choose: RangeRule, bits: int = 8, symmetric: bool = False) -> float:
    low, high = choose(observed(x), Grid(bits), symmetric)
    params = qparams_from_range(low[0], high[0], Grid(bits), symmetric)
    return (fake_quantize(x, params) - x).square().mean().item()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=12),
        min_size=2,
        max_size=8,
    ),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
def test_merged_shards_are_the_whole(batches: list[list[float]], random: object, shards: int) -> None:
    tensors = [torch.tensor(batch) for batch in batches]
    parts = [Statistics() for _ in range(shards)]
    for number, tensor in enumerate(tensors):
        parts[random.randrange(shards)].observe(tensor, number)  # type: ignore[attr-defined]
    random.shuffle(parts)  # type: ignore[attr-defined]
    merged = Statistics()
    for part in parts:
        merged.merge(part)
    assert merged.to_plain() == observed(*tensors).to_plain()


def test_merging_channels() -> None:
    batches = [normal(4, 3, 5, seed=seed) * 10**seed for seed in range(6)]
    whole = observed(*batches, axis=1)
    shards = [Statistics(1), Statistics(1)]
    for number, batch in enumerate(batches):
        shards[number % 2].observe(batch, number)
    shards[1].merge(shards[0])
    assert shards[1].to_plain() == whole.to_plain()
    assert torch.equal(whole.low, torch.cat(batches).movedim(1, 0).flatten(1).amin(1))


def test_what_is_counted_is_what_was_seen() -> None:
    x = normal(16, 1000) * 3 + 1
    statistics = observed(*x.chunk(4))
    assert statistics.count == 16000 and statistics.samples == 16
    assert statistics.low.item() == x.min().item() and statistics.high.item() == x.max().item()
    histogram = statistics.histogram
    assert int(histogram.counts.sum()) == 16000
    width = histogram.width.item()
    assert math.log2(width) == round(math.log2(width))
    assert histogram.mean().item() == pytest.approx(x.mean().item(), abs=width)
    assert histogram.deviation().item() == pytest.approx(x.std(correction=0).item(), rel=1e-3)
    assert histogram.absolute_deviation().item() == pytest.approx((x - x.mean()).abs().mean().item(), rel=1e-3)
    for fraction in (0.001, 0.25, 0.5, 0.999):
        assert histogram.quantile(fraction).item() == pytest.approx(x.flatten().quantile(fraction).item(), abs=0.1)
    low, high = statistics.average_range()
    assert low.item() == pytest.approx(x.amin(1).double().mean().item(), abs=1e-12)
    assert high.item() == pytest.approx(x.amax(1).double().mean().item(), abs=1e-12)


def test_what_has_no_range() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\) holds NaN"):
        observed(torch.tensor([0.0, math.nan]))
    masked = observed(torch.tensor([0.0, -math.inf]), torch.ones(3))
    assert masked.infinite and masked.count == 3
    merged = observed(torch.ones(2))
    assert not merged.infinite
    merged.merge(masked)
    assert merged.infinite and merged.count == 5


def test_empty_tensors_add_nothing() -> None:
    statistics = observed(torch.zeros(0, 3), torch.tensor([[1.0, 2.0]]), torch.zeros(0, 3))
    assert (statistics.count, statistics.low.item()) == (2, 1.0)


def test_channels_must_stay() -> None:
    statistics = observed(torch.zeros(2, 3), axis=1)
    with pytest.raises(ValueError, match="had 3 channels before and has 4 now"):
        statistics.observe(torch.zeros(2, 4), 1)
    with pytest.raises(ValueError, match="axis 1 and along axis None"):
        statistics.merge(Statistics())


def test_a_module_that_runs_at_each_time_step_is_one_batch() -> None:
    statistics = Statistics()
    for value in (1.0, 5.0, 3.0):
        statistics.observe(torch.tensor([value]), batch=0)
    assert statistics.batches == {0: ([1.0], [5.0])}
    assert MovingAverage()(statistics, EIGHT, False)[1].item() == 5.0


def test_moving_average() -> None:
    statistics = Statistics()
    for number, high in [(2, 4.0), (0, 1.0), (1, 2.0)]:  # in any order of arrival
        statistics.observe(torch.tensor([0.0, high]), number)
    low, high_ = MovingAverage(decay=0.5)(statistics, EIGHT, False)
    assert (low.item(), high_.item()) == (0.0, (1 * 0.5 + 2 * 0.5) * 0.5 + 4 * 0.5)


def test_average_and_deviations() -> None:
    x = torch.tensor([[-1.0, 1.0], [-3.0, 5.0]])
    low, high = Average()(observed(x), EIGHT, False)
    assert (low.item(), high.item()) == (-2.0, 3.0)
    x = normal(1, 100_000)
    low, high = Deviations(2.0)(observed(x), EIGHT, False)
    assert low.item() == pytest.approx(-2, abs=0.02)
    assert high.item() == pytest.approx(2, abs=0.02)
    low, high = Deviations(100.0)(observed(x), EIGHT, False)
    assert (low.item(), high.item()) == (x.min().item(), x.max().item())


def test_percentile() -> None:
    x = torch.arange(-1000.0, 1001.0)
    low, high = Percentile(99.0)(observed(x), EIGHT, False)
    assert low.item() == pytest.approx(-980, abs=2)
    assert high.item() == pytest.approx(980, abs=2)
    with pytest.raises(ValueError, match="must lie above 50"):
        Percentile(0.99)


@pytest.mark.parametrize(
    ("bits", "gauss", "laplace"), [(2, 1.71, 2.83), (3, 2.15, 3.90), (4, 2.56, 5.03), (8, 3.92, 9.90)]
)
def test_clips_of_bells_are_those_published(bits: int, gauss: float, laplace: float) -> None:
    assert gauss_clip(bits) == pytest.approx(gauss, abs=0.006)
    assert laplace_clip(bits) == pytest.approx(laplace, abs=0.006)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("bits", [3, 4, 8])
def test_each_clip_wins_where_its_assumption_holds(bits: int, symmetric: bool) -> None:
    gaussian = normal(64, 2000)
    uniform = torch.rand(64, 2000, generator=torch.Generator().manual_seed(1)) - 0.5
    laplacian = uniform.sign() * -torch.log1p(-2 * uniform.abs())
    assert error(gaussian, Gauss(), bits, symmetric) < error(gaussian, MinMax(), bits, symmetric)
    assert error(laplacian, Laplace(), bits, symmetric) < error(laplacian, Gauss(), bits, symmetric)
    for data in (gaussian, laplacian, gaussian.relu(), gaussian + 2):
        least = error(data, SquaredError(), bits, symmetric)
        for other in RULES.values():
            assert least <= error(data, other, bits, symmetric) * 1.03


def test_half_a_bell_is_clipped_like_the_whole_with_a_bit_more() -> None:
    low, high = Gauss()(observed(normal(64, 2000).relu()), Grid(4), False)
    assert low.item() == 0
    assert high.item() == pytest.approx(gauss_clip(5), rel=0.02)


def test_divergence_cuts_far_outliers_and_keeps_what_is_even() -> None:
    outlying = torch.cat([normal(1, 50_000), torch.tensor([[100.0]])], dim=1)
    low, high = Divergence()(observed(outlying), EIGHT, False)
    assert -6 < low.item() < -3 and 3 < high.item() < 12
    even = torch.linspace(-1, 1, 50_000)
    low, high = Divergence()(observed(even), EIGHT, False)
    assert low.item() == pytest.approx(-1, abs=0.05)
    assert high.item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(1, 4),
        torch.full((1, 4), 3.0),
        torch.full((1, 4), -1e-42),
        torch.tensor([[-3e38, 3e38]]),
        torch.rand(1, 9) + 5,
    ],
    ids=["zeros", "constant", "denormal", "huge", "far from zero"],
)
def test_every_rule_gives_a_range_within_the_data(name: str, symmetric: bool, x: Tensor) -> None:
    low, high = rule(name)(observed(x), EIGHT, symmetric)
    assert torch.isfinite(low) and torch.isfinite(high)
    assert low.item() <= high.item() or low.item() == pytest.approx(high.item(), rel=1e-3)
    assert min(0.0, x.min().item()) <= low.item() and high.item() <= max(0.0, x.max().item())


def test_rules_by_name() -> None:
    assert rule("kl") is RULES["kl"]
    chosen = Percentile(99.9)
    assert rule(chosen) is chosen
    with pytest.raises(ValueError, match="called 'entropy'; there are minmax, "):
        rule("entropy")


def test_each_channel_has_a_range_of_its_own() -> None:
    scales = torch.tensor([0.1, 1.0, 10.0])
    x = normal(32, 3, 500) * scales[:, None]
    for name in RULES:
        low, high = rule(name)(observed(x, axis=1), EIGHT, True)
        assert torch.allclose((high / scales), high[1].expand(3), rtol=0.3), name
        assert bool((low < 0).all())


def test_files_keep_everything(tmp_path: Path) -> None:
    statistics = {
        "features.0": observed(normal(4, 10), normal(4, 10, seed=1) * 100),
        "head": observed(normal(4, 3, 10) / 7, axis=1),
        "unused": Statistics(),
    }
    path = tmp_path / "statistics.yaml"
    save_statistics(statistics, path)
    loaded = load_statistics(path)
    assert {name: s.to_plain() for name, s in loaded.items()} == {name: s.to_plain() for name, s in statistics.items()}
    # What was loaded can still be merged into.
    again = load_statistics(path)["features.0"]
    again.observe(normal(4, 10, seed=2), 2)
    whole = observed(normal(4, 10), normal(4, 10, seed=1) * 100, normal(4, 10, seed=2))
    assert again.to_plain() == whole.to_plain()


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("a: 1")
    with pytest.raises(ValueError, match="is not a statistics file"):
        load_statistics(path)
    path.write_text("version: 1\nstatistics: {conv: {count: 1}}")
    with pytest.raises(ValueError, match="statistics of 'conv' are damaged"):
        load_statistics(path)
