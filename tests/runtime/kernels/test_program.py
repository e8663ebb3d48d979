"""Many kernels in one call, and moves between them."""

from __future__ import annotations

import ctypes

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import kernels
from runtime.kernels.native import abi, add, library
from runtime.kernels.native.program import Step, number, run

pytestmark = pytest.mark.skipif(not library.runnable(), reason="no native kernels were built")
DTYPES = {1: torch.uint8, 2: torch.int16, 4: torch.float32, 8: torch.float64}


def steps(*calls: tuple[str, ctypes.Structure]) -> ctypes.Array[Step]:
    return (Step * len(calls))(*(Step(number(name), ctypes.addressof(arguments)) for name, arguments in calls))


def moving(x: torch.Tensor, out: torch.Tensor, threads: int) -> ctypes.Structure:
    return abi.arguments("move")(
        x=x.data_ptr(),
        out=out.data_ptr(),
        dims=out.dim(),
        width=out.element_size(),
        size=tuple(out.shape),
        x_stride=x.stride(),
        out_stride=out.stride(),
        threads=threads,
    )


@given(
    st.data(), st.sampled_from(sorted(DTYPES)), st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 2)
)
@settings(deadline=None, max_examples=200)
def test_moves_equal_torchs_copies(draw: st.DataObject, width: int, sizes: list[int], threads: int) -> None:
    order = draw.draw(st.permutations(range(len(sizes))))
    other = draw.draw(st.permutations(range(len(sizes))))
    step = draw.draw(st.integers(1, 3))
    whole = torch.randint(0, 100, [sizes[d] * step for d in order]).to(DTYPES[width])
    x = whole[tuple(slice(None, None, step) for _ in order)].permute([order.index(d) for d in range(len(sizes))])
    if draw.draw(st.booleans()) and x.shape[0]:
        x = x[:1].expand(x.shape)
    out = torch.zeros([sizes[d] for d in other], dtype=x.dtype).permute([other.index(d) for d in range(len(sizes))])
    arguments = moving(x, out, threads)
    run(steps(("move", arguments)))
    assert torch.equal(out, x)


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("planes", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", [(1, 8), (3, 15), (6, 64), (9, 129)])
def test_images_of_few_colours_become_channels_last(planes: int, size: tuple[int, int]) -> None:
    x = torch.randint(0, 255, (2, planes + 1, *size), dtype=torch.uint8)[:, 1:]
    out = torch.empty(2, *size, planes, dtype=torch.uint8).movedim(-1, 1)
    arguments = moving(x, out, 1)
    run(steps(("move", arguments)))
    assert torch.equal(out, x)


def test_large_moves_are_shared_among_threads() -> None:
    x = torch.randint(0, 255, (2, 96, 60, 60), dtype=torch.uint8)
    out = torch.empty(2, 60, 60, 96, dtype=torch.uint8).movedim(-1, 1)
    arguments = moving(x, out, 2)
    run(steps(("move", arguments)))
    assert torch.equal(out, x)


@pytest.mark.parametrize("width", sorted(DTYPES))
@pytest.mark.parametrize("size", [(8, 8), (64, 64), (65, 127), (9, 130), (200, 8), (128, 17)])
@pytest.mark.parametrize("threads", [1, 2])
def test_long_dimensions_change_their_places(width: int, size: tuple[int, int], threads: int) -> None:
    whole = torch.randint(0, 100, (3, size[0], 2, size[1] + 1)).to(DTYPES[width])
    x = whole[..., 1:]
    for order in ((0, 3, 2, 1), (3, 0, 2, 1), (2, 3, 1, 0), (3, 2, 0, 1)):
        out = torch.zeros([x.shape[d] for d in order], dtype=x.dtype).permute([order.index(d) for d in range(4)])
        arguments = moving(x, out, threads)
        run(steps(("move", arguments)))
        assert torch.equal(out, x)


def test_recorded_kernels_run_again() -> None:
    a, b = torch.randint(0, 255, (2, 50), dtype=torch.uint8), torch.randint(0, 255, (2, 50), dtype=torch.uint8)
    with library.recorded() as recording:
        first = add(a, b, 0.5, 0.25, 3, 4, 5, 0, 255)
        add(first, first, 0.5, 0.5, 5, 5, 5, 0, 255)
    assert [name for name, _ in recording.calls] == ["binary", "binary"]
    expected = kernels.add(b, b, 0.5, 0.25, 3, 4, 5)
    a.copy_(b)
    nanoseconds = (ctypes.c_int64 * 1)()
    run(steps(recording.calls[0]), nanoseconds)
    assert torch.equal(first, expected) and nanoseconds[0] > 0
    add(a, b, 0.5, 0.25, 3, 4, 5, 0, 255)
    assert len(recording.calls) == 2
