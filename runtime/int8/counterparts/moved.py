"""Modules that give the codes that they are given: pooling by maximum, padding, reshaping, embeddings."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.modules.pooling import _AdaptiveMaxPoolNd, _MaxPoolNd

from runtime import kernels
from runtime.int8.counterparts.base import Int8Module, Int8Weights
from runtime.int8.counterparts.windows import adaptive_sizes, each_axis, spatial_dimensions
from runtime.quantization.picking import picks, zeros_around
from runtime.quantization.quantized.others import QuantizedEmbedding

MAX_POOLS = (_MaxPoolNd, _AdaptiveMaxPoolNd)


class Moved(Int8Module):
    """Runs the module itself, on codes where codes come and on floating point where that comes."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.given_back(self.simulated.inner(*args, **kwargs))


class Picked(Int8Module):
    """An image framed, or its elements repeated: with codes that are there, or the code of zero."""

    def on_codes(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
        codes, of = self.given(0, x)
        inner = self.simulated.inner
        if picks(inner, args, kwargs):
            return cast(Tensor, inner(codes, *args, **kwargs))
        widths = zeros_around(inner, args, kwargs)
        return None if widths is None else F.pad(codes, widths, value=of.zero)


class MaxPool(Int8Module):
    """The largest code of each window."""

    def on_codes(self, x: Tensor) -> Tensor | None:
        codes, _ = self.given(0, x)
        pool: Any = self.simulated.inner
        if pool.return_indices:
            return None
        dims = spatial_dimensions(pool)
        images = codes if codes.dim() == dims + 2 else codes.unsqueeze(0)
        if isinstance(pool, _AdaptiveMaxPoolNd):
            out = kernels.adaptive_max_pool(images, adaptive_sizes(pool.output_size, images.shape[2:]))
        else:
            kernel, stride = each_axis(pool.kernel_size, dims), each_axis(pool.stride, dims)
            padding, dilation = each_axis(pool.padding, dims), each_axis(pool.dilation, dims)
            out = kernels.max_pool(images, kernel, stride, padding, dilation, pool.ceil_mode)
        return out if images.dim() == codes.dim() else out.squeeze(0)


class Embedding(Int8Weights):
    """Rows of codes. Buffer: `weight` uint8."""

    def __init__(self, simulated: QuantizedEmbedding) -> None:
        super().__init__(simulated)
        self.integers = simulated.integers.to(torch.uint8)

    def on_codes(self, tokens: Tensor) -> Tensor:
        return self.integers[tokens]
