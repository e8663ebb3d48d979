"""DoReFa-Net: weights through tanh onto a grid in [-1, 1], activations held in [0, 1] (Zhou et al., 2016)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from rewriter.torch_api.traits import Trait
from runtime.quantization.arithmetic import Grid, qparams_from_range
from runtime.quantization.fake_quantizers import fake_quantize
from runtime.quantization.known import classes_with
from runtime.quantization.methods import method
from runtime.quantization.methods.qat import EIGHT_BITS
from runtime.quantization.overrides import QBits
from runtime.quantization.quantizer import Quantizer

ONLY_RECTIFIED = "only what a ReLU returns has a grid, so no layer knows the grids of all that it takes and returns"


class ClippedActivation(nn.Module):
    """Holds its input between 0 and `clip`, on the grid of that range."""

    def __init__(self, bits: int, clip: float = 1.0) -> None:
        super().__init__()
        self.grid = Grid(bits)
        self.clip = clip

    def forward(self, x: Tensor) -> Tensor:
        return fake_quantize(
            x, qparams_from_range(x.new_zeros(()), x.new_tensor(self.clip), self.grid, symmetric=False)
        )

    def extra_repr(self) -> str:
        return f"bits={self.grid.bits}, clip={self.clip}"


def clip_at_one(module: nn.Module, name: str, qbits_map: Mapping[str, QBits]) -> nn.Module:
    bits = qbits_map[name].acts
    return module if bits is None else ClippedActivation(bits)


def dorefa_weight(weight: Tensor, bits: int) -> Tensor:
    """`2 * quantized(tanh(w) / (2 * max|tanh(w)|) + 1/2) - 1`; one bit is the sign times the mean magnitude."""
    if bits == 1:
        sign = torch.where(weight >= 0, 1.0, -1.0) * weight.detach().abs().mean()
        return weight + (sign - weight).detach()
    squeezed = torch.tanh(weight)
    largest = squeezed.detach().abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    unit = qparams_from_range(weight.new_zeros(()), weight.new_ones(()), Grid(bits), symmetric=False)
    return 2 * fake_quantize(squeezed / (2 * largest) + 0.5, unit) - 1


class ClippingQuantizer(Quantizer):
    """Trains weights of few bits from copies in floating point; the optimizer has to train them already.

    What comes out of a rectifier is held between 0 and 1.
    """

    put_on_grid: staticmethod[[Tensor, int], Tensor]
    """What a method makes of a weight."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        bits_activations: int | None = None,
        bits_weights: int | None = None,
        bits_bias: int | None = None,
        overrides: OrderedDict[str, dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(
            model, optimizer, bits_activations, bits_weights, bits_bias, overrides, train_with_fp_copy=True
        )
        self.param_quantization_fn = self.put_on_grid
        self.replacement_factory.update(dict.fromkeys(classes_with(Trait.RECTIFIER), clip_at_one))


@method(
    "dorefa",
    "trains weights squeezed through tanh, and activations between 0 and 1",
    needs_optimizer=True,
    no_integers=ONLY_RECTIFIED,
    defaults=EIGHT_BITS,
)
class DorefaQuantizer(ClippingQuantizer):
    """Trains weights of few bits from copies in floating point; the optimizer has to train them already.

    Weights come out with 1 as their largest magnitude, so each layer should be followed by a normalization.
    """

    put_on_grid = staticmethod(dorefa_weight)
