"""The networks of `tests.bench.digits`, out of torchvision's source as `rewriter` has rewritten it."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

import runtime.modules

PACKAGE = "rewritten_torchvision"


def mobilenet(width: float) -> nn.Module:
    """MobileNetV2 for ten classes."""
    return torchvision_models(rewritten=True).mobilenetv2.MobileNetV2(num_classes=10, width_mult=width)


def vision_transformer(width: float) -> nn.Module:
    """A ViT of four layers on 8x8 patches."""
    size = 16 * max(round(96 * width / 16), 1)
    return torchvision_models(rewritten=True).vision_transformer.VisionTransformer(
        image_size=32, patch_size=8, num_layers=4, num_heads=4, hidden_dim=size, mlp_dim=2 * size, num_classes=10
    )


class RowReader(nn.Module):
    """Reads an image row by row with an LSTM and classifies what it remembers at the end."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.lstm = runtime.modules.LSTM(32, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 10)

    def forward(self, x: Tensor) -> Tensor:
        outputs, _ = self.lstm(x[:, 0])
        logits: Tensor = self.fc(outputs[:, -1])
        return logits


def row_reader(width: float) -> nn.Module:
    return RowReader(max(round(192 * width), 8))


@cache
def torchvision_models(rewritten: bool) -> Any:
    """torchvision's model modules, as they are or out of a copy that was rewritten."""
    define_schemas()
    torchvision = importlib.import_module("torchvision")
    name = "torchvision"
    if rewritten:
        name = PACKAGE
        _rewrite(Path(str(torchvision.__file__)).parent / "models")
    modules = {"mobilenetv2": "mobilenetv2", "vision_transformer": "vision_transformer"}
    if not rewritten:
        modules["quantization"] = "quantization.mobilenetv2"
    return SimpleNamespace(**{key: importlib.import_module(f"{name}.models.{path}") for key, path in modules.items()})


def define_schemas() -> None:
    """A torchvision built for CUDA loads no operators on a machine without it, but registers kernels for these."""
    for schema in (
        "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    ):
        try:
            torch.library.define(f"torchvision::{schema.partition('(')[0]}", "(" + schema.partition("(")[2])
        except RuntimeError as error:
            if "already" not in str(error) and "multiple times" not in str(error):
                raise


def _rewrite(models: Path) -> None:
    """Copies the folder, rewrites the copy, and puts it beside aliases of torchvision's other modules."""
    root = Path(tempfile.mkdtemp(prefix="rewritten-"))
    package = root / PACKAGE
    shutil.copytree(models, package / "models")
    command = [sys.executable, "-m", "rewriter", "fix", "--unsafe-fixes", str(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    print(done.stdout.strip().splitlines()[-1])
    for name in [name for name in sys.modules if name.startswith("torchvision.")]:
        if not name.startswith("torchvision.models"):
            sys.modules[PACKAGE + name.removeprefix("torchvision")] = sys.modules[name]
    # Without running models/__init__.py: some of its files register themselves in torchvision, where they are already.
    for name, path in ((PACKAGE, package), (f"{PACKAGE}.models", package / "models")):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(path)]
