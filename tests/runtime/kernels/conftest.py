"""Every instruction set that this processor runs, one after the other."""

from collections.abc import Iterator

import pytest

from runtime.kernels.native import library

SETS = library.runnable()


@pytest.fixture(params=SETS or [pytest.param("", marks=pytest.mark.skip(reason="no native kernels were built"))])
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    native = library.load()
    assert native is not None
    before = native.rk_selected()
    assert native.rk_select(request.param.encode())
    yield request.param
    native.rk_select(before)
