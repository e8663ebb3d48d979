"""Quantizers, from the arithmetic up.

Each name is imported when it is asked for, so that what needs only the arithmetic imports no quantizer.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "Grid": "arithmetic",
    "QParams": "arithmetic",
    "Quantizer": "quantizer",
    "PostTrainLinearQuantizer": "post_training",
    "QuantAwareTrainRangeLinearQuantizer": "aware",
    "DorefaQuantizer": "methods.dorefa",
    "LSQQuantizer": "methods.lsq",
    "PACTQuantizer": "methods.pact",
    "WRPNQuantizer": "methods.wrpn",
    "accuracy_control": "control",
    "calibrate": "calibration",
    "correct_biases": "bias_correction",
    "equalize": "equalization",
    "finish_training": "finish",
    "fold_batch_norms": "fusion",
    "load_checkpoint": "checkpoint",
    "load_statistics": "observers",
    "quantize": "front_door",
    "save_checkpoint": "checkpoint",
    "save_statistics": "observers",
    "search_bits": "bit_search",
    "sensitivity": "control",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
