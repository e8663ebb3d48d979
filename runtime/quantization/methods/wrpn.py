"""WRPN: weights clipped to [-1, 1], activations to [0, 1], each on a grid of that range (Mishra et al., 2017).

The method's other half, layers that are wider than those of the original network, is the model's to have.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from rewriter.torch_api.traits import Trait
from runtime.quantization.arithmetic import Grid, qparams_from_range
from runtime.quantization.fake_quantizers import fake_quantize
from runtime.quantization.known import classes_with
from runtime.quantization.methods import method
from runtime.quantization.methods.dorefa import ONLY_RECTIFIED, clip_at_one
from runtime.quantization.methods.qat import EIGHT_BITS
from runtime.quantization.quantizer import Quantizer


@method(
    "wrpn",
    "trains weights clipped to [-1, 1], and activations between 0 and 1",
    needs_optimizer=True,
    no_integers=ONLY_RECTIFIED,
    defaults=EIGHT_BITS,
)
class WRPNQuantizer(Quantizer):
    """Trains weights of few bits from copies in floating point; the optimizer has to train them already."""

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
        self.param_quantization_fn = wrpn_weight
        self.replacement_factory.update(dict.fromkeys(classes_with(Trait.RECTIFIER), clip_at_one))


def wrpn_weight(weight: Tensor, bits: int) -> Tensor:
    """Clipped to [-1, 1] and put on the 2**bits - 1 values of that range that lie evenly about zero."""
    grid = Grid(bits, signed=True, restricted=True)
    return fake_quantize(weight, qparams_from_range(-weight.new_ones(()), weight.new_ones(()), grid, symmetric=True))
