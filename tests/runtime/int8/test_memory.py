"""Buffers that are needed at the same time never share a byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runtime.int8.memory import ALIGNMENT, Lifetime, place

BUFFERS = st.lists(st.tuples(st.integers(1, 500), st.integers(0, 20), st.integers(0, 8)), max_size=25)


def meet(a: Lifetime, b: Lifetime) -> bool:
    return a.first <= b.last and b.first <= a.last


@given(BUFFERS)
def test_buffers_that_live_together_lie_apart(buffers: list[tuple[int, int, int]]) -> None:
    sizes = {i: size for i, (size, _, _) in enumerate(buffers)}
    lifetimes = {i: Lifetime(first, first + more) for i, (_, first, more) in enumerate(buffers)}
    offsets, total = place(sizes, lifetimes)
    assert all(offset % ALIGNMENT == 0 and offset + sizes[i] <= total for i, offset in offsets.items())
    for i in offsets:
        for j in range(i):
            if meet(lifetimes[i], lifetimes[j]):
                assert offsets[i] >= offsets[j] + sizes[j] or offsets[j] >= offsets[i] + sizes[i]


def test_a_chain_needs_two_buffers() -> None:
    sizes = dict.fromkeys(range(10), ALIGNMENT)
    _, total = place(sizes, {i: Lifetime(i, i + 1) for i in range(10)})
    assert total == 2 * ALIGNMENT
