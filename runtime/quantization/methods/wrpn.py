"""WRPN: weights clipped to [-1, 1], activations to [0, 1], each on a grid of that range (Mishra et al., 2017).

The method's other half, layers that are wider than those of the original network, is the model's to have.
"""

from __future__ import annotations

from torch import Tensor

from runtime.quantization.arithmetic import Grid, qparams_from_range
from runtime.quantization.fake_quantizers import fake_quantize
from runtime.quantization.methods import method
from runtime.quantization.methods.dorefa import ONLY_RECTIFIED, ClippingQuantizer
from runtime.quantization.methods.qat import EIGHT_BITS


def wrpn_weight(weight: Tensor, bits: int) -> Tensor:
    """Clipped to [-1, 1] and put on the 2**bits - 1 values of that range that lie evenly about zero."""
    grid = Grid(bits, signed=True, restricted=True)
    return fake_quantize(weight, qparams_from_range(-weight.new_ones(()), weight.new_ones(()), grid, symmetric=True))


@method(
    "wrpn",
    "trains weights clipped to [-1, 1], and activations between 0 and 1",
    needs_optimizer=True,
    no_integers=ONLY_RECTIFIED,
    defaults=EIGHT_BITS,
)
class WRPNQuantizer(ClippingQuantizer):
    """Trains weights of few bits from copies in floating point; the optimizer has to train them already."""

    put_on_grid = staticmethod(wrpn_weight)
