"""Small quantized models, and a comparison of converted ones with what they simulate, module by module."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from runtime.int8.counterparts.base import Int8Module
from runtime.modules import Concat, EltWiseAdd, EltWiseMult
from runtime.quantization.calibration import calibrate
from runtime.quantization.post_training import PostTrainLinearQuantizer
from runtime.quantization.quantized.base import QuantizedModule


class SmallNet(nn.Module):
    """Convolutions with normalizations and ReLU, a residual, a concatenation, poolings and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU()
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.norm2 = nn.BatchNorm2d(8)
        self.relu6 = nn.ReLU6()
        self.add = EltWiseAdd(inplace=True)
        self.relu2 = nn.ReLU()
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.branch = nn.Conv2d(8, 6, 1)
        self.silu = nn.SiLU()
        self.concat = Concat(dim=1)
        self.gate = nn.Conv2d(14, 14, 1)
        self.sigmoid = nn.Sigmoid()
        self.mul = EltWiseMult()
        self.average = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(14, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.conv(x)))
        out = self.relu6(self.norm2(self.depthwise(x)))
        out = self.pool(self.relu2(self.add(out, x)))
        out = self.concat([out, self.silu(self.branch(out))])
        out = self.mul(out, self.sigmoid(self.gate(out)))
        logits: Tensor = self.fc(torch.flatten(self.average(out), 1))
        return logits


def random_state(model: nn.Module, seed: int = 0) -> nn.Module:
    """Normalizations that do something, so that folding them shows."""
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(std=0.2)
            module.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    return model.eval()


def quantized(model: nn.Module, *inputs: Any, **settings: Any) -> nn.Module:
    """`model` after calibration on its inputs."""
    model = copy.deepcopy(model).eval()
    quantizer = PostTrainLinearQuantizer(model, statistics=calibrate(model, [inputs]), **settings)
    quantizer.prepare_model(inputs)
    return model


def small_net(**settings: Any) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    x = torch.randn(4, 3, 17, 17)
    return quantized(random_state(SmallNet()), x, **settings), x


def results(model: nn.Module, kind: Any, *inputs: Any) -> tuple[Any, list[tuple[str, list[Tensor]]]]:
    """What the model gives, and in order what each of its modules of this kind gives."""
    seen: list[tuple[str, list[Tensor]]] = []
    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, kind):

            def keep(module: nn.Module, args: Any, output: Any, name: str = name) -> None:
                seen.append((name, [leaf.clone() for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]))

            hooks.append(module.register_forward_hook(keep))
    with torch.no_grad():
        output = model(*inputs)
    for hook in hooks:
        hook.remove()
    return output, seen


def differences(model: nn.Module, converted: nn.Module, *inputs: Any) -> dict[str, int]:
    """By how many codes a module's result differs from what is simulated, at most; only where it differs at all.

    Both get copies of the inputs. Results in floating point must be equal, else they count as 256 codes.
    """
    modules = dict(model.named_modules())
    exact, simulated = results(model, QuantizedModule, *copy.deepcopy(inputs))
    output, computed = results(converted, (Int8Module, QuantizedModule), *copy.deepcopy(inputs))
    assert [name for name, _ in computed] == [name for name, _ in simulated]
    found: dict[str, int] = {}
    for (name, wanted), (_, given) in zip(simulated, computed, strict=True):
        simulating = modules[name]
        assert isinstance(simulating, QuantizedModule)
        params = simulating.output_params
        for x, y in zip(wanted, given, strict=True):
            assert x.shape == y.shape, name
            if y.dtype == torch.uint8:
                assert params is not None
                codes = torch.round(x / params.scale) + params.zero_point
                off = int((codes - y.float()).abs().max())
            else:
                off = 0 if torch.equal(x, y.to(x.dtype)) else 256
            if off:
                found[name] = max(off, found.get(name, 0))
    for x, y in zip(tree_leaves(exact), tree_leaves(output), strict=True):
        if not torch.equal(x, y):
            found["the model itself"] = 256
    return found
