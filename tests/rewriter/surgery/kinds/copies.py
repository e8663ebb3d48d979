"""Copies, files, devices, and models inside of others."""

from __future__ import annotations

import copy
import io
import pickle

import torch
from torch import Tensor, nn

from tests.rewriter.surgery.kinds.kind import Original, put, surgery
from tests.rewriter.surgery.kinds.replacing import replace_a_layer


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
