"""Modular twins of torch's Transformer: its layers, its stacks of layers, and the whole.

The layers never take torch's fused inference path, which hides every operation; the results are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.transformer import _detect_is_causal_mask, _get_seq_len

from rewriter.torch_api.catalogue import ROWS
from rewriter.torch_api.traits import Trait
from runtime.modules.attention import MultiheadAttention, canonical_masks
from runtime.modules.operations import EltWiseAdd
from runtime.modules.twin import Twin, make_twin, unmake_twin


def _activations() -> Iterator[tuple[Callable[..., Tensor], type[nn.Module]]]:
    for row in ROWS:
        plain = Trait.TABLE in row.traits and Trait.RANDOM not in row.traits and row.target.startswith("torch.nn.")
        for spelling in row.spellings if plain else ():
            is_function = spelling.name.startswith("torch.") and not spelling.name.startswith("torch.Tensor.")
            if is_function and not spelling.inplace and not any(p.required for p in spelling.parameters[1:]):
                yield _found(spelling.name), _found(row.target)


def _found(full_name: str) -> Any:
    return reduce(getattr, full_name.split(".")[1:], torch)


ACTIVATIONS = dict(_activations())
"""Functions of one tensor, and the modules that are told nothing and compute the same."""


class ActivationFunction(nn.Module):
    """A function of the user's own, called as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input)

    def extra_repr(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))


class LayerTwin(Twin):
    """What encoder and decoder layers have in common: attention, activation and residual additions as parts."""

    additions = 0
    norm_first: bool
    activation: Any
    add1: nn.Module
    add2: nn.Module
    add3: nn.Module

    def make_parts(self) -> None:
        for attention in ("self_attn", "multihead_attn"):
            if type(self._modules.get(attention)) is nn.MultiheadAttention:
                make_twin(getattr(self, attention), MultiheadAttention)
        if not isinstance(self.activation, nn.Module):
            self._activation_function = self.activation
            known = ACTIVATIONS.get(self.activation)
            self.activation = known() if known is not None else ActivationFunction(self.activation)
            self.activation.train(self.training)
        for number in range(1, self.additions + 1):
            self.add_part(f"add{number}", EltWiseAdd())

    def undo_parts(self) -> None:
        for attention in ("self_attn", "multihead_attn"):
            if isinstance(self._modules.get(attention), Twin):
                unmake_twin(getattr(self, attention))
        if "_activation_function" in self.__dict__:
            del self.activation
            self.activation = self.__dict__.pop("_activation_function")

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Not torch's: its decoder layer takes an activation that is a module for a missing one, and uses F.relu.
        nn.Module.__setstate__(self, state)  # type: ignore[no-untyped-call]

    def _residual(self, add: nn.Module, norm: nn.Module, x: Tensor, block: Callable[[Tensor], Tensor]) -> Tensor:
        result: Tensor = add(x, block(norm(x))) if self.norm_first else norm(add(x, block(x)))
        return result


class TransformerEncoderLayer(LayerTwin, nn.TransformerEncoderLayer):
    """`nn.TransformerEncoderLayer` made of parts."""

    original = nn.TransformerEncoderLayer
    additions = 2

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        padding, mask = canonical_masks(src_key_padding_mask, src_mask, src.dtype, ("src_key_padding_mask", "src_mask"))

        def attend(x: Tensor) -> Tensor:
            return self._sa_block(x, mask, padding, is_causal=is_causal)

        x = self._residual(self.add1, self.norm1, src, attend)
        return self._residual(self.add2, self.norm2, x, self._ff_block)


class TransformerDecoderLayer(LayerTwin, nn.TransformerDecoderLayer):
    """`nn.TransformerDecoderLayer` made of parts."""

    original = nn.TransformerDecoderLayer
    additions = 3

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        def attend_self(x: Tensor) -> Tensor:
            return self._sa_block(x, tgt_mask, tgt_key_padding_mask, tgt_is_causal)

        def attend_memory(x: Tensor) -> Tensor:
            return self._mha_block(x, memory, memory_mask, memory_key_padding_mask, memory_is_causal)

        x = self._residual(self.add1, self.norm1, tgt, attend_self)
        x = self._residual(self.add2, self.norm2, x, attend_memory)
        return self._residual(self.add3, self.norm3, x, self._ff_block)


class StackTwin(Twin):
    """Layers of torch's own among those given become twins too: the stack has made copies of its own of them."""

    def make_parts(self) -> None:
        for module in list(self.modules()):
            twin = LAYERS.get(type(module))
            if twin is not None:
                make_twin(module, twin)

    def undo_parts(self) -> None:
        for module in list(self.modules()):
            if module is not self and isinstance(module, Twin):
                unmake_twin(module)


class TransformerEncoder(StackTwin, nn.TransformerEncoder):
    """`nn.TransformerEncoder` over layers made of parts."""

    original = nn.TransformerEncoder

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        zero_padding = self._zeroes_padding(src, mask, src_key_padding_mask)
        padding, mask = canonical_masks(src_key_padding_mask, mask, src.dtype, ("src_key_padding_mask", "mask"))
        first = self.layers[0]
        batch_first = first.self_attn.batch_first
        is_causal = _detect_is_causal_mask(mask, is_causal, _get_seq_len(src, bool(batch_first)))
        output = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, is_causal=is_causal, src_key_padding_mask=padding)
        if zero_padding:
            output = output.masked_fill((padding != 0).unsqueeze(-1), 0.0)
        return output if self.norm is None else self.norm(output)

    def _zeroes_padding(self, src: Tensor, mask: Tensor | None, padding: Tensor | None) -> bool:
        """Whether torch would drop the padding for speed, by way of nested tensors, and return zeros in its place."""
        first = self.layers[0]
        if padding is None or mask is not None or src.dim() != 3 or not self.use_nested_tensor or first.training:
            return False
        if not torch.backends.mha.get_fastpath_enabled() or torch.is_autocast_enabled():
            return False
        if torch.is_grad_enabled() and (src.requires_grad or any(p.requires_grad for p in first.parameters())):
            return False
        if not self.mask_check:
            return True
        if torch.compiler.is_compiling():
            return False
        kept = padding.logical_not() if padding.dtype == torch.bool else padding == 0
        return bool(torch._nested_tensor_from_mask_left_aligned(src, kept))


class TransformerDecoder(StackTwin, nn.TransformerDecoder):
    """`nn.TransformerDecoder` over layers made of parts."""

    original = nn.TransformerDecoder

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Torch's copies of a decoder layer whose activation is a module compute F.relu; the same is computed here.
        for layer in self.layers:
            if isinstance(layer, TransformerDecoderLayer) and "_activation_function" not in layer.__dict__:
                layer.activation = nn.ReLU().train(layer.training)


class Transformer(StackTwin, nn.Transformer):
    """`nn.Transformer` made of parts; of a custom encoder or decoder, what is torch's own."""

    original = nn.Transformer


LAYERS: dict[type[nn.Module], type[Twin]] = {
    twin.original: twin
    for twin in (
        MultiheadAttention,
        TransformerEncoderLayer,
        TransformerDecoderLayer,
        TransformerEncoder,
        TransformerDecoder,
    )
}
