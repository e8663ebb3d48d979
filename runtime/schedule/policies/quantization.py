"""Quantization from a certain epoch on."""

from __future__ import annotations

from typing import Any

from torch import nn

from runtime.quantization.quantizer import Quantizer
from runtime.schedule.masks import Masks
from runtime.schedule.policy import Moment, ScheduledTrainingPolicy


class QuantizationPolicy(ScheduledTrainingPolicy):
    """Prepares the model at the beginning of its first epoch; weights that are copies are quantized after each step."""

    def __init__(self, quantizer: Quantizer, dummy_input: Any = None) -> None:
        self.quantizer = quantizer
        self.dummy_input = dummy_input

    def on_epoch_begin(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        if not self.quantizer.prepared:
            self.quantizer.prepare_model(self.dummy_input)

    def on_minibatch_end(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        self.quantizer.quantize_params()  # the masks have changed them since the optimizer's step

    def state_dict(self) -> dict[str, Any]:
        return {"prepared": self.quantizer.prepared}

    def prepare_to_load(self, model: nn.Module, masks: Masks, state: dict[str, Any], optimizer: Any) -> None:
        if state["prepared"] and not self.quantizer.prepared:
            self.quantizer.prepare_model(self.dummy_input)
