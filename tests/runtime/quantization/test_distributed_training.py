"""Two processes under torchrun train as one process does: the same ranges, the same learned steps, the same losses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.runtime.quantization.distributed_worker import results

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
    done = subprocess.run(
        [*torchrun, "tests.runtime.quantization.distributed_worker", str(folder)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return results()


@pytest.mark.parametrize("case", ["observers", "aware", "lsq", "uneven"])
def test_all_ranks_agree_bit_for_bit(ranks: list[dict[str, Any]], case: str) -> None:
    one, other = (rank[case]["state"] for rank in ranks)
    assert one.keys() == other.keys() and len(one) > 4
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_observers_are_those_of_one_process_bit_for_bit(ranks: list[dict[str, Any]], alone: dict[str, Any]) -> None:
    expected, got = alone["observers"]["state"], ranks[0]["observers"]["state"]
    assert expected.keys() == got.keys()
    highs = [key for key in expected if key.endswith("high")]
    assert len(highs) >= 6 and all(torch.isfinite(expected[key]).all() for key in highs)
    assert all(torch.equal(expected[key], got[key]) for key in expected)


@pytest.mark.parametrize("case", ["aware", "lsq"])
def test_losses_and_scales_are_those_of_one_process(
    ranks: list[dict[str, Any]], alone: dict[str, Any], case: str
) -> None:
    expected, got = alone[case], ranks[0][case]
    assert expected["losses"][-1] < expected["losses"][0]
    assert got["losses"] == pytest.approx(expected["losses"], rel=1e-3, abs=1e-4)
    for key, value in expected["state"].items():
        torch.testing.assert_close(got["state"][key], value, rtol=1e-2, atol=1e-4)
