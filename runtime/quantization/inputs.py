"""What users give to a model through one of our functions: where the model cannot take it, the error says so.

Which batch it was and of what shape, in which module the model stopped, and what to do; the error that stopped it is
the cause of ours.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader, Dataset

_CALLS = ("_wrapped_call_impl", "_call_impl")
_LONGEST = 120


class InputError(ValueError):
    """What was given does not go through the model."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.door = ""
        """What the user has called."""

    def __str__(self) -> str:
        text = super().__str__()
        return f"{self.door}: {text}" if self.door else text


@contextmanager
def door(name: str) -> Iterator[None]:
    """Errors about what is given name what the user has called; of several, the outermost.

    What is made behind it may be computed with everywhere, as no tensor may that torch.inference_mode has made.
    """
    try:
        with ExitStack() as stack:
            if torch.is_inference_mode_enabled():
                stack.enter_context(torch.inference_mode(False))
                stack.enter_context(torch.no_grad())
            yield
    except InputError as error:
        error.door = name
        raise


@contextmanager
def explained(model: nn.Module, given: Any, what: str) -> Iterator[None]:
    """Says where `model` stopped while it ran on `given`, which is `what` of the user's."""
    try:
        yield
    except (InputError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise InputError(_explanation(model, lone(given), what, error)) from error


def check_example(given: Any) -> None:
    """An example is what the model is called with, not something that yields such."""
    for leaf in _leaves(given):
        if isinstance(leaf, (DataLoader, Dataset)):
            raise InputError(
                f"one example is needed, and {type(leaf).__name__} yields many: pass one batch, next(iter(loader))"
            )
    if isinstance(given, (str, bytes)):
        raise InputError(f"an example is what the model is called with, not {shown(given)}")


def check_batches(data: Any) -> None:
    """Data that cannot be batches, whatever the model is."""
    if isinstance(data, (str, bytes)) or _is_array(data):
        raise InputError(
            f"data must yield batches, as a list or a DataLoader does, not be {shown(data)}{_instead_of(data)}"
        )


def shown(value: Any) -> str:
    """In words, as short as can be: types and shapes."""
    if isinstance(value, Tensor) or _is_array(value):
        kind = "" if isinstance(value, Tensor) else "numpy array of "
        return f"{kind}{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {shown(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (tuple, list)):
        parts = [shown(part) for part in value[:4]] + ["..."] * (len(value) > 4)
        return f"({', '.join(parts)})" if isinstance(value, tuple) else f"[{', '.join(parts)}]"
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    return f"{type(value).__name__} {value!r}" if isinstance(value, str) and len(value) < 40 else type(value).__name__


class _Stop(NamedTuple):
    """Where a model was when it failed."""

    name: str
    module: nn.Module
    arguments: Any
    """Those by place, or those by name as well, if they are known."""


def _explanation(model: nn.Module, given: Any, what: str, error: Exception) -> str:
    stop = _stop(model, error.__traceback__)
    if stop is None:
        lines = [f"{what}, {shown(given)}, does not come as far as the model"]
    else:
        lines = [f"the model cannot take {what}, {shown(given)}", _told_of(stop)]
    reason = str(error).strip().splitlines()
    lines.append(f"  with {type(error).__name__}: {_short(reason[0]) if reason else ''}".rstrip())
    lines += [f"  {hint}" for hint in _hints(model, given, stop)]
    return "\n".join(lines)


def _stop(model: nn.Module, trace: TracebackType | None) -> _Stop | None:
    """The innermost of the model's modules that was running."""
    names = {id(module): name for name, module in model.named_modules()}
    found: _Stop | None = None
    for frame, _ in traceback.walk_tb(trace):
        module = frame.f_locals.get("self")
        if not isinstance(module, nn.Module) or id(module) not in names:
            continue
        if frame.f_code.co_name in _CALLS:
            found = _Stop(names[id(module)], module, _arguments(frame.f_locals))
        elif found is None or found.module is not module:
            found = _Stop(names[id(module)], module, None)
    return found


def _arguments(variables: Mapping[str, Any]) -> Any:
    args, kwargs = variables.get("args", ()), variables.get("kwargs", {})
    return {**dict(enumerate(args)), **kwargs} if kwargs else args


def lone(arguments: Any) -> Any:
    """The argument, where it is one."""
    return arguments[0] if isinstance(arguments, tuple) and len(arguments) == 1 else arguments


def _told_of(stop: _Stop) -> str:
    kind = type(stop.module).__name__
    described = kind if any(stop.module.children()) else _short(repr(stop.module).splitlines()[0])
    place = f"  it stopped in {stop.name!r}, {described}" if stop.name else f"  it stopped in {kind} itself"
    return place if stop.arguments is None else f"{place}, which was given {shown(lone(stop.arguments))}"


def _hints(model: nn.Module, given: Any, stop: _Stop | None) -> Iterator[str]:
    leaves = _leaves(given)
    for leaf in leaves:
        if advice := _instead_of(leaf):
            yield f"it holds {shown(leaf)}{advice}"
            break
    names, takes_any = _parameters(model)
    surplus = sorted(str(key) for key in given if key not in names) if isinstance(given, Mapping) else []
    if surplus and not takes_any:
        yield f"forward takes no {', '.join(map(repr, surplus))}: leave that out of the mapping"
    types = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()}
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    other = [x.dtype for x in tensors if x.is_floating_point() and x.dtype not in types]
    if other and len(types) == 1:
        wanted = str(types.pop())
        yield f"the model is in {wanted}, and this is {other[0]}: call .to({wanted})"
    elif stop is not None and _is_whole_number(lone(stop.arguments)) and _is_layer(stop.module):
        yield "this layer takes floating point: call .float(), and scale it as in training"
    yield f"its forward takes ({', '.join(names)}): give what the model is called with elsewhere"


def _instead_of(leaf: Any) -> str:
    if _is_array(leaf):
        return ", which is not a tensor: torch.from_numpy makes a tensor of it"
    if isinstance(leaf, (DataLoader, Dataset)):
        return ", which yields batches: next(iter(loader)) is one"
    if isinstance(leaf, (str, bytes)):
        return ": pass the tensors that are made of it"
    return ", which is not a tensor" if leaf is None else ""


def _parameters(model: nn.Module) -> tuple[list[str], bool]:
    """What the model's forward takes, and whether it takes any name besides."""
    parameters = list(inspect.signature(model.forward).parameters.values())
    marks: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    names = [marks.get(parameter.kind, "") + parameter.name for parameter in parameters]
    return names, any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _is_layer(module: nn.Module) -> bool:
    weight = module._parameters.get("weight")
    return weight is not None and weight.dim() > 1 and not isinstance(module, (nn.Embedding, nn.EmbeddingBag))


def _is_whole_number(given: Any) -> bool:
    return isinstance(given, Tensor) and not given.is_floating_point() and not given.is_complex()


def _leaves(given: Any) -> Sequence[Any]:
    # Some models' own classes cannot be flattened; then the value is a leaf.
    return tree_leaves(dict(given) if isinstance(given, Mapping) else given)


def _is_array(value: Any) -> bool:
    """A numpy array; numpy itself need not be there."""
    return type(value).__module__ == "numpy" and hasattr(value, "shape") and hasattr(value, "dtype")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
