"""Which values get a grid of their own: those that one operation leaves in memory for the next.

A convolution that a normalization and a ReLU follow is one operation when it runs on integers: what is between them is
never rounded. Modules that only move or pick values leave them on the grid on which they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.loss import _Loss

from rewriter.torch_api.traits import Trait
from runtime.modules.places import Tied, module_of
from runtime.quantization.adjacency import Adjacency, find_adjacency
from runtime.quantization.fusion import absorbs, upper_clamp
from runtime.quantization.known import OPERANDS, has, is_a
from runtime.quantization.parameters import LOOKING_UP, WEIGHTED
from runtime.quantization.quantized.sums import is_sum
from runtime.user_line import warn

COMPUTING = OPERANDS | Trait.CONTRACTION | Trait.JOIN
"""Operations on integers take integers, so what they are given has to be on a grid as well."""


class Placement:
    """Where a model's values are quantized. Without a dummy input each module's output is, since no chain is known."""

    def __init__(self, model: nn.Module, dummy_input: Any) -> None:
        self.modules = dict(model.named_modules(remove_duplicate=False))
        self.called_again = {module_of(handle) for handle in model.modules() if isinstance(handle, Tied)}
        self.adjacency: Adjacency | None = None
        if dummy_input is not None:
            self.adjacency = find_adjacency(model, dummy_input)
        else:
            warn(
                "prepare_model was given no dummy_input: without seeing the model run, no normalization is folded, the "
                "model's inputs stay in floating point, and what is between a layer and its ReLU is rounded as well"
            )

    def quantizes_output(self, name: str) -> bool:
        """Whether a grid is put on what the module of this name returns."""
        module = self._kind(name)
        if any(self.modules[name].children()) and not isinstance(self.modules[name], Tied):
            return False
        if self.adjacency is not None and name not in self.adjacency.places:
            return False  # nothing is known of it, and a learned scale that is never used stops distributed training
        if has(module, Trait.MOVE | Trait.UNBOUNDED) or isinstance(module, _Loss):
            return False
        return self.follower(name) is None and not self._is_result(name)

    def _is_result(self, name: str) -> bool:
        """Whether a layer's sums, with its normalization, are what the model returns: they need not become integers."""
        if self.adjacency is None or name not in self.adjacency.places:
            return False
        makers = self.adjacency.makers(name) if is_a(self._kind(name), _BatchNorm) else set()
        folded = all(self.follower(maker) == name for maker in makers) and bool(makers)
        if not is_sum(self._kind(name)) and not folded:
            return False
        return not any(self.adjacency.places[name].consumers)

    def follower(self, name: str) -> str | None:
        """The module that is one operation with this one, because it alone takes what this one returns."""
        following = None if self.adjacency is None else self.adjacency.only_consumer(name)
        if following is None:
            return None
        assert self.adjacency is not None
        other, dimensions = self._kind(following), self.adjacency.places[name].dimensions
        if is_a(other, _BatchNorm):
            return following if self.folds(name, following) else None
        absorbed = self._is_settled(following) and absorbs(self._kind(name), other, dimensions)
        return following if absorbed else None

    def _is_settled(self, name: str) -> bool:
        return self.adjacency is not None and self.adjacency.places[name].settled

    def folds(self, layer_name: str, norm_name: str) -> bool:
        """Whether the normalization can become a part of the layer's weights."""
        layer, norm = self.modules[layer_name], self.modules[norm_name]
        if not is_a(norm, _BatchNorm) or norm.running_var is None or {layer, norm} & self.called_again:
            return False
        channels = getattr(layer, "out_channels", None) or getattr(layer, "out_features", None)
        if is_a(layer, nn.Linear) and self.adjacency is not None:
            # With more dimensions the normalization's channels are not the layer's features.
            return self.adjacency.places[layer_name].dimensions == 2 and channels == norm.num_features
        return is_a(layer, _ConvNd) and channels == norm.num_features

    def normalizations(self) -> Iterator[tuple[str, str]]:
        """Each layer that a normalization follows, with that."""
        for name in self.modules:
            following = self.follower(name)
            if following is not None and is_a(self.modules[following], _BatchNorm):
                yield name, following

    def never_negative(self, name: str) -> bool:
        return upper_clamp(self._kind(name)) is not None or has(self._kind(name), Trait.NOT_NEGATIVE)

    def raw_inputs(self, name: str) -> tuple[int, ...]:
        """Which of the tensors that a module computes with come from no module, hence from no grid."""
        kind = self._kind(name)
        computes = (isinstance(kind, WEIGHTED) and not isinstance(kind, LOOKING_UP)) or has(kind, COMPUTING)
        return self.adjacency.raw_inputs(name) if self.adjacency is not None and computes else ()

    def _kind(self, name: str) -> nn.Module:
        """The module itself, or what a tied handle runs."""
        return module_of(self.modules[name])
