"""Average pooling and means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from runtime import kernels
from runtime.int8.counterparts.base import Int8Module
from runtime.int8.counterparts.windows import adaptive_sizes
from runtime.quantization.arithmetic import multiplier
from runtime.quantization.known import settings
from runtime.quantization.quantized.averages import spatial_dimensions, windows
from runtime.quantization.quantized.base import QuantizedModule


class Average(Int8Module):
    """An average pooling, an adaptive one, or a mean over dimensions."""

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        given, made = simulated.input_params[0], simulated.output_params
        assert given is not None and made is not None
        self.multiplier = multiplier([given.scale], made.scale).item()

    def on_codes(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
        codes, of = self.given(0, x)
        scales = (self.multiplier, of.zero, self.made().zero)
        inner = self.simulated.inner
        told = settings(inner, args, kwargs)
        if "dim" in told:
            return self._mean(codes, told, scales)
        dims = spatial_dimensions(inner)
        images = codes if codes.dim() == dims + 2 else codes.unsqueeze(0)
        if "output_size" in told:
            out = kernels.adaptive_avg_pool(images, adaptive_sizes(told["output_size"], images.shape[2:]), *scales)
        else:
            modes = (told["ceil_mode"], told["count_include_pad"], told.get("divisor_override"))
            out = kernels.avg_pool(images, *windows(told, dims), *modes, *scales)
        return self.made().held(out if images.dim() == codes.dim() else out.squeeze(0))

    def _mean(self, codes: Tensor, told: Mapping[str, Any], scales: Any) -> Tensor | None:
        if told.keys() - {"dim", "keepdim", "dtype"} or told["dtype"] is not None:
            return None
        dim = told["dim"]
        dims = range(codes.dim()) if dim is None or dim == () else [dim] if isinstance(dim, int) else dim
        return self.made().held(kernels.mean(codes, list(dims), told["keepdim"], *scales))
