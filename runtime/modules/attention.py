"""The modular twin of `nn.MultiheadAttention`.

Its projections are `q_proj`, `k_proj`, `v_proj` and torch's own `out_proj`, whatever is attended to what; torch packs
the first three in `in_proj_weight` where the sizes allow it, so each holds the packed Parameter and uses its rows.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.nn.parameter import Parameter

from runtime.modules.operations import BatchMatmul, Concat, EltWiseMult, Mean
from runtime.modules.twin import DropoutTwin


class LinearRows(nn.Linear):
    """An `nn.Linear` whose weight and bias are rows of Parameters that it shares with others.

    `weight` and `bias` read as those of any Linear, with gradients flowing to the packed Parameters.
    """

    def __init__(
        self, weight: Parameter, bias: Parameter | None, weight_start: int, bias_start: int, rows: int
    ) -> None:
        nn.Module.__init__(self)
        self.in_features = weight.shape[1]
        self.out_features = rows
        self.weight_start = weight_start
        self.bias_start = bias_start
        self.register_parameter("packed_weight", weight)
        self.register_parameter("packed_bias", bias)

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        packed = self.packed_weight
        assert isinstance(packed, Tensor)
        return packed[self.weight_start : self.weight_start + self.out_features]

    @property
    def bias(self) -> Tensor | None:  # type: ignore[override]
        packed = self.packed_bias
        return packed[self.bias_start : self.bias_start + self.out_features] if isinstance(packed, Tensor) else None


class MaskedSoftmax(nn.Softmax):
    """Softmax over the last dimension of `scores + mask`.

    The mask is added here and not by a module of its own: the sum holds -inf, for which no quantizer has a range.
    """

    def forward(self, scores: Tensor, mask: Tensor | None = None, zero_if_all_masked: bool = False) -> Tensor:
        if mask is None:
            return super().forward(scores)
        if not zero_if_all_masked:
            return super().forward(scores + mask)
        # Zero and not NaN, in the gradients too, which is why the scores of such a row are made finite first.
        all_masked = (mask == -math.inf).all(dim=-1, keepdim=True)
        weights = super().forward((scores + mask).masked_fill(all_masked, 0.0))
        return weights.masked_fill(all_masked, 0.0)


class MultiheadAttention(DropoutTwin, nn.MultiheadAttention):
    """`nn.MultiheadAttention` made of parts."""

    original = nn.MultiheadAttention
    q_proj: nn.Module
    k_proj: nn.Module
    v_proj: nn.Module
    concat_bias_k: nn.Module
    concat_bias_v: nn.Module
    concat_zero_k: nn.Module
    concat_zero_v: nn.Module
    scale: nn.Module
    scores: nn.Module
    softmax: nn.Module
    attention_dropout: nn.Module
    context: nn.Module
    average: nn.Module

    def make_parts(self) -> None:
        size, bias = self.embed_dim, self._parameters["in_proj_bias"]
        for position, letter in enumerate("qkv"):
            packed = self._parameters["in_proj_weight"]
            start = position * size if packed is not None else 0
            weight = packed if packed is not None else self._parameters[f"{letter}_proj_weight"]
            assert weight is not None
            self.add_part(f"{letter}_proj", LinearRows(weight, bias, start, position * size, size))
        for name in ("k", "v"):
            if self.bias_k is not None:
                self.add_part(f"concat_bias_{name}", Concat(dim=0))
            if self.add_zero_attn:
                self.add_part(f"concat_zero_{name}", Concat(dim=1))
        self.add_part("scale", EltWiseMult())
        self.add_part("scores", BatchMatmul())
        self.add_part("softmax", MaskedSoftmax(dim=-1))
        self.add_part("attention_dropout", nn.Dropout(self.dropout))
        self.add_part("context", BatchMatmul())
        self.add_part("average", Mean(dim=1))
        # Torch's subclass says "do not quantize me: my weight is read, I am not called". Here it is called.
        linear: nn.Module = self.out_proj
        linear.__class__ = nn.Linear

    def undo_parts(self) -> None:
        linear: nn.Module = self.out_proj
        linear.__class__ = NonDynamicallyQuantizableLinear

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if not self._accepts(query, key, value, key_padding_mask, attn_mask, is_causal):
            # What torch refuses, torch refuses in its own words.
            return super().forward(
                query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal
            )
        batched = query.dim() == 3
        key_padding_mask, attn_mask = canonical_masks(key_padding_mask, attn_mask, query.dtype)
        if not batched:
            query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        elif self.batch_first:
            query, key, value = query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1)
        length, batch, _ = query.shape

        q, k, v = self._project(query, key, value)
        if is_causal and key_padding_mask is None and not need_weights:
            # Torch then takes the hint for the mask.
            attn_mask = torch.full((length, k.shape[1]), -math.inf, dtype=q.dtype, device=q.device).triu(1)
        mask = self._merged_mask(attn_mask, key_padding_mask, k.shape[1])
        scores = self.scores(self.scale(q, self.head_dim**-0.5), k.transpose(1, 2))
        if mask is None:
            weights = self.softmax(scores)
        else:
            weights = self.softmax(scores, mask, zero_if_all_masked=not need_weights)
        weights = self.attention_dropout(weights)
        context = self.context(weights, v).transpose(0, 1).reshape(length, batch, self.embed_dim)
        output: Tensor = self.out_proj(context)

        if not batched:
            output = output.squeeze(1)
        elif self.batch_first:
            output = output.transpose(0, 1)
        return output, self._returned(weights, batch, batched, average_attn_weights) if need_weights else None

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The three as (batch * heads, length, head_dim), with what the options add to keys and values."""
        q, k, v = self.q_proj(query), self.k_proj(key), self.v_proj(value)
        if self.bias_k is not None and self.bias_v is not None:
            k = self.concat_bias_k(k, self.bias_k.repeat(1, k.shape[1], 1))
            v = self.concat_bias_v(v, self.bias_v.repeat(1, v.shape[1], 1))
        q, k, v = (t.reshape(t.shape[0], t.shape[1] * self.num_heads, self.head_dim).transpose(0, 1) for t in (q, k, v))
        if self.add_zero_attn:
            k = self.concat_zero_k(k, k.new_zeros(k.shape[0], 1, self.head_dim))
            v = self.concat_zero_v(v, v.new_zeros(v.shape[0], 1, self.head_dim))
        return q, k, v

    def _merged_mask(self, attn_mask: Tensor | None, padding: Tensor | None, length: int) -> Tensor | None:
        """Both masks as one, (1 or batch * heads, 1 or target, source); what was added to the keys is never masked."""
        if attn_mask is not None:
            attn_mask = attn_mask if attn_mask.dim() == 3 else attn_mask.unsqueeze(0)
            attn_mask = F.pad(attn_mask, (0, length - attn_mask.shape[-1]))
        if padding is None:
            return attn_mask
        padding = F.pad(padding, (0, length - padding.shape[-1]))
        padding = padding.repeat_interleave(self.num_heads, dim=0).unsqueeze(1)
        return padding if attn_mask is None else attn_mask + padding

    def _returned(self, weights: Tensor, batch: int, batched: bool, average: bool) -> Tensor:
        weights = weights.reshape(batch, self.num_heads, *weights.shape[1:])
        if average:
            weights = self.average(weights)
        return weights if batched else weights.squeeze(0)

    def _accepts(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        padding: Tensor | None,
        attn_mask: Tensor | None,
        is_causal: bool,
    ) -> bool:
        """Whether these are arguments that torch takes, outside its path for nested tensors."""
        dims = query.dim()
        if query.is_nested or dims not in (2, 3) or key.dim() != dims or value.dim() != dims:
            return False
        sizes = (query.shape[-1], key.shape[-1], value.shape[-1])
        if sizes != (self.embed_dim, self.kdim, self.vdim) or key.shape[:-1] != value.shape[:-1]:
            return False
        masks = [m for m in (padding, attn_mask) if m is not None]
        if not all(m.dtype == torch.bool or m.is_floating_point() for m in masks):
            return False
        if is_causal and attn_mask is None:
            return False
        sequence = 1 if dims == 3 and self.batch_first else 0
        target, source = query.shape[sequence], key.shape[sequence]
        batch = 1 if dims == 2 else query.shape[1 - sequence]
        if dims == 3 and key.shape[1 - sequence] != batch:
            return False
        if padding is not None and padding.shape != ((source,) if dims == 2 else (batch, source)):
            return False
        return attn_mask is None or attn_mask.shape in (
            (target, source),
            (batch * self.num_heads, target, source),
        )


def canonical_masks(
    padding: Tensor | None,
    attn_mask: Tensor | None,
    dtype: torch.dtype,
    names: tuple[str, str] = ("key_padding_mask", "attn_mask"),
) -> tuple[Any, Any]:
    """Both as something to add, by torch's own rules and with its warnings."""
    padding = F._canonical_mask(padding, names[0], F._none_or_dtype(attn_mask), names[1], dtype)
    return padding, F._canonical_mask(attn_mask, names[1], None, "", dtype, check_other=False)
