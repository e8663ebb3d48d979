"""One call that quantizes a model, with defaults that are right for most."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import nn

from runtime.inspect import Preparation, check_prepared
from runtime.modules.plain_weights import copied, make_weights_plain
from runtime.modules.torch_ao import from_torch_ao, uses_torch_ao
from runtime.quantization.asked import batches_of, check_model, check_overrides, check_settings
from runtime.quantization.calibrated import Wanted, calibrated, prepare
from runtime.quantization.calibration import Forward, evaluating, rank_of_ranks, run_batch
from runtime.quantization.examples import as_example
from runtime.quantization.improvements import MEND, check_names
from runtime.quantization.inputs import InputError, door, explained
from runtime.quantization.mending import warn_of_left
from runtime.quantization.methods import Method, find_method
from runtime.quantization.result import GOAL, warn_of_loss
from runtime.quantization.summary import state_bytes, summarize
from runtime.quantization.taken_apart import take_apart
from runtime.user_line import warn

AnyModule = TypeVar("AnyModule", bound=nn.Module)

_SITES = 20
_PATHS = 3
_FIRST = "batch 0 of data"


class NotPreparedError(ValueError):
    """Operations that no module stands for, or modules that are called again: a quantizer would miss them."""


@door("quantize")
def quantize(
    model: AnyModule,
    data: Iterable[Any] | None = None,
    method: str = "ptq",
    *,
    forward: Forward | None = None,
    batches: int | None = 32,
    improve: Sequence[str] = (),
    goal: float = GOAL,
    allow_unprepared: bool = False,
    inplace: bool = False,
    verbose: bool = True,
    **settings: Any,
) -> AnyModule:
    """A quantized copy of `model`, or `model` itself with `inplace`.

    `runtime.quantization.methods` has the methods: "ptq" puts weights and activations on 8-bit integers, with scales
    from what the first `batches` of `data` show; "dynamic" only what is multiplied with weights, with scales from each
    tensor as it comes, and needs no data; "qat", "lsq" and "lsq+" return a model to be trained, which learns to live
    with rounding; so do "dorefa", "pact" and "wrpn", whose models cannot compute on integers afterwards.

    `data` yields batches: tensors, dicts of keyword arguments, or tuples of arguments (labels at the end are left out);
    for anything else pass `forward(model, batch)`.

    "ptq" compares its result with the model in floating point. Where it is further away than the `goal`, in decibels,
    weights are rounded anew so that their errors make up for each other, and the layers that lose most get 16 bits, as
    long as they are few and the model takes no more than half as long again; a warning says what is missing then. With
    `goal=0` nothing of that is done. `improve` names what else "ptq" shall do for accuracy: "equalize" and "smooth"
    before, "mend", which gives 16 bits to all layers that need them and leaves in floating point what these cannot hold
    either, "adaround" (which pays below 8 bits) and "bias_correction" afterwards.

    `settings` go to the method's quantizer: `bits_weights=4`, `overrides=...`, `activation_range="percentile"`,
    `optimizer=...` and so on.
    """
    chosen = find_method(method)
    check_model(model)
    check_settings(chosen, settings)
    data = None if data is None else batches_of(data)
    if data is None and chosen.needs_data:
        raise ValueError(f"method {method!r} needs data, some batches of what the model is used on")
    _check_improvements(improve, chosen, forward, inplace)
    if settings.get("optimizer") is not None and not inplace:
        raise ValueError("the optimizer holds the parameters of this model, not of a copy: pass inplace=True")
    if chosen.needs_optimizer and settings.get("optimizer") is None:
        raise ValueError(
            f"method {method!r} needs the optimizer that trains the model: pass optimizer= and inplace=True"
        )
    example = None if data is None else first_call(model, data, forward or run_batch)
    model = model if inplace else copied(model)
    make_weights_plain(model, settings.get("optimizer"))
    take_apart(model)
    if uses_torch_ao(model):
        _read_torch_ao(model, example)
    check_overrides(model, settings.get("overrides"))
    if example is not None:
        _check_prepared(model, example, allow_unprepared)
    verbose = verbose and rank_of_ranks()[0] == 0
    before = state_bytes(model)
    if chosen.no_integers:
        warn(f"runtime.int8.convert cannot take what {method!r} trains: {chosen.no_integers}")
    found = None
    if chosen.calibrates:
        assert data is not None
        wanted = Wanted(chosen, settings, improve, goal, inplace)
        found = calibrated(wanted, model, data, forward or run_batch, batches, example, verbose)
        model, quantizer = cast(AnyModule, found.model), found.quantizer
    else:
        quantizer = chosen.quantizer(model, **settings)
        prepare(quantizer, example)
    summary = summarize(quantizer, before)
    if not summary.quantized and not quantizer.params_to_quantize:
        raise ValueError(f"nothing was quantized:\n{summary}")
    if verbose:
        print(summary if found is None else f"{summary}\n\n{found.result}{found}")
    if found is not None:
        warn_of_left(found)
        warn_of_loss(found.result, goal, MEND in improve)
    return model


def _check_improvements(improve: Sequence[str], chosen: Method, forward: Forward | None, inplace: bool) -> None:
    check_names(improve)
    if improve and (not chosen.calibrates or forward is not None):
        raise ValueError("improve is for method 'ptq', with data whose batches the model takes as they are")
    if MEND in improve and (inplace or rank_of_ranks()[1] > 1):
        raise ValueError(f"improve={MEND!r} quantizes copies of the model, in one process: leave out inplace=True")


def _read_torch_ao(model: nn.Module, example: dict[str, Any] | tuple[Any, ...] | None) -> None:
    """Makes modules of what torch.ao's eager mode has in its place; one run shows from where each is called."""
    from_torch_ao(model)
    if example is not None:
        with evaluating(model), torch.no_grad(), explained(model, example, _FIRST):
            model(**example) if isinstance(example, dict) else model(*example)


def _check_prepared(model: nn.Module, example: dict[str, Any] | tuple[Any, ...], allowed: bool) -> None:
    with evaluating(model), explained(model, example, _FIRST):
        found = check_prepared(model, **example) if isinstance(example, dict) else check_prepared(model, *example)
    if found.prepared:
        return
    message = _what_is_missing(model, found)
    if not allowed:
        raise NotPreparedError(f"{message}\nor go on without them: allow_unprepared=True")
    print(message, file=sys.stderr)


def _what_is_missing(model: nn.Module, found: Preparation) -> str:
    """The sites, and the command that mends them."""
    lines, files = [str(raw) for raw in found.raw], {raw.file for raw in found.raw}
    for name, number in found.repeated.items():
        owner, file, line = _owner(model, name)
        lines.append(f"{file}:{line}: {name} is called {number} times in {owner}")
        files.add(file)
    more = [f"  and {len(lines) - _SITES} more"] if len(lines) > _SITES else []
    paths = sorted(file for file in files if Path(file).exists())
    named = " ".join(paths[:_PATHS]) or "PATH"
    return "\n".join(
        [
            "the model is not prepared, so these would not be quantized as they should:",
            *(f"  {line}" for line in lines[:_SITES]),
            *more,
            f"mend them with: rewriter fix {named}",
            f"what that leaves, and why, says: rewriter check -v {named}",
        ]
    )


def _owner(model: nn.Module, name: str) -> tuple[str, str, int]:
    """The class that calls this module: the nearest above it that is not torch's, with its file and line."""
    parts = name.split(".")
    above = [type(model.get_submodule(".".join(parts[:depth]))) for depth in range(len(parts))]
    kind = next((k for k in reversed(above) if not k.__module__.startswith("torch.nn.")), type(model))
    try:
        return kind.__name__, inspect.getsourcefile(kind) or kind.__module__, inspect.getsourcelines(kind)[1]
    except (OSError, TypeError):  # made without a file
        return kind.__name__, kind.__module__, 0


class _CaughtError(BaseException):
    """Stops a forward whose arguments are all that is wanted, whatever it handles itself."""


def first_call(model: nn.Module, data: Iterable[Any], forward: Forward) -> dict[str, Any] | tuple[Any, ...]:
    """The arguments of the model's first call, by name if some are."""
    if iter(data) is data:
        raise InputError("data can be gone through only once, but has to be seen twice: pass a list or a DataLoader")
    caught: list[tuple[Any, Any]] = []

    def catch(module: nn.Module, args: Any, kwargs: Any) -> None:
        caught.append((args, kwargs))
        raise _CaughtError

    hook = model.register_forward_pre_hook(catch, with_kwargs=True)
    try:
        for batch in data:
            with explained(model, batch, _FIRST):
                forward(model, batch)
            raise InputError("forward(model, batch) did not call the model")
        raise InputError("data has no batch")
    except _CaughtError:
        args, kwargs = caught[0]
    finally:
        hook.remove()
    with explained(model, kwargs or args, _FIRST):
        return as_example(model, args, kwargs)
