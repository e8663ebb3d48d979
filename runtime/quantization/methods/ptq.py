"""Post-training quantization, with scales from the statistics of some data or from each tensor as it comes."""

from __future__ import annotations

from typing import Any

from torch import nn

from runtime.quantization.methods import method
from runtime.quantization.post_training import PostTrainLinearQuantizer

method(
    "ptq", "puts weights and activations on integers, with scales from what the first batches show", calibrates=True
)(PostTrainLinearQuantizer)


@method(
    "dynamic",
    "puts only what is multiplied with weights on integers, with scales from each tensor as it comes; needs no data",
    needs_data=False,
)
def dynamic(model: nn.Module, **settings: Any) -> PostTrainLinearQuantizer:
    return PostTrainLinearQuantizer(model, dynamic=True, **settings)
