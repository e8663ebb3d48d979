"""Average pooling and means."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

import runtime.modules as wrappers
from runtime import kernels
from runtime.int8.counterparts.base import Int8Module
from runtime.int8.counterparts.windows import adaptive_sizes, each_axis, spatial_dimensions
from runtime.quantization.arithmetic import multiplier
from runtime.quantization.quantized.averages import ADAPTIVE, WINDOWED
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
        if isinstance(inner, wrappers.Mean):
            return self._mean(codes, inner, args, kwargs, scales)
        if args or kwargs:
            return None
        dims = spatial_dimensions(inner)
        images = codes if codes.dim() == dims + 2 else codes.unsqueeze(0)
        if isinstance(inner, ADAPTIVE):
            out = kernels.adaptive_avg_pool(images, adaptive_sizes(inner.output_size, images.shape[2:]), *scales)
        else:
            out = _pooled(images, inner, scales)
        return self.made().held(out if images.dim() == codes.dim() else out.squeeze(0))

    def _mean(self, codes: Tensor, inner: wrappers.Mean, args: Any, kwargs: Any, scales: Any) -> Tensor | None:
        settings = {**inner.fixed, **dict(zip(("dim", "keepdim"), args, strict=False)), **kwargs}
        dim, keepdim = settings.pop("dim", None), settings.pop("keepdim", False)
        if settings or len(args) > 2:
            return None
        dims = range(codes.dim()) if dim is None or dim == () else [dim] if isinstance(dim, int) else dim
        return self.made().held(kernels.mean(codes, list(dims), keepdim, *scales))


def _pooled(images: Tensor, pool: nn.Module, scales: tuple[float, int, int]) -> Tensor:
    assert isinstance(pool, WINDOWED)
    dims = images.dim() - 2
    kernel, stride, padding = (each_axis(size, dims) for size in (pool.kernel_size, pool.stride, pool.padding))
    settings = (pool.ceil_mode, pool.count_include_pad, getattr(pool, "divisor_override", None))
    return kernels.avg_pool(images, kernel, stride, padding, *settings, *scales)
