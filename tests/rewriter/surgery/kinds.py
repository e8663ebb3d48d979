"""Kinds of surgery: functions that take a built model and return it, or another, as somebody would use it then.

They know a model by its original: `Original` has the names of its modules, as the person has who read the code. One
returns None where the model has nothing to operate on.
"""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

Surgery = Callable[[nn.Module, "Original"], nn.Module | None]

KINDS: dict[str, Surgery] = {}


class Original:
    """Names in the model before it was rewritten."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def names(self, *kinds: type[nn.Module]) -> list[str]:
        return [name for name, module in self.model.named_modules() if name and isinstance(module, kinds)]

    def first(self, *kinds: type[nn.Module]) -> str:
        return next(iter(self.names(*kinds)), "")


def surgery(function: Surgery) -> Surgery:
    KINDS[function.__name__.replace("_", " ")] = function
    return function


def put(model: nn.Module, name: str, module: Any) -> None:
    owner, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(owner), attribute, module)


def children(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """Every module with its owner and its name there, as loops go that replace modules."""
    for name, child in model.named_children():
        yield model, name, child
        yield from children(child)


ACTIVATIONS = (nn.ReLU, nn.LeakyReLU)
NORMS = (nn.BatchNorm1d, nn.LayerNorm)


class LoRA(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.down = nn.Linear(8, 2, bias=False)
        self.up = nn.Linear(2, 8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.up(self.down(x))  # type: ignore[no-any-return]


class Rounded(nn.Module):
    """What a quantizer puts around a module."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Tensor) -> Tensor:
        out: Tensor = self.module(*args)
        return (out * 8).round() / 8


# Replacing by name.


@surgery
def replace_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear, nn.Conv1d)):
        return None
    put(model, name, nn.Conv1d(1, 1, 1) if isinstance(model.get_submodule(name), nn.Conv1d) else nn.Linear(8, 8))
    return model


@surgery
def replace_a_normalization(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(*NORMS)):
        return None
    put(model, name, nn.Identity())
    return model


@surgery
def replace_an_activation(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(*ACTIVATIONS)):
        return None
    put(model, name, nn.GELU())
    return model


@surgery
def replace_an_activation_by_one_with_parameters(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(*ACTIVATIONS)):
        return None
    put(model, name, nn.PReLU())
    return model


@surgery
def store_a_function_for_an_activation(model: nn.Module, original: Original) -> nn.Module | None:
    if not hasattr(original.model, "act"):
        return None
    model.act = torch.tanh
    return model


@surgery
def put_lora_around_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    put(model, name, LoRA(model.get_submodule(name)))
    return model


@surgery
def replace_an_encoder(model: nn.Module, original: Original) -> nn.Module | None:
    if not hasattr(original.model, "encode"):
        return None
    model.encode = nn.Sequential(nn.Linear(8, 8), nn.Tanh())
    return model


@surgery
def replace_a_layer_and_then_round_all(model: nn.Module, original: Original) -> nn.Module | None:
    if replace_a_layer(model, original) is None:
        return None
    return round_each_layer(model, original)


# Containers and numbers.


@surgery
def append_a_block(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.ModuleList)):
        return None
    model.get_submodule(name).append(nn.Linear(8, 8))  # type: ignore[operator]
    return model


@surgery
def insert_a_block(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.ModuleList)):
        return None
    model.get_submodule(name).insert(0, nn.Linear(8, 8))  # type: ignore[operator]
    return model


@surgery
def delete_a_block(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.ModuleList)):
        return None
    del model.get_submodule(name)[0]  # type: ignore[attr-defined]
    return model


@surgery
def replace_the_list_of_blocks(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.ModuleList)):
        return None
    put(model, name, nn.ModuleList([nn.Linear(8, 8) for _ in range(5)]))
    return model


@surgery
def add_a_name_to_a_dict(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.ModuleDict)):
        return None
    model.get_submodule(name)["c"] = nn.Linear(8, 8)  # type: ignore[operator]
    return model


@surgery
def append_to_a_sequential(model: nn.Module, original: Original) -> nn.Module | None:
    if not isinstance(model, nn.Sequential):
        return None
    return model.append(nn.Linear(8, 8))


@surgery
def more_steps(model: nn.Module, original: Original) -> nn.Module | None:
    if not isinstance(getattr(original.model, "steps", None), int):
        return None
    model.steps = 7  # type: ignore[assignment]
    return model


@surgery
def fewer_steps(model: nn.Module, original: Original) -> nn.Module | None:
    if not isinstance(getattr(original.model, "steps", None), int):
        return None
    model.steps = 1  # type: ignore[assignment]
    return model


# Settings.


@surgery
def set_an_activation(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.LeakyReLU)):
        return None
    model.get_submodule(name).negative_slope = 0.7  # type: ignore[assignment]
    return model


@surgery
def set_a_dropout(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Dropout)):
        return None
    model.get_submodule(name).p = 0.9  # type: ignore[assignment]
    return model


@surgery
def set_every_dropout(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(nn.Dropout):
        return None
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.1
    return model


@surgery
def evaluate_a_dropout(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Dropout)):
        return None
    train = model.train

    def train_but_one(mode: bool = True) -> nn.Module:
        train(mode)
        model.get_submodule(name).eval()
        return model

    model.train = train_but_one  # type: ignore[method-assign]
    return model


@surgery
def monte_carlo_dropout(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(nn.Dropout):
        return None

    def train(mode: bool = True) -> nn.Module:
        nn.Module.train(model, mode)
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.train()
        return model

    model.train = train  # type: ignore[method-assign]
    return model


@surgery
def turn_in_place_off(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(*ACTIVATIONS):
        return None
    for module in model.modules():
        if isinstance(module, ACTIVATIONS):
            module.inplace = False
    return model


@surgery
def freeze_normalizations(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(nn.BatchNorm1d):
        return None

    def train(mode: bool = True) -> nn.Module:
        nn.Module.train(model, mode)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.eval()
                module.requires_grad_(False)
        return model

    model.train = train  # type: ignore[method-assign]
    return model


# Hooks.


@surgery
def hook_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear, nn.Conv1d)):
        return None
    model.get_submodule(name).register_forward_hook(lambda module, args, out: out * 2)
    return model


@surgery
def hook_an_activation(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(*ACTIVATIONS)):
        return None
    model.get_submodule(name).register_forward_hook(lambda module, args, out: out + 1)
    return model


@surgery
def hook_before_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear, nn.Conv1d)):
        return None
    model.get_submodule(name).register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    return model


@surgery
def hook_every_layer(model: nn.Module, original: Original) -> nn.Module | None:
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(lambda module, args, out: out * 2)
    return model


@surgery
def hook_gradients(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear, nn.Conv1d)):
        return None
    model.get_submodule(name).register_full_backward_hook(lambda module, given, got: (given[0] * 2,))
    return model


@surgery
def hook_an_encoder(model: nn.Module, original: Original) -> nn.Module | None:
    if not hasattr(original.model, "encode"):
        return None
    model.encode.register_forward_hook(lambda module, args, out: out * 3)  # type: ignore[union-attr]
    return model


@surgery
def patch_the_forward_of_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    layer = model.get_submodule(name)
    forward = layer.forward
    layer.forward = lambda x: forward(x).abs()  # type: ignore[method-assign]
    return model


# Loops over all modules.


@surgery
def initialize_by_apply(model: nn.Module, original: Original) -> nn.Module | None:
    return model.apply(lambda m: nn.init.normal_(m.weight) and None if isinstance(m, nn.Linear) else None)


@surgery
def initialize_all_modules(model: nn.Module, original: Original) -> nn.Module | None:
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.BatchNorm1d):
            module.reset_parameters()
    return model


@surgery
def initialize_whatever_has_a_weight(model: nn.Module, original: Original) -> nn.Module | None:
    for module in model.modules():
        if getattr(module, "weight", None) is not None:
            nn.init.uniform_(module.weight)  # type: ignore[arg-type]
    return model


@surgery
def round_each_layer(model: nn.Module, original: Original) -> nn.Module | None:
    for owner, name, child in list(children(model)):
        if isinstance(child, nn.Linear | nn.Conv1d):
            setattr(owner, name, Rounded(child))
    return model


@surgery
def round_activations_by_name(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(*ACTIVATIONS):
        return None
    for name in original.names(*ACTIVATIONS):
        put(model, name, Rounded(model.get_submodule(name)))
    return model


@surgery
def put_lora_around_every_layer(model: nn.Module, original: Original) -> nn.Module | None:
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear):
            put(model, name, LoRA(module))
    return model


@surgery
def put_lora_around_every_child(model: nn.Module, original: Original) -> nn.Module | None:
    for owner, name, child in list(children(model)):
        if isinstance(child, nn.Linear):
            setattr(owner, name, LoRA(child))
    return model


@surgery
def put_new_layers(model: nn.Module, original: Original) -> nn.Module | None:
    for owner, name, child in list(children(model)):
        if isinstance(child, nn.Linear):
            setattr(owner, name, nn.Linear(child.in_features, child.out_features))
    return model


@surgery
def replace_every_activation(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(*ACTIVATIONS):
        return None
    for owner, name, child in list(children(model)):
        if isinstance(child, ACTIVATIONS):
            setattr(owner, name, nn.SiLU())
    return model


@surgery
def convert_to_synchronized_normalization(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(nn.BatchNorm1d):
        return None
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    model.train = lambda mode=True: nn.Module.train(model, False)  # type: ignore[method-assign]
    return model


@surgery
def a_sequential_of_its_children(model: nn.Module, original: Original) -> nn.Module | None:
    return nn.Sequential(*model.children())


# Parameters.


@surgery
def freeze_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    model.get_submodule(name).requires_grad_(False)
    return model


@surgery
def replace_a_weight(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    model.get_submodule(name).weight = nn.Parameter(torch.randn(8, 8))
    return model


@surgery
def tie_weights_later(model: nn.Module, original: Original) -> nn.Module | None:
    names = original.names(nn.Linear)
    if len(names) < 2:
        return None
    model.get_submodule(names[0]).weight = model.get_submodule(names[1]).weight
    return model


@surgery
def prune_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    prune.l1_unstructured(model.get_submodule(name), "weight", amount=0.4)
    return model


@surgery
def prune_every_layer(model: nn.Module, original: Original) -> nn.Module | None:
    for module in list(model.modules()):
        if isinstance(module, nn.Linear):
            prune.random_unstructured(module, "weight", amount=0.4)
    return model


@surgery
def prune_and_make_it_permanent(model: nn.Module, original: Original) -> nn.Module | None:
    if prune_every_layer(model, original) is None:
        return None
    for module in list(model.modules()):
        if isinstance(module, nn.Linear):
            prune.remove(module, "weight")
    return model


@surgery
def weight_norm(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    parametrizations.weight_norm(model.get_submodule(name))
    return model


@surgery
def weight_norm_by_hooks(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    nn.utils.weight_norm(model.get_submodule(name))
    return model


@surgery
def spectral_norm_everywhere(model: nn.Module, original: Original) -> nn.Module | None:
    for module in list(model.modules()):
        if isinstance(module, nn.Linear):
            parametrizations.spectral_norm(module)
    return model


@surgery
def groups_of_parameters(model: nn.Module, original: Original) -> nn.Module | None:
    decayed, others = [], []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            (decayed if name == "weight" else others).append(parameter)
    optimizer = torch.optim.SGD([{"params": decayed, "weight_decay": 0.1}, {"params": others}], lr=0.1, momentum=0.9)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return model


@surgery
def an_optimizer_of_all(model: nn.Module, original: Original) -> nn.Module | None:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.rand_like(parameter)
    optimizer.step()
    return model


# Copies, files, devices.


@surgery
def deepcopy(model: nn.Module, original: Original) -> nn.Module | None:
    return copy.deepcopy(model)


@surgery
def copies_of_layers(model: nn.Module, original: Original) -> nn.Module | None:
    for name in original.names(nn.Linear):
        put(model, name, copy.deepcopy(model.get_submodule(name)))
    return model


@surgery
def pickled(model: nn.Module, original: Original) -> nn.Module | None:
    copied: nn.Module = pickle.loads(pickle.dumps(model))
    return copied


@surgery
def saved_whole(model: nn.Module, original: Original) -> nn.Module | None:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded: nn.Module = torch.load(file, weights_only=False)
    return loaded


@surgery
def copied_and_then_changed(model: nn.Module, original: Original) -> nn.Module | None:
    return replace_a_layer(copy.deepcopy(model), original)


@surgery
def double_precision(model: nn.Module, original: Original) -> nn.Module | None:
    return model.double().float()


@surgery
def to_empty_and_loaded(model: nn.Module, original: Original) -> nn.Module | None:
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.to_empty(device="cpu").load_state_dict(state, strict=True)
    return model


@surgery
def meta_and_assigned(model: nn.Module, original: Original) -> nn.Module | None:
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.to("meta").load_state_dict(state, strict=True, assign=True)
    return model


@surgery
def share_memory(model: nn.Module, original: Original) -> nn.Module | None:
    return model.share_memory()


@surgery
def fused(model: nn.Module, original: Original) -> nn.Module | None:
    if not hasattr(original.model, "conv"):
        return None
    model = torch.ao.quantization.fuse_modules(model.eval(), [["conv", "norm"]])
    model.train = lambda mode=True: nn.Module.train(model, False)  # type: ignore[method-assign]
    return model


@surgery
def quantized_dynamically(model: nn.Module, original: Original) -> nn.Module | None:
    model = torch.ao.quantization.quantize_dynamic(model.eval(), {nn.Linear})
    model.train = lambda mode=True: nn.Module.train(model, False)  # type: ignore[method-assign]
    return model


class Called(nn.Module):
    """A model that is called with other parameters than its own."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        halved = {name: parameter * 0.5 for name, parameter in self.model.named_parameters()}
        out: Tensor = torch.func.functional_call(self.model, halved, (x,))
        return out


@surgery
def functional_call(model: nn.Module, original: Original) -> nn.Module | None:
    return Called(model)


@surgery
def data_parallel_replica(model: nn.Module, original: Original) -> nn.Module | None:
    for module in model.modules():
        module._replicate_for_data_parallel()  # type: ignore[no-untyped-call]
    return model


@surgery
def put_into_another_model(model: nn.Module, original: Original) -> nn.Module | None:
    return nn.Sequential(model, nn.Linear(8, 8), nn.ReLU())


@surgery
def an_average_of_weights(model: nn.Module, original: Original) -> nn.Module | None:
    averaged = torch.optim.swa_utils.AveragedModel(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    averaged.update_parameters(model)
    return averaged


@surgery
def compiled(model: nn.Module, original: Original) -> nn.Module | None:
    return torch.compile(model, backend="eager", fullgraph=True)  # type: ignore[return-value]
