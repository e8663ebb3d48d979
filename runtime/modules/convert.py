"""Live models: torch's compound modules become their modular twins in place, and twins become torch's again.

The objects stay the objects that they are, only their class and parts change. So parameters, buffers, training mode,
device, dtype, hooks and the optimizer's hold on the parameters are kept, and an instance used in several places, or
held by something that `named_modules` does not see, is converted for all of them.
"""

from __future__ import annotations

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
            _warn(path, module, f"its {missing} is not a Parameter but computed from others; remove that first")
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


def _where(path: str) -> str:
    return repr(path) if path else "the model itself"


def _warn(path: str, module: nn.Module, why: str) -> None:
    warnings.warn(f"{_where(path)} ({type(module).__name__}) is left as it is: {why}", stacklevel=4)


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


def _check_unchanged(path: str, twin: Twin) -> None:
    present = dict(twin.named_modules())
    for part, made in twin._made.items():
        kind = type(present.get(part))
        if kind is not made:
            raise ValueError(
                f"{_where(path)} ({type(twin).__name__}) cannot be reverted: its part {part!r} was a {made.__name__} "
                f"and is a {kind.__name__} now, which nn.{twin.original.__name__} cannot have; put the part back first"
            )


def _warn_of_hooks(path: str, twin: Twin) -> None:
    for name in twin._made:
        part = twin.get_submodule(name)
        if part._forward_hooks or part._forward_pre_hooks or part._backward_hooks or part._backward_pre_hooks:
            where = f"{path}.{name}" if path else name
            lost = f"the hooks of {where!r} are lost: nn.{twin.original.__name__} has no such part"
            warnings.warn(lost, stacklevel=3)
