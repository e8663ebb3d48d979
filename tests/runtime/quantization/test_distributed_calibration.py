"""Two processes calibrate: each ends with the statistics of one process over all the data, bit for bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from runtime.quantization.calibration import calibrate
from runtime.quantization.observers import load_statistics, save_statistics

ROOT = Path(__file__).parents[3]
BATCHES = 5


def make_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))


def make_images() -> torch.Tensor:
    return torch.randn(BATCHES * 4, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 3


def work(folder: Path) -> None:
    """What each process runs."""
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    model, images = make_model(), make_images()
    save_statistics(calibrate(model, list(images.reshape(BATCHES, 4, 3, 8, 8))), folder / f"dealt{rank}.yaml")
    dataset = TensorDataset(images[: 4 * 4])
    sampler: DistributedSampler[Tensor] = DistributedSampler(dataset, shuffle=False)
    save_statistics(calibrate(model, DataLoader(dataset, 1, sampler=sampler)), folder / f"sampled{rank}.yaml")
    torch.distributed.destroy_process_group()


def test_two_processes_are_as_good_as_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0"]
    command += ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "-m", __name__, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]

    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as torchrun gives its processes
    model, images = make_model(), make_images()
    dealt = calibrate(model, list(images.reshape(BATCHES, 4, 3, 8, 8)))
    sampled = calibrate(model, list(images[: 4 * 4].reshape(16, 1, 3, 8, 8)))
    torch.set_num_threads(before)
    for kind, alone in (("dealt", dealt), ("sampled", sampled)):
        save_statistics(alone, tmp_path / f"{kind}.yaml")
        expected = (tmp_path / f"{kind}.yaml").read_text()
        for rank in range(2):
            assert (tmp_path / f"{kind}{rank}.yaml").read_text() == expected
    assert load_statistics(tmp_path / "dealt1.yaml")["0:input0"].samples == BATCHES * 4


if __name__ == "__main__":
    work(Path(sys.argv[1]))
