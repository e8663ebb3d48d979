"""PACT: each activation learns where to be clipped (Choi et al., 2018); weights as in DoReFa-Net."""

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
from runtime.quantization.methods.dorefa import ONLY_RECTIFIED, dorefa_weight
from runtime.quantization.methods.qat import EIGHT_BITS
from runtime.quantization.overrides import QBits
from runtime.quantization.quantizer import Quantizer

SMALLEST_CLIP = 2.0**-10
"""A step of the optimizer may not take the range away altogether."""


class LearnedClippedActivation(nn.Module):
    """Holds its input between 0 and the parameter `clip_val`, whose gradient is that of everything above it."""

    def __init__(self, bits: int, initial: float) -> None:
        super().__init__()
        if initial <= 0:
            raise ValueError(f"an activation is clipped above zero, not at {initial}")
        self.grid = Grid(bits)
        self.clip_val = nn.Parameter(torch.tensor(float(initial)))

    def forward(self, x: Tensor) -> Tensor:
        clip = self.clip_val + (self.clip_val.clamp(min=SMALLEST_CLIP) - self.clip_val).detach()
        clipped = torch.where(x < clip, x.clamp(min=0), clip.to(x.dtype))
        return fake_quantize(clipped, qparams_from_range(torch.zeros_like(clip), clip, self.grid, symmetric=False))

    def extra_repr(self) -> str:
        return f"bits={self.grid.bits}"


@method(
    "pact",
    "trains weights as dorefa does, and learns where to clip each activation",
    needs_optimizer=True,
    no_integers=ONLY_RECTIFIED,
    defaults=EIGHT_BITS,
)
class PACTQuantizer(Quantizer):
    """Learned clips are a parameter group of their own, `act_clip_decay` its weight decay if given.

    The decay is what pulls a clip down to where rounding is finer, against the gradient of what it cuts off.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        bits_activations: int | None = None,
        bits_weights: int | None = None,
        bits_bias: int | None = None,
        overrides: OrderedDict[str, dict[str, Any]] | None = None,
        act_clip_init_val: float = 8.0,
        act_clip_decay: float | None = None,
    ) -> None:
        super().__init__(
            model, optimizer, bits_activations, bits_weights, bits_bias, overrides, train_with_fp_copy=True
        )
        self.act_clip_init_val = act_clip_init_val
        self.act_clip_decay = act_clip_decay
        self.param_quantization_fn = dorefa_weight
        self.replacement_factory.update(dict.fromkeys(classes_with(Trait.RECTIFIER), self._learned_clip))

    def _learned_clip(
        self, module: nn.Module, name: str, qbits_map: Mapping[str, QBits], act_clip_init_val: float | None = None
    ) -> nn.Module:
        bits = qbits_map[name].acts
        if bits is None:
            return module
        return LearnedClippedActivation(bits, act_clip_init_val or self.act_clip_init_val)

    def _new_parameter_groups(self, new: dict[str, nn.Parameter]) -> list[dict[str, Any]]:
        group: dict[str, Any] = {"params": list(new.values())}
        if self.act_clip_decay is not None:
            group["weight_decay"] = self.act_clip_decay
        return [group]
