"""One call that quantizes a model, with defaults that are right for most."""

from __future__ import annotations

import copy
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import nn

from runtime.inspect import Preparation, check_prepared
from runtime.modules.plain_weights import copied, make_weights_plain
from runtime.modules.torch_ao import from_torch_ao, uses_torch_ao
from runtime.quantization.asked import batches_of, check_model, check_settings
from runtime.quantization.calibration import Forward, calibrate, evaluating, rank_of_ranks, run_batch
from runtime.quantization.examples import Examples, as_example
from runtime.quantization.improvements import MEND, check_names, improve_after, improve_before
from runtime.quantization.mending import Mending, Quantized, overrides_for, warn_of_left
from runtime.quantization.methods import Method, find_method
from runtime.quantization.overrides import Overrides, QBits
from runtime.quantization.quantizer import Quantizer
from runtime.quantization.recurrent import unobserved
from runtime.quantization.result import compared, warn_of_loss
from runtime.quantization.summary import state_bytes, summarize
from runtime.quantization.taken_apart import take_apart

AnyModule = TypeVar("AnyModule", bound=nn.Module)

_SITES = 20
_PATHS = 3


class NotPreparedError(ValueError):
    """Operations that no module stands for, or modules that are called again: a quantizer would miss them."""


def quantize(
    model: AnyModule,
    data: Iterable[Any] | None = None,
    method: str = "ptq",
    *,
    forward: Forward | None = None,
    batches: int | None = 32,
    improve: Sequence[str] = (),
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
    for anything else pass `forward(model, batch)`. `improve` names what else "ptq" shall do for accuracy: "equalize"
    and "smooth" before, "mend", which leaves in floating point what 8 bits cannot hold, "adaround" (which pays below 8
    bits) and "bias_correction" afterwards. `settings` go to the
    method's quantizer: `bits_weights=4`, `overrides=...`, `activation_range="percentile"`, `optimizer=...` and so on.
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
    if example is not None:
        _check_prepared(model, example, allow_unprepared)
    verbose = verbose and rank_of_ranks()[0] == 0
    before = state_bytes(model)
    if chosen.no_integers:
        warnings.warn(f"runtime.int8.convert cannot take what {method!r} trains: {chosen.no_integers}", stacklevel=2)
    found = None
    if chosen.calibrates:
        assert data is not None
        run = forward or run_batch
        found = _calibrated(chosen, model, data, run, batches, improve, example, verbose, settings)
        model, quantizer = cast(AnyModule, found.model), found.quantizer
    else:
        quantizer = chosen.quantizer(model, **settings)
        _prepare(quantizer, example)
    summary = summarize(quantizer, before)
    if not summary.quantized and not quantizer.params_to_quantize:
        raise ValueError(f"nothing was quantized:\n{summary}")
    if verbose:
        print(summary if found is None else f"{summary}\n\n{found.result}")
    if found is not None:
        warn_of_left(found)
        warn_of_loss(found.result)
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
        with evaluating(model), torch.no_grad():
            model(**example) if isinstance(example, dict) else model(*example)


def _calibrated(
    chosen: Method,
    model: nn.Module,
    data: Iterable[Any],
    forward: Forward,
    batches: int | None,
    improve: Sequence[str],
    example: Any,
    verbose: bool,
    settings: dict[str, Any],
) -> Quantized:
    seen = list(islice(data, batches)) if improve else []
    improve_before(model, improve, seen, example)
    reference, examples = copy.deepcopy(model), Examples()
    own = settings.get("overrides") or {}
    overrides = Overrides(own, QBits())
    with _progress("calibrating", forward, _number_of(data, batches), verbose) as shown, examples.of(model):
        statistics = calibrate(model, data, shown, batches, unobserved(model, overrides.names))

    def prepare(model: nn.Module, left: Sequence[str]) -> Quantizer:
        quantizer = chosen.quantizer(
            model, **{"statistics": statistics, **settings, "overrides": {**own, **overrides_for(left)}}
        )
        _prepare(quantizer, example)
        return quantizer

    quantizer = prepare(model, ())
    found = Quantized(model, quantizer, compared(reference, model, examples.kept))
    if MEND in improve:
        found = Mending(reference, prepare, examples.kept, overrides.names).of(found)
    if improve:
        improve_after(found.model, reference, improve, seen)
        found.result = compared(reference, found.model, examples.kept)
    return found


def _prepare(quantizer: Quantizer, example: Any) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "nothing was quantized")  # an error here
        quantizer.prepare_model(example)


def _check_prepared(model: nn.Module, example: dict[str, Any] | tuple[Any, ...], allowed: bool) -> None:
    with evaluating(model):
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


class _CaughtError(Exception):
    """Stops a forward whose arguments are all that is wanted."""


def first_call(model: nn.Module, data: Iterable[Any], forward: Forward) -> dict[str, Any] | tuple[Any, ...]:
    """The arguments of the model's first call, by name if some are."""
    if iter(data) is data:
        raise ValueError("data can be gone through only once, but has to be seen twice: pass a list or a DataLoader")
    caught: list[tuple[Any, Any]] = []

    def catch(module: nn.Module, args: Any, kwargs: Any) -> None:
        caught.append((args, kwargs))
        raise _CaughtError

    hook = model.register_forward_pre_hook(catch, with_kwargs=True)
    try:
        for batch in data:
            forward(model, batch)
            raise ValueError("forward(model, batch) did not call the model")
        raise ValueError("data has no batch")
    except _CaughtError:
        args, kwargs = caught[0]
    finally:
        hook.remove()
    return as_example(model, args, kwargs)


def _number_of(data: Iterable[Any], limit: int | None) -> int | None:
    """How many batches this process will see, if that can be told."""
    if not isinstance(data, Sized):
        return limit
    number = len(data) if limit is None else min(len(data), limit)
    return -(-number // rank_of_ranks()[1])


@contextmanager
def _progress(title: str, forward: Forward, total: int | None, verbose: bool) -> Iterator[Forward]:
    """`forward` with a bar that moves at each batch; where tqdm is not installed, with a line at the end."""
    update, close = _bar(title, total) if verbose else (lambda: None, lambda: None)

    def shown(model: nn.Module, batch: Any) -> Any:
        result = forward(model, batch)
        update()
        return result

    try:
        yield shown
    finally:
        close()


def _bar(title: str, total: int | None) -> tuple[Callable[[], object], Callable[[], object]]:
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError:
        done: list[None] = []
        return lambda: done.append(None), lambda: print(f"{title}: {len(done)} batches", file=sys.stderr)
    bar = tqdm(desc=title, total=total, unit="batch")
    return bar.update, bar.close
