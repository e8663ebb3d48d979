"""Quantization from a certain epoch on."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from runtime.quantization.quantizer import Quantizer
from runtime.schedule.masks import Masks
from runtime.schedule.policy import Moment, ScheduledTrainingPolicy
from runtime.user_line import warn


class QuantizationPolicy(ScheduledTrainingPolicy):
    """Prepares the model at the beginning of its first epoch; weights that are copies are quantized after each step."""

    def __init__(self, quantizer: Quantizer, dummy_input: Any = None) -> None:
        self.quantizer = quantizer
        self.dummy_input = dummy_input

    def on_epoch_begin(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        if not self.quantizer.prepared:
            self.quantizer.prepare_model(self.dummy_input)
            self._warn_of_grids_without_zero(masks)

    def _warn_of_grids_without_zero(self, masks: Masks) -> None:
        function = self.quantizer.param_quantization_fn
        pruned = {id(mask.parameter) for mask in masks.values() if mask.mask is not None}
        for found in self.quantizer.params_to_quantize:
            if function is None or id(getattr(found.module, found.float_name)) not in pruned:
                continue
            if function(torch.tensor([0.0, 1.0]), found.bits)[0] != 0:
                warn(
                    f"{type(self.quantizer).__name__} has no zero among its {found.bits}-bit weights, so what "
                    f"is pruned in {found.module_name!r} is not zero when it is quantized; other quantizers keep zeros"
                )
                return

    def on_minibatch_end(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        self.quantizer.quantize_params()  # the masks have changed them since the optimizer's step

    def state_dict(self) -> dict[str, Any]:
        return {"prepared": self.quantizer.prepared}

    def prepare_to_load(self, model: nn.Module, masks: Masks, state: dict[str, Any], optimizer: Any) -> None:
        if state["prepared"] and not self.quantizer.prepared:
            self.quantizer.prepare_model(self.dummy_input)
