"""From a model that simulates integers to one that computes on them."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from runtime.int8.counterparts.cells import step_on_kernel
from runtime.int8.counterparts.choice import counterpart
from runtime.int8.counterparts.recurrent import loop_in_programs
from runtime.int8.unreached import guard_unreached
from runtime.quantization.asked import check_model
from runtime.quantization.finish import finish_training
from runtime.quantization.metadata import quantizer_metadata
from runtime.quantization.methods import why_no_integers
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.others import Half
from runtime.quantization.quantized.sums import DynamicSum
from runtime.quantization.trained import QuantizedOutput, QuantizedWeights

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def convert(model: AnyModule) -> AnyModule:
    """A copy of a quantized model whose modules compute on int8, with the scales that the model has.

    `model` is what `PostTrainLinearQuantizer` or training with a quantizer made. Between modules run plain uint8
    tensors, so views, indexing and control flow work on as they are. Every module returns the integers that the
    quantized model simulates, bit for bit; softmax and layer norm, and tables of functions whose float32 result depends
    on where an element lies in memory, within one of them. What has no int8 form runs in floating point between one
    dequantization and one quantization; `report` says what and why.
    """
    check_model(model)
    converted = copy.deepcopy(model).eval()
    if any(isinstance(module, (QuantizedOutput, QuantizedWeights)) for module in converted.modules()):
        metadata = quantizer_metadata(converted)
        if metadata is None or metadata["dummy_input"] is None:
            raise ValueError(
                "the model was prepared for training without dummy_input, so how its modules follow is not known: "
                "call runtime.quantization.finish.finish_training(model, dummy_input) first"
            )
        finish_training(converted, metadata["dummy_input"])
    if not any(isinstance(module, QuantizedModule) for module in converted.modules()):
        because = why_no_integers(converted) or "quantize it first, with runtime.quantize(model, data)"
        raise ValueError(f"convert needs a quantized model with integers: {because}")
    _check_types(converted)
    replaced = _replace(converted)
    if isinstance(converted, QuantizedModule):
        return replaced[converted]  # type: ignore[return-value]
    metadata = quantizer_metadata(converted)
    if metadata is not None and metadata["dummy_input"] is not None:
        guard_unreached(converted, metadata["dummy_input"])
    return converted


def _check_types(model: nn.Module) -> None:
    """What int8 modules return in floating point is float32; nothing else in the model may expect another type."""
    metadata = quantizer_metadata(model)
    example = tree_leaves(metadata["dummy_input"]) if metadata is not None else []
    given = [("its example", leaf) for leaf in example if isinstance(leaf, Tensor)]
    for name, tensor in [*((f"its {name}", parameter) for name, parameter in model.named_parameters()), *given]:
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise ValueError(
                f"convert takes models in float32, and {name} is {tensor.dtype}: call model.float() and quantize it "
                "again, with data in float32"
            )


def _replace(model: nn.Module) -> dict[nn.Module, nn.Module]:
    """Puts counterparts into `model`; a module that stands in several places has one."""
    made: dict[nn.Module, nn.Module] = {}
    for module in model.modules():
        if isinstance(module, QuantizedModule) and _convertible(module):
            made[module] = counterpart(module)
    for parent in list(model.modules()):
        if isinstance(parent, QuantizedModule):
            continue
        for name, child in list(parent._modules.items()):
            if child in made:
                setattr(parent, name, made[child])
        loop_in_programs(parent)
        step_on_kernel(parent)
    return made


def _convertible(module: QuantizedModule) -> bool:
    return module.configured and not isinstance(module, (Half, DynamicSum))
