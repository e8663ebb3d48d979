"""Groups of tensors with one range."""

from __future__ import annotations

from runtime.quantization.aligned import Alignment


def test_a_group_has_the_widest_range() -> None:
    alignment = Alignment({"a": (-1.0, 2.0), "b": (0.0, 3.0), "c": (-9.0, 0.0)})
    assert alignment.align(["a", "b"])
    assert alignment.range_of("a") == alignment.range_of("b") == (-1.0, 3.0)
    assert alignment.range_of("c") == (-9.0, 0.0)
    assert alignment.align(["b", "c"])
    assert alignment.range_of("a") == (-9.0, 3.0)


def test_nobody_gives_up_more_than_allowed() -> None:
    alignment = Alignment({"a": (0.0, 1.0), "b": (0.0, 1.9), "c": (0.0, 2.1)})
    assert alignment.align(["a", "b"], within=2.0)
    # b and c are close, but a has b's range already and would get c's.
    assert not alignment.align(["b", "c"], within=2.0)
    assert alignment.range_of("a") == (0.0, 1.9) and alignment.range_of("c") == (0.0, 2.1)


def test_widths_reach_zero() -> None:
    alignment = Alignment({"far": (5.0, 6.0), "near": (0.0, 4.0)})
    assert alignment.align(["far", "near"], within=2.0)
