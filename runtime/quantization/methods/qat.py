"""Training with rounding in the loop, on grids of the ranges that are seen."""

from __future__ import annotations

from runtime.quantization.aware import QuantAwareTrainRangeLinearQuantizer
from runtime.quantization.methods import method

EIGHT_BITS = {"bits_activations": 8, "bits_weights": 8}

method(
    "qat", "returns a model to be trained, whose values lie on grids of the ranges that training shows",
    defaults=EIGHT_BITS,
)(QuantAwareTrainRangeLinearQuantizer)  # fmt: skip
