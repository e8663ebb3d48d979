"""Makes a program of a converted model, and holds it to the model before anybody gets it."""

from __future__ import annotations

import copy
from collections import UserDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_structure

from runtime.int8.asked import check_converted
from runtime.int8.capture import CaptureError, capture
from runtime.int8.compiled import CompiledModel, results_of
from runtime.int8.fusion import simplify
from runtime.int8.trees import Tree, packed, unpacked
from runtime.modules.kept_state import keeping_state
from runtime.quantization.inputs import InputError, check_example, door, explained, lone, shown
from runtime.quantization.metadata import quantizer_metadata
from runtime.user_line import warn


@door("compile")
def compile(model: nn.Module, /, *given: Any, **named: Any) -> CompiledModel:
    """A converted model as a flat program: one native call, buffers planned once for each shape of inputs.

    The arguments are an example of those that the model is called with, or one batch of what `quantize` was given.
    Their first size is a batch of any size, if the model allows it. The program is run beside the model once, and must
    return the same; where it does not, or cannot be made, the model itself runs, and a warning says why.
    """
    if isinstance(model, CompiledModel):
        raise TypeError("the model is compiled already")
    check_converted(model)
    check_example([given, named])
    model.eval()
    with keeping_state(model):
        return _compiled(model, _as_called(model, given, named))


def _compiled(model: nn.Module, example: tuple[Any, ...]) -> CompiledModel:
    reasons: list[str] = []
    expected = _first_results(model, example)
    for dynamic in (True, False):
        try:
            _check_forgets(model, example, expected)
            captured = capture(model, _grown(example) if dynamic else example, dynamic)
            program, fixed = simplify(captured.program), "" if dynamic else reasons[0]
            compiled = CompiledModel(program, model, fixed=fixed, result_spec=captured.result_spec)
            _check(compiled, expected, example)
            if dynamic:
                _check(compiled, *_of_one(model, example))
            return compiled
        except CaptureError as error:
            reasons.append(str(error))
    warn(f"the model was not compiled, and runs as it is: {reasons[-1]}")
    return CompiledModel(None, model, reasons[-1])


def _first_results(model: nn.Module, example: tuple[Any, ...]) -> Any:
    """What the model returns for the example, or why it cannot take it, and what it was quantized with."""
    seen = (quantizer_metadata(model) or {}).get("dummy_input")
    try:
        with explained(model, lone(example), "the example"):
            return results_of(model, copy.deepcopy(example))
    except InputError as error:
        quantized_with = "" if seen is None else f"it was quantized with {shown(lone(seen))}; "
        raise InputError(
            f"{error}\n  {quantized_with}an example is the arguments of one call, and each shape takes a program"
        ) from error.__cause__


def _as_called(model: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """A batch that holds the arguments, by place or by name, is taken apart as calibration has done."""
    batch = given[0] if len(given) == 1 else None
    seen = (quantizer_metadata(model) or {}).get("dummy_input")
    if isinstance(batch, UserDict) or (isinstance(batch, Mapping) and isinstance(seen, dict)):
        return packed((), {**batch, **named})
    if isinstance(batch, (tuple, list)) and isinstance(seen, tuple) and not isinstance(seen[0], (tuple, list)):
        given = tuple(batch[: len(seen)])
    return packed(given, named)


def _check_forgets(model: nn.Module, example: tuple[Any, ...], first: Any) -> None:
    """A second call must return what the first has: a program would begin with the same state each time."""
    second = results_of(model, copy.deepcopy(example))
    if not all(map(_same, tree_leaves(first), tree_leaves(second))):
        raise CaptureError(
            "what it returns depends on the calls before, and a program keeps nothing: take the state as an argument "
            "and return it"
        )


def _same(first: Any, second: Any) -> bool:
    if not isinstance(first, Tensor) or not isinstance(second, Tensor):
        return True  # what is no tensor is no result of the program's
    return first.shape == second.shape and torch.allclose(first, second, rtol=0, atol=0, equal_nan=True)


def _check(compiled: CompiledModel, expected: Any, example: tuple[Any, ...]) -> None:
    """The program must return what the model does: equal codes, and floating point as near as another order of sums."""
    try:
        args, named = unpacked(copy.deepcopy(example))
        given = compiled(*args, **named)
        if tree_structure(given) != tree_structure(expected):
            raise TypeError(f"it returns {tree_structure(given)}, not {tree_structure(expected)}")
        torch.testing.assert_close(tree_leaves(given), tree_leaves(expected), rtol=1e-4, atol=1e-4)
    except Exception as error:
        raise CaptureError(f"the program does not compute what the model does: {error}") from error


def _grown(example: tuple[Any, ...]) -> tuple[Any, ...]:
    """With a batch of two at least: sizes of one mean something else to torch.export. What a tensor is a part of, it
    would look at as well."""
    return _each(example, lambda x: x.clone() if not x.dim() or x.shape[0] > 1 else torch.cat([x, x]))


def _of_one(model: nn.Module, example: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """What the model returns for a batch of one, and that batch."""
    first = _each(example, lambda x: x[:1])
    try:
        return results_of(model, copy.deepcopy(first)), first
    except Exception as error:
        raise CaptureError(f"the model itself takes no batch of one: {error}") from error


def _each(example: tuple[Any, ...], change: Any) -> tuple[Any, ...]:
    tree = Tree.of(example, lambda leaf: change(leaf) if isinstance(leaf, Tensor) else leaf)
    changed: tuple[Any, ...] = tree.build(lambda leaf: leaf)
    return changed
