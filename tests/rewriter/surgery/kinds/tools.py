"""Tools that take a whole model: tracers, exporters, ensembles, adapters by patterns of names, global hooks."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as of_all_modules
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from tests.rewriter.surgery.kinds.kind import LoRA, Original, put, surgery


class Runs(nn.Module):
    """What a tool made of a model, beside the model itself, whose parameters are held to the original's."""

    def __init__(self, model: nn.Module, run: Callable[..., Any]) -> None:
        super().__init__()
        self.model = model
        self.run = run

    def forward(self, x: Tensor) -> Any:
        return self.run(x)


@surgery
def traced_by_fx(model: nn.Module, original: Original) -> nn.Module | None:
    before = copy.deepcopy(original.model).eval()
    given = torch.ones(4, 8, dtype=torch.long if original.first(nn.Embedding) else torch.float32)
    try:
        graph = torch.fx.symbolic_trace(before)
    except Exception:
        return None
    if not torch.equal(graph(given.clone()), before(given.clone())):
        return None  # torch.fx makes `x += y` one that leaves `x` as it is
    return Runs(model, torch.fx.symbolic_trace(model))


@surgery
def an_ensemble_of_two(model: nn.Module, original: Original) -> nn.Module | None:
    if any(True for _ in model.buffers()):
        return None
    models = [model.eval(), copy.deepcopy(model).eval()]
    parameters, buffers = torch.func.stack_module_state(models)

    def one(own: Any, own_buffers: Any, x: Tensor) -> Any:
        return torch.func.functional_call(model.eval(), (own, own_buffers), (x,))

    return Runs(model, lambda x: torch.vmap(one, in_dims=(0, 0, None))(parameters, buffers, x))


@surgery
def gradients_for_each_sample(model: nn.Module, original: Original) -> nn.Module | None:
    if any(True for _ in model.buffers()):
        return None

    def loss(own: Any, x: Tensor) -> Tensor:
        return torch.func.functional_call(model.eval(), own, (x,)).square().sum()  # type: ignore[no-any-return]

    own = {name: parameter.detach() for name, parameter in model.named_parameters()}
    return Runs(model, lambda x: list(torch.func.grad(loss)(own, x).values()))


@surgery
def parameters_in_one_vector(model: nn.Module, original: Original) -> nn.Module | None:
    vector_to_parameters(parameters_to_vector(model.parameters()) * 0.5, model.parameters())
    return model


@surgery
def adapters_by_a_pattern_of_names(model: nn.Module, original: Original) -> nn.Module | None:
    wanted = [name for name in original.names(nn.Linear) if name.rpartition(".")[2] in ("fc", "up", "0", "head")]
    if not wanted:
        return None
    pattern = re.compile("|".join(f"^{re.escape(name)}$" for name in wanted))
    for name, module in list(model.named_modules()):
        if pattern.match(name) and (module.in_features, module.out_features) == (8, 8):
            put(model, name, LoRA(module))
    return model


@surgery
def layers_that_are_skipped(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.ReLU, nn.LayerNorm, nn.Dropout)):
        return None
    put(model, name, nn.Identity())
    return model


@surgery
def a_hook_on_all_layers_of_all_models(model: nn.Module, original: Original) -> nn.Module | None:
    def doubled(module: nn.Module, args: Any, out: Any) -> Any:
        return out * 2 if isinstance(module, nn.Linear) else None

    def run(x: Tensor) -> Any:
        handle = of_all_modules.register_module_forward_hook(doubled)
        try:
            return model(x)
        finally:
            handle.remove()

    return Runs(model, run)


@surgery
def recomputed_for_gradients(model: nn.Module, original: Original) -> nn.Module | None:
    def run(x: Tensor) -> Any:
        return torch.utils.checkpoint.checkpoint(model, x, use_reentrant=False)

    return Runs(model, run)


@surgery
def weights_of_lower_precision_at_each_call(model: nn.Module, original: Original) -> nn.Module | None:
    def run(x: Tensor) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return model(x)

    return Runs(model, run)


@surgery
def layers_found_by_their_parameters(model: nn.Module, original: Original) -> nn.Module | None:
    """As optimizers with weight decay sort them: each parameter belongs to one module, by the module's class."""
    decayed, others = set(), set()
    for module_name, module in model.named_modules():
        for name, _ in module.named_parameters(recurse=False):
            full = f"{module_name}.{name}" if module_name else name
            (decayed if name == "weight" and isinstance(module, (nn.Linear, nn.Conv1d)) else others).add(full)
    named = dict(model.named_parameters())
    for name in sorted((decayed | others) & named.keys()):
        with torch.no_grad():
            named[name].mul_(0.9 if name in decayed else 0.5)
    return model


@surgery
def statistics_of_normalizations_anew(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(nn.BatchNorm1d) or original.first(nn.Embedding):
        return None
    torch.optim.swa_utils.update_bn([torch.ones(4, 8), torch.randn(4, 8)], model)
    return model


@surgery
def half_of_the_layers_on_another_device(model: nn.Module, original: Original) -> nn.Module | None:
    """Modules that are moved one by one, as models that are spread over devices have it; the device is the same."""
    for module in list(model.modules()):
        if isinstance(module, nn.Linear):
            module.to("cpu", dtype=torch.float64)
            module.register_forward_pre_hook(lambda _, args: (args[0].double(),))
            module.register_forward_hook(lambda _, args, out: out.float())
    return model
