"""Modules that return the codes that they are given: pooling by maximum, padding, reshaping, embeddings."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from runtime import kernels
from runtime.int8.counterparts.base import Int8Module, Int8Weights
from runtime.int8.counterparts.windows import adaptive_sizes
from runtime.quantization.known import row_of, settings
from runtime.quantization.picking import picks, zeros_around
from runtime.quantization.quantized.averages import each_axis, spatial_dimensions, windows
from runtime.quantization.quantized.others import QuantizedEmbedding


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

    def on_codes(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
        codes, _ = self.given(0, x)
        told, row = settings(self.simulated.inner, args, kwargs), row_of(self.simulated.inner)
        if row is None or row.returns != "tensor" or told.get("return_indices"):
            return None
        dims = spatial_dimensions(self.simulated.inner)
        images = codes if codes.dim() == dims + 2 else codes.unsqueeze(0)
        if "output_size" in told:
            out = kernels.adaptive_max_pool(images, adaptive_sizes(told["output_size"], images.shape[2:]))
        else:
            dilation = each_axis(told["dilation"], dims)
            out = kernels.max_pool(images, *windows(told, dims), dilation, told["ceil_mode"])
        return out if images.dim() == codes.dim() else out.squeeze(0)


class Embedding(Int8Weights):
    """Rows of codes. Buffer: `weight` uint8."""

    def __init__(self, simulated: QuantizedEmbedding) -> None:
        super().__init__(simulated)
        self.integers = simulated.integers.to(torch.uint8)

    def on_codes(self, tokens: Tensor) -> Tensor:
        return self.integers[tokens]
