"""Live models: torch's compound modules become their modular twins in place, and twins become torch's again.

The objects stay the objects that they are, only their class and parts change. So parameters, buffers, training mode,
device, dtype, hooks and the optimizer's hold on the parameters are kept, and an instance used in several places, or
held by something that `named_modules` does not see, is converted for all of them.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import TypeVar

from torch import nn

from runtime.modules.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from runtime.modules.transformer import LAYERS, Transformer
from runtime.modules.twin import Twin, make_twin, unmake_twin

AnyModule = TypeVar("AnyModule", bound=nn.Module)

TWINS: Mapping[type[nn.Module], type[Twin]] = {
    **{twin.original: twin for twin in (LSTM, GRU, RNN, LSTMCell, GRUCell, RNNCell, Transformer)},
    **LAYERS,
}


def convert(model: AnyModule, twins: Mapping[type[nn.Module], type[Twin]] = TWINS) -> AnyModule:
    """Every compound module of torch's in `model`, itself included, becomes its twin. Returns `model`.

    What cannot be converted is left as it is, with a warning that says why.
    """
    for path, module in list(model.named_modules()):
        twin = twins.get(type(module))
        if twin is None:
            _warn_of_subclass(path, module, twins)
        elif (missing := _reparametrized(module)) is not None:
            _warn(path, module, f"its {missing} is no Parameter but computed from others; remove that first")
        else:
            make_twin(module, twin)
    return model


def revert(model: AnyModule) -> AnyModule:
    """Every twin in `model`, itself included, becomes the torch module that it stands for. Returns `model`.

    Refuses, before anything is changed, where a part has been replaced: torch's module could not compute the same.
    """
    twins = [(path, module) for path, module in model.named_modules() if isinstance(module, Twin)]
    for path, twin in twins:
        _check_unchanged(path, twin)
    for path, twin in twins:
        if isinstance(twin, Twin):  # one that contained it may have taken it back already
            _warn_of_hooks(path, twin)
            unmake_twin(twin)
    return model


def _warn(path: str, module: nn.Module, why: str) -> None:
    where = f"{path!r}" if path else "the model itself"
    warnings.warn(f"{where} ({type(module).__name__}) is left as it is: {why}", stacklevel=4)


def _warn_of_subclass(path: str, module: nn.Module, twins: Mapping[type[nn.Module], type[Twin]]) -> None:
    if isinstance(module, Twin):
        return
    for original, twin in twins.items():
        if isinstance(module, original):
            name = f"{twin.__module__}.{twin.__name__}"
            _warn(
                path,
                module,
                f"what it changes of nn.{original.__name__} is its own; derive it from {name} instead",
            )
            return


def _reparametrized(module: nn.Module) -> str | None:
    """A weight that is not among the module's Parameters, as the old weight_norm leaves it."""
    if isinstance(module, nn.RNNBase):
        names: list[str] = module._flat_weights_names
    elif isinstance(module, nn.RNNCellBase):
        names = ["weight_ih", "weight_hh"]
    elif isinstance(module, nn.MultiheadAttention):
        names = ["in_proj_weight", "in_proj_bias"]
    else:
        return None
    return next((name for name in names if name not in module._parameters), None)


def _layout(twin: Twin) -> dict[str, type[nn.Module]]:
    prefixes = twin._part_names
    return {path: type(part) for path, part in twin.named_modules() if path.split(".")[0] in prefixes}


def _check_unchanged(path: str, twin: Twin) -> None:
    """Makes the parts once more, beside the twin, and compares."""
    bare = copy.copy(twin)
    bare.__dict__ = {**twin.__dict__, "_modules": dict(twin._modules), "_parameters": dict(twin._parameters)}
    where = f"{path!r}" if path else "the model itself"
    gone = [name for name in twin._part_names if name not in twin._modules]
    if gone:
        raise ValueError(
            f"{where} cannot be reverted: its part {gone[0]!r} is gone; convert a fresh model instead"
        )
    present = _layout(twin)
    for name in twin._part_names:
        delattr(bare, name)
    try:
        bare.begin_twin()
        expected = _layout(bare)
    except (AssertionError, KeyError):
        expected = {}
    for part, kind in present.items():
        if expected.get(part) is not kind:
            raise ValueError(
                f"{where} ({type(twin).__name__}) cannot be reverted: its part {part!r} was replaced by a "
                f"{kind.__name__}, which nn.{twin.original.__name__} does not have; put the part back first"
            )


def _warn_of_hooks(path: str, twin: Twin) -> None:
    for name in twin._part_names:
        for inner, part in getattr(twin, name).named_modules(prefix=name):
            if (
                part._forward_hooks
                or part._forward_pre_hooks
                or part._backward_hooks
                or part._backward_pre_hooks
            ):
                where = f"{path}.{inner}" if path else inner
                warnings.warn(
                    f"the hooks of {where!r} are lost: nn.{twin.original.__name__} has no such part",
                    stacklevel=3,
                )
