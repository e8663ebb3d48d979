"""What torch.ao's eager-mode quantization makes of the same trained network, by its tutorial."""

from __future__ import annotations

import copy
import itertools
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from tests.bench.digits_data import Digits, accuracy, train
from tests.bench.digits_models import torchvision_models

BACKEND = "x86"


def quantizable_mobilenet(trained: nn.Module, width: float) -> nn.Module:
    """torchvision's own port of MobileNetV2 for torch.ao, with the trained weights."""
    source = torchvision_models(rewritten=False).quantization
    port = source.QuantizableMobileNetV2(num_classes=10, width_mult=width, block=source.QuantizableInvertedResidual)
    port.load_state_dict(trained.state_dict())
    return port.to(memory_format=torch.channels_last)


def post_training(trained: nn.Module, width: float, data: Digits) -> tuple[float, int]:
    """Accuracy and bytes of the converted model: per-channel weights, histograms."""
    model: Any = quantizable_mobilenet(trained, width).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.backends.quantized.engine = BACKEND
        fuse(model, torch.ao.quantization.fuse_modules)
        model.qconfig = torch.ao.quantization.get_default_qconfig(BACKEND)
        torch.ao.quantization.prepare(model, inplace=True)
        for x in data.calibration():
            model(x)
        torch.ao.quantization.convert(model, inplace=True)
    return accuracy(model, data), quantized_bytes(model)


def aware_training(trained: nn.Module, width: float, data: Digits, epochs: int, lr: float) -> float:
    model: Any = quantizable_mobilenet(trained, width).train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.backends.quantized.engine = BACKEND
        fuse(model, torch.ao.quantization.fuse_modules_qat)
        model.qconfig = torch.ao.quantization.get_default_qat_qconfig(BACKEND)
        torch.ao.quantization.prepare_qat(model, inplace=True)
        train(model, torch.optim.AdamW(model.parameters(), lr=lr), data, epochs, lr)
        converted = torch.ao.quantization.convert(copy.deepcopy(model).eval())
    return accuracy(converted, data)


def fuse(model: nn.Module, fuse_modules: Any) -> None:
    """Convolutions with their normalizations. The port's own way is to put ReLU in the place of ReLU6 first, which
    makes another network of it.
    """
    for module in list(model.modules()):
        names = list(module._modules) if isinstance(module, nn.Sequential) else []
        for name, following in itertools.pairwise(names):
            if isinstance(module._modules[name], nn.Conv2d) and isinstance(module._modules[following], nn.BatchNorm2d):
                fuse_modules(module, [name, following], inplace=True)


def quantized_bytes(model: nn.Module) -> int:
    return sum(_bytes(value) for value in model.state_dict().values() if isinstance(value, Tensor))


def _bytes(tensor: Tensor) -> int:
    scales = 0
    if tensor.is_quantized and tensor.qscheme() == torch.per_channel_affine:
        scales = tensor.q_per_channel_scales().numel() * 16  # float64 scales, int64 zero points
    return tensor.numel() * tensor.element_size() + scales
