"""Which channels of a model's layers can only be removed together, by the dependency graph of torch-pruning."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from runtime.quantization.adjacency import call
from runtime.quantization.calibration import float_tensors

Role = Literal["produces", "consumes", "normalizes", "passes"]
"""What a layer does with a channel; a depthwise convolution and a PReLU pass it on, with weights of its own."""


@dataclass(frozen=True)
class Member:
    """One layer's part in a group."""

    layer: str
    role: Role
    places: tuple[tuple[int, ...], ...]
    """For each channel of the group, where it stands in the layer: in its outputs, or inputs if it consumes."""


@dataclass(frozen=True)
class ChannelGroup:
    """Channels, each of which every member has; what flows along them is added, concatenated or passed on."""

    channels: int
    members: tuple[Member, ...]

    def having(self, role: Role) -> list[Member]:
        return [member for member in self.members if member.role == role]


def channel_groups(model: nn.Module, dummy_input: Any) -> list[ChannelGroup]:
    """All groups whose channels can be removed without changing what the model takes and returns.

    Layers that mix channels otherwise (grouped convolutions, layer normalizations) keep theirs.
    """
    if dummy_input is None:
        raise ValueError("to see which channels belong together the model has to run: pass dummy_input")
    watched = copy.deepcopy(model).requires_grad_(True)
    names = {module: name for name, module in watched.named_modules()}
    graph = _graph(watched, dummy_input)
    groups = (_group(graph, group, names) for group in graph.get_all_groups())
    return [group for group in groups if group is not None]


def _graph(model: nn.Module, dummy_input: Any) -> Any:
    try:
        import torch_pruning
    except ImportError as missing:
        raise ImportError('thinning needs torch-pruning: pip install "torch-rewriter[schedule]"') from missing
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        return torch_pruning.DependencyGraph().build_dependency(model, dummy_input, forward_fn=_run, verbose=False)


def _run(model: nn.Module, dummy_input: Any) -> list[Tensor]:
    """What comes last is an operation and no layer, by which torch-pruning tells the model's outputs."""
    return [output * 1.0 for output in float_tensors(call(model, dummy_input))]


def _group(graph: Any, group: Any, names: dict[nn.Module, str]) -> ChannelGroup | None:
    from torch_pruning.ops import OPTYPE

    moving = {OPTYPE.ELEMENTWISE, OPTYPE.CONCAT, OPTYPE.SPLIT, OPTYPE.RESHAPE, OPTYPE.SLICE, OPTYPE.EXPAND}
    channels = max(max(item.root_idxs) for item in group) + 1
    members = []
    for item in group:
        kind, module = item.dep.target.type, item.dep.target.module
        if kind in moving:
            continue
        role = _role(module, graph.is_out_channel_pruning_fn(item.dep.handler))
        if role is None or module not in names:
            return None
        places: list[list[int]] = [[] for _ in range(channels)]
        for place, root in zip(item.idxs, item.root_idxs, strict=True):
            places[root].append(place)
        members.append(Member(names[module], role, tuple(map(tuple, places))))
    return ChannelGroup(channels, tuple(members))


def _role(module: nn.Module, outputs: bool) -> Role | None:
    """None for a layer whose channels have to stay."""
    if isinstance(module, _BatchNorm):
        return "normalizes"
    if isinstance(module, nn.PReLU):
        return "passes"
    if isinstance(module, _ConvNd) and module.groups > 1:
        depthwise = module.groups == module.in_channels == module.out_channels
        return "passes" if depthwise else None
    if isinstance(module, (_ConvNd, nn.Linear)):
        return "produces" if outputs else "consumes"
    return None


def output_dimension(layer: nn.Module) -> int:
    """The dimension of a layer's weight that counts its outputs."""
    return 1 if isinstance(layer, _ConvTransposeNd) and layer.groups == 1 else 0


def weights_of(model: nn.Module, group: ChannelGroup, role: Role) -> Iterator[tuple[Tensor, list[list[int]]]]:
    """The weights of the members with this role, the group's dimension first, and where its channels stand."""
    for member in group.having(role):
        layer = model.get_submodule(member.layer)
        dimension = output_dimension(layer) if role != "consumes" else 1 - output_dimension(layer)
        weight = layer.weight
        assert isinstance(weight, Tensor)
        yield weight.detach().movedim(dimension, 0), [list(place) for place in member.places]
