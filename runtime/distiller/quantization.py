"""The quantizers of `distiller.quantization`, with its arguments."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from runtime.distiller.lstm_names import with_own_names
from runtime.distiller.ranges import ClipMode, SymmetricRange, ranges_from, rule_for
from runtime.inspect.statistics import CallStatistics, load_activation_statistics
from runtime.quantization.aware import QuantAwareTrainRangeLinearQuantizer
from runtime.quantization.methods.dorefa import DorefaQuantizer
from runtime.quantization.methods.pact import PACTQuantizer
from runtime.quantization.methods.wrpn import WRPNQuantizer
from runtime.quantization.modes import LinearQuantMode
from runtime.quantization.observers import Statistics
from runtime.quantization.overrides import QBits
from runtime.quantization.post_training import PostTrainLinearQuantizer as _PostTrainLinearQuantizer
from runtime.quantization.post_training import Ranges
from runtime.quantization.quantizer import Quantizer

__all__ = [
    "ClipMode",
    "DorefaQuantizer",
    "LinearQuantMode",
    "PACTQuantizer",
    "PostTrainLinearQuantizer",
    "QBits",
    "QuantAwareTrainRangeLinearQuantizer",
    "Quantizer",
    "WRPNQuantizer",
]

Mode = LinearQuantMode | str | Mapping[str, Any]


class PostTrainLinearQuantizer(_PostTrainLinearQuantizer):
    """`runtime.quantization.PostTrainLinearQuantizer` with Distiller's arguments.

    `model_activation_stats` is a file or dictionary of Distiller's, or what `calibrate` or `activation_statistics`
    returned; without it scales are taken from each tensor as it comes. A symmetric mode makes ranges of activations
    symmetric about zero; weights are always symmetric. `overrides` name parts of LSTMs as Distiller does or as they
    are, and may give `clip_acts` and `fp16` besides bits.
    """

    def __init__(
        self,
        model: nn.Module,
        bits_activations: int | None = 8,
        bits_parameters: int | None = 8,
        bits_accum: int = 32,
        overrides: OrderedDict[str, dict[str, Any]] | None = None,
        mode: Mode = LinearQuantMode.SYMMETRIC,
        clip_acts: ClipMode | str = ClipMode.NONE,
        per_channel_wts: bool = False,
        model_activation_stats: Any = None,
        fp16: bool = False,
        clip_n_stds: float | None = None,
        clip_half_range: bool = False,
        scale_approx_mult_bits: int | None = None,
        inputs_quant_auto_fallback: bool = True,
        fpq_module: int | str | None = None,
        save_fp_weights: bool = False,
        also_clip_weights: bool = False,
        ranges: Ranges | None = None,
    ) -> None:
        _refuse(
            (bits_accum != 32, f"bits_accum={bits_accum}: sums are kept in 32 bits"),
            (scale_approx_mult_bits is not None, "scale_approx_mult_bits: scales are float32, and nothing else"),
            (not inputs_quant_auto_fallback, "inputs_quant_auto_fallback=False: inputs have ranges of their own"),
            (save_fp_weights, "save_fp_weights=True: weights are kept as integers; keep a copy of the float model"),
            (also_clip_weights, "also_clip_weights=True: weights keep their whole range"),
            (
                str(fpq_module) not in ("None", "16"),
                f"fpq_module={fpq_module}: only 16 is available",
            ),
        )
        self.activations = _activation_mode(mode)
        rule = rule_for(ClipMode(clip_acts), clip_n_stds)
        ours, calls = _statistics(model_activation_stats)
        if calls:
            found = ranges_from(calls, rule, bits_activations or 8, self.activations.symmetric)
            ranges = {**found, **(ranges or {})}
        overrides = _own_overrides(model, overrides, clip_n_stds, self.activations.symmetric)
        if fp16 or fpq_module is not None:
            overrides = OrderedDict([*(overrides or {}).items(), (".*", {"fp16": True})])
        super().__init__(
            model,
            bits_activations,
            bits_parameters,
            overrides,
            statistics=ours or None,
            activation_range=SymmetricRange(rule) if self.activations.symmetric else rule,
            ranges=ranges,
            per_channel_weights=per_channel_wts,
            dynamic=not ours and not ranges,
        )

    def _metadata_params(self) -> dict[str, Any]:
        """The ranges that were chosen stand for the statistics."""
        params = super()._metadata_params()
        return {key: value for key, value in params.items() if key != "model_activation_stats"}


def _refuse(*cases: tuple[bool, str]) -> None:
    refused = [why for asked, why in cases if asked]
    if refused:
        raise ValueError(f"not available here: {'; '.join(refused)}")


def _activation_mode(mode: Mode) -> LinearQuantMode:
    """That of the activations; weights have to be symmetric."""
    if isinstance(mode, Mapping):
        unknown = sorted(set(mode) - {"activations", "weights"})
        if unknown:
            raise ValueError(f"mode takes activations and weights, not {', '.join(unknown)}")
        activations = LinearQuantMode(mode.get("activations", LinearQuantMode.SYMMETRIC))
        weights = LinearQuantMode(mode.get("weights", LinearQuantMode.SYMMETRIC))
    else:
        activations = weights = LinearQuantMode(mode)
    if not weights.symmetric:
        raise ValueError(
            f"mode {weights.name} is not available for weights, whose integers lie about zero; write "
            f"mode={{'activations': '{activations.name}', 'weights': 'SYMMETRIC'}}"
        )
    return activations


def _statistics(given: Any) -> tuple[dict[str, Statistics], dict[str, CallStatistics]]:
    """Those of `calibrate`, or those that Distiller's files hold."""
    if given is None:
        return {}, {}
    if isinstance(given, (str, Path)):
        if not Path(given).is_file():
            raise ValueError(f"model_activation_stats: there is no file {given}")
        return {}, load_activation_statistics(given)
    if not isinstance(given, Mapping):
        raise TypeError(f"model_activation_stats must be a file, a dictionary or None, not {type(given).__name__}")
    if all(isinstance(one, Statistics) for one in given.values()):
        return dict(given), {}
    read = CallStatistics.from_plain
    return {}, {name: one if isinstance(one, CallStatistics) else read(one) for name, one in given.items()}


def _own_overrides(
    model: nn.Module, overrides: Mapping[str, Mapping[str, Any]] | None, clip_n_stds: float | None, symmetric: bool
) -> OrderedDict[str, dict[str, Any]] | None:
    """Distiller's settings as ours."""
    if overrides is not None and not isinstance(overrides, OrderedDict):
        raise TypeError(f"overrides must be a collections.OrderedDict or None, not {type(overrides).__name__}")
    named = with_own_names(model, overrides)
    for settings in (named or {}).values():
        if "bits_parameters" in settings:
            settings["bits_weights"] = settings.pop("bits_parameters")
        if "clip_acts" in settings:
            rule = rule_for(ClipMode(settings.pop("clip_acts")), settings.pop("clip_n_stds", clip_n_stds))
            settings["activation_range"] = SymmetricRange(rule) if symmetric else rule
        if str(settings.get("fpq_module")) == "16":
            settings["fp16"] = bool(settings.pop("fpq_module"))
    return named
