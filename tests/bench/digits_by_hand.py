"""Networks written out for torch.ao by `rewriter fix --target torch-ao --entry`, beside those that torchvision has by hand.

    python -m tests.bench.digits_by_hand [--only NAME,NAME] [--epochs 1.0]

Both have the same weights, trained on handwritten digits. A row each: FloatFunctionals that a forward calls (in brackets
all that there are), what fuse_model() fuses in one of the two alone, the difference of the results before quantization,
and the accuracy in floating point, after calibration and after training with quantization, in percent.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.ao.nn.quantized import FloatFunctional

from tests.bench.digits_ao import BACKEND
from tests.bench.digits_data import Digits, accuracy, digits, train
from tests.bench.digits_models import define_schemas

PACKAGE = "for_torch_ao"
FILES = ("mobilenetv2", "resnet", "shufflenetv2", "googlenet", "inception")
ENTRIES = ("MobileNetV2", "ResNet", "ShuffleNetV2", "GoogLeNet", "Inception3")


@dataclass(frozen=True)
class Network:
    file: str
    ours: Callable[[Any], nn.Module]
    theirs: Callable[[Any], nn.Module]
    epochs: int
    size: int = 32
    images: int = 1000
    lr: float = 3e-3
    bfloat16: bool = False
    """Whether training, before any quantization, multiplies in bfloat16, which takes half as long."""


_PLAIN = {"num_classes": 10, "aux_logits": False, "init_weights": False}
_SHUFFLE: dict[str, Any] = {
    "stages_repeats": [4, 8, 4],
    "stages_out_channels": [24, 116, 232, 464, 1024],
    "num_classes": 10,
}
NETWORKS = {
    "mobilenet_v2": Network(
        "mobilenetv2", lambda m: m.MobileNetV2(num_classes=10), lambda m: m.QuantizableMobileNetV2(
            num_classes=10, block=m.QuantizableInvertedResidual), 12
    ),
    "resnet18": Network(
        "resnet", lambda m: m.ResNet(m.BasicBlock, [2, 2, 2, 2], num_classes=10),
        lambda m: m.QuantizableResNet(m.QuantizableBasicBlock, [2, 2, 2, 2], num_classes=10), 4, lr=1e-3
    ),
    "shufflenet_v2_x1_0": Network(  # on 32 pixels torch.ao cannot take the mean of its last image, by hand neither
        "shufflenetv2", lambda m: m.ShuffleNetV2(**_SHUFFLE), lambda m: m.QuantizableShuffleNetV2(**_SHUFFLE), 15, 64
    ),
    "googlenet": Network("googlenet", lambda m: m.GoogLeNet(**_PLAIN), lambda m: m.QuantizableGoogLeNet(**_PLAIN), 6),
    "inception_v3": Network(
        "inception", lambda m: m.Inception3(**_PLAIN), lambda m: m.QuantizableInception3(**_PLAIN), 6, 75, lr=2e-3,
        bfloat16=True
    ),
}  # fmt: skip


def written_out() -> Path:
    """Copies torchvision's models and rewrites the five; returns the folder of the package."""
    define_schemas()
    torchvision = importlib.import_module("torchvision")
    importlib.import_module("torchvision.models")
    package = Path(tempfile.mkdtemp(prefix="torch-ao-")) / PACKAGE
    source = Path(str(torchvision.__file__)).parent / "models"
    shutil.copytree(source, package / "models", ignore=shutil.ignore_patterns("quantization", "__pycache__"))
    paths = [str(package / "models" / f"{name}.py") for name in FILES]
    command = [sys.executable, "-m", "rewriter", "fix", "--isolated", "--unsafe-fixes", "--target", "torch-ao"]
    done = subprocess.run([*command, "--entry", ",".join(ENTRIES), *paths], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout + done.stderr)
    print(done.stdout.strip().splitlines()[-1])
    for name in [name for name in sys.modules if name.startswith("torchvision.")]:
        if not name.startswith("torchvision.models."):
            sys.modules[PACKAGE + name.removeprefix("torchvision")] = sys.modules[name]
    for name, path in ((PACKAGE, package), (f"{PACKAGE}.models", package / "models")):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(path)]
    for name in ("_api", "_meta", "_utils"):  # these register the models, once
        sys.modules[f"{PACKAGE}.models.{name}"] = importlib.import_module(f"torchvision.models.{name}")
    registry = importlib.import_module("torchvision.models._api")
    registry.BUILTIN_MODELS.clear()
    return package


def row(name: str, network: Network, share: float) -> str:
    ours_from = importlib.import_module(f"{PACKAGE}.models.{network.file}")
    theirs_from = importlib.import_module(f"torchvision.models.quantization.{network.file}")
    utils = importlib.import_module("torchvision.models.quantization.utils")
    torch.manual_seed(0)
    data = _resized(digits(0), network)
    ours, theirs = network.ours(ours_from), network.theirs(theirs_from)
    utils._replace_relu(theirs)
    epochs = max(1, round(network.epochs * share))
    optimizer = torch.optim.AdamW(ours.parameters(), lr=network.lr, weight_decay=1e-2)
    ours.to(memory_format=torch.channels_last if network.bfloat16 else torch.contiguous_format)
    # what it keeps of weights it would keep over all steps
    with torch.autocast("cpu", torch.bfloat16, enabled=network.bfloat16, cache_enabled=False):
        train(ours, optimizer, data, epochs, network.lr)
    ours.to(memory_format=torch.contiguous_format)  # torch.ao's mean over an image fails with channels last
    theirs.load_state_dict(ours.state_dict())
    theirs.eval()
    with torch.no_grad():
        apart = (ours(data.test_x[:50]) - theirs(data.test_x[:50])).abs().max().item()
    used = [f"{called(m, data)} ({functionals(m)})" for m in (ours, theirs)]
    exact = accuracy(ours, data)
    quantized = [f"{way(m, data):.2f}" for way in (calibrated, trained_on) for m in (ours, theirs)]
    return f"| {' | '.join([name, *used, fused_apart(ours, theirs), f'{apart:.1e}', f'{exact:.2f}', *quantized])} |"


def _resized(data: Digits, network: Network) -> Digits:
    def sized(x: torch.Tensor) -> torch.Tensor:
        x = x.contiguous()
        return F.interpolate(x, size=network.size, mode="bilinear") if network.size != x.shape[-1] else x

    few = slice(network.images)
    return replace(data, x=sized(data.x[few]), y=data.y[few], test_x=sized(data.test_x), test_y=data.test_y)


def functionals(model: nn.Module) -> int:
    return sum(isinstance(module, FloatFunctional) for module in model.modules())


def called(model: nn.Module, data: Digits) -> int:
    """How many FloatFunctionals a forward calls."""
    found: set[int] = set()
    model = copy.deepcopy(model).eval()
    for module in model.modules():
        if isinstance(module, FloatFunctional):
            seen = module.activation_post_process
            seen.register_forward_hook(lambda m, *_: found.add(id(m)))
    with torch.no_grad():
        model(data.test_x[:2])
    return len(found)


def fused(model: nn.Module) -> dict[str, str]:
    model = copy.deepcopy(model).eval()
    model.fuse_model()
    kinds = {name: type(m) for name, m in model.named_modules()}
    return {name: kind.__name__ for name, kind in kinds.items() if kind.__module__.startswith("torch.ao.nn.intrinsic")}


def fused_apart(ours: nn.Module, theirs: nn.Module) -> str:
    one, other = fused(ours), fused(theirs)
    alone = [
        f"{name}: {one.get(name)}, by hand {other.get(name)}"
        for name in {**one, **other}
        if one.get(name) != other.get(name)
    ]
    return f"{len(one)}, equal" if not alone else f"{len(one)}, {len(other)} by hand; {'; '.join(alone[:3])}"


def calibrated(trained: nn.Module, data: Digits) -> float:
    model: Any = copy.deepcopy(trained).eval()
    model.fuse_model()
    model.qconfig = torch.ao.quantization.get_default_qconfig(BACKEND)
    torch.ao.quantization.prepare(model, inplace=True)
    with torch.no_grad():
        for x in data.calibration():
            model(x)
    torch.ao.quantization.convert(model, inplace=True)
    return accuracy(model, data)


def trained_on(trained: nn.Module, data: Digits) -> float:
    torch.manual_seed(1)
    model: Any = copy.deepcopy(trained).train()
    model.fuse_model()
    model.qconfig = torch.ao.quantization.get_default_qat_qconfig(BACKEND)
    torch.ao.quantization.prepare_qat(model, inplace=True)
    train(model, torch.optim.AdamW(model.parameters(), lr=1e-4), data, 1, 1e-4)
    return accuracy(torch.ao.quantization.convert(model.eval()), data)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--epochs", type=float, default=1.0, help="times as many as each network has")
    options = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    torch.backends.quantized.engine = BACKEND
    written_out()
    for name in options.only.split(",") if options.only else NETWORKS:
        start = time.process_time()
        print(row(name, NETWORKS[name], options.epochs), f"{time.process_time() - start:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
