"""The catalogue knows every operation that it promises, and speaks of torch truthfully."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils import _pytree as pytree

import runtime.modules
from rewriter.torch_api import modules, tensors, whole
from rewriter.torch_api.catalogue import ROWS, by_spelling
from rewriter.torch_api.computing import computes
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES
from rewriter.torch_api.row import Row
from rewriter.torch_api.tensor_names import TENSOR_NAMES

LOSSES = {n for n in dir(F) if n.endswith("loss") or "cross_entropy" in n or n == "kl_div"}
NOT_ACTIVATIONS = {
    "one_hot": "makes integers",
    "assert_int_or_pair": "checks its arguments",
    "boolean_dispatch": "is machinery",
    "handle_torch_function": "is machinery",
    "has_torch_function": "is machinery",
    "has_torch_function_unary": "is machinery",
    "has_torch_function_variadic": "is machinery",
    "scaled_mm": "takes operands that are quantized already",
    "scaled_grouped_mm": "takes operands that are quantized already",
    "grouped_mm": "runs on GPUs only",
}
PROMISED = (
    "add sub mul div floor_divide remainder pow neg matmul mm bmm baddbmm addmm einsum abs exp log sqrt rsqrt reciprocal "
    "square sin cos tan erf maximum minimum clamp where masked_fill lerp addcmul addcdiv cumsum cat concat hstack vstack "
    "stack chunk split mean sum amax amin max min norm var std logsumexp prod relu sigmoid tanh softmax"
)


def test_every_function_of_torch_nn_functional_that_computes_on_activations() -> None:
    public = {
        n
        for n, f in vars(F).items()
        if callable(f) and not n.startswith("_") and not inspect.isclass(f) and n.islower()
    }
    unknown = {n for n in public - LOSSES - NOT_ACTIVATIONS.keys() if not by_spelling(f"torch.nn.functional.{n}")}
    assert not unknown


@pytest.mark.parametrize("name", PROMISED.split())
def test_promised_operation(name: str) -> None:
    assert by_spelling(f"torch.{name}")
    if hasattr(torch.Tensor, name):
        assert by_spelling(f"torch.Tensor.{name}")
    if hasattr(torch.Tensor, f"{name}_"):
        assert by_spelling(f"torch.Tensor.{name}_")


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "//", "%", "**", "@"])
def test_operators(symbol: str) -> None:
    assert by_spelling(symbol) and by_spelling(f"{symbol}=")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.op)
def test_targets_and_spellings_exist(row: Row) -> None:
    for target in {row.target, row.flexible_target}:
        owner, _, name = target.rpartition(".")
        made = getattr({"torch.nn": nn, "runtime.modules": runtime.modules}[owner], name)
        assert issubclass(made, nn.Module)
    for spelling in row.spellings:
        if spelling.name[:1].isalpha() and not spelling.name.startswith("unary"):
            found: object = {"torch": torch, "builtins": __builtins__, "operator": __import__("operator")}[
                spelling.name.split(".")[0]
            ]
            for part in spelling.name.split(".")[1:]:
                found = found[part] if isinstance(found, dict) else getattr(found, part)
            assert callable(found)


def test_names_are_unique() -> None:
    assert len({row.op for row in ROWS}) == len(ROWS)


def test_reserved_names_are_those_of_nn_module() -> None:
    real = {n for n in {*dir(nn.Module()), *vars(nn.Module())} if not (n.startswith("__") and n.endswith("__"))}
    assert real <= MODULE_ATTRIBUTES


def test_parameter_free_classes_have_no_state() -> None:
    arguments = {
        "AdaptiveAvgPool": (2,), "AdaptiveMaxPool": (2,), "AvgPool": (2,), "MaxPool": (2,), "MaxUnpool": (2,),
        "LPPool": (2, 2), "ChannelShuffle": (2,), "CircularPad": (1,), "ConstantPad": (1, 0.0), "ReflectionPad": (1,),
        "ReplicationPad": (1,), "ZeroPad": (1,), "Fold": (4, 2), "Unfold": (2,), "LocalResponseNorm": (2,),
        "PixelShuffle": (2,), "PixelUnshuffle": (2,), "Threshold": (0.1, 0.2), "Unflatten": (1, (2, 2)),
    }  # fmt: skip
    for full in sorted(name for name in modules.PARAMETER_FREE if name.startswith("torch.")):
        name = full.rpartition(".")[2]
        made = getattr(nn, name)(*arguments.get(re.sub(r"[123]d$", "", name), ()))
        assert not list(made.parameters()) and not list(made.buffers()), name


@pytest.mark.parametrize("name", sorted(n for n in dir(torch.Tensor) if not n.startswith("_")))
def test_attributes_of_tensors(name: str) -> None:
    """A property's kind is what it gives; anything unlisted must give a tensor."""
    if not isinstance(inspect.getattr_static(torch.Tensor, name), property | type(torch.Tensor.shape)):  # type: ignore[arg-type]
        return
    try:
        value = getattr(torch.rand(2, 3), name)
    except (RuntimeError, AttributeError):
        return
    number = ("whole", "number")
    kinds = {bool: number, int: number, torch.Tensor: ("tensor",), torch.Size: ("shape",)}.get(type(value))
    assert kinds is None or tensors.attribute(name) in kinds


WHOLE = torch.arange(1, 5).reshape(2, 2)
BITS = WHOLE % 2
GIVEN = (
    (), (WHOLE,), (0,), (1, 1), (0, WHOLE), (0, 0, 1), (WHOLE > 2, 1), ((2, 2),), (0, BITS, WHOLE), ((4,), 1), (0, BITS),
    (BITS,), (BITS[0],), (0, BITS[0]), (WHOLE > 2,), ((1, 0),), ([1, 1],), (0, (2, 1)),
)  # fmt: skip


@pytest.mark.parametrize(
    "name", sorted(n for n in dir(torch.Tensor) if whole.of_whole(n) and n[0] != "_" and n != "cuda")
)
def test_what_is_computed_of_integers(name: str) -> None:
    results = []
    for receiver, arguments in itertools.product((WHOLE, WHOLE[0]), GIVEN):
        with contextlib.suppress(RuntimeError, TypeError, IndexError, ValueError):
            results.append(getattr(receiver.clone(), name)(*arguments))
    found = [leaf for leaf in pytree.tree_leaves(results) if isinstance(leaf, torch.Tensor)]
    assert found and not any(leaf.is_floating_point() for leaf in found)


@pytest.mark.parametrize("name", sorted(n for n in dir(torch.Tensor) if whole.always(n) and not n.endswith("_")))
def test_what_has_no_fractions_whatever_it_is_given(name: str) -> None:
    results = []
    for arguments in ((), (torch.rand(2, 2),), (WHOLE.bool(),)):
        with contextlib.suppress(RuntimeError, TypeError, IndexError, ValueError):
            results.append(getattr(torch.rand(2, 2), name)(*arguments))
    found = [leaf for leaf in pytree.tree_leaves(results) if isinstance(leaf, torch.Tensor)]
    assert not any(leaf.is_floating_point() for leaf in found)


def test_the_names_of_tensors() -> None:
    assert {n for n in dir(torch.Tensor) if not n.startswith("_")} <= TENSOR_NAMES


def test_constants_are_no_functions() -> None:
    for name in ("float32", "bfloat16", "channels_last", "strided", "pi"):
        assert tensors.is_constant(f"torch.{name}") and not callable(getattr(torch, name))


def test_what_computes_can_be_called() -> None:
    """`x.is_cuda()` is a method of another object: a tensor has an attribute of that name."""
    methods = [name for name in TENSOR_NAMES if computes(f"torch.Tensor.{name}")]
    assert len(methods) > 100 and [n for n in methods if not callable(getattr(torch.Tensor, n, None))] == []


def test_a_wrapper_calls_the_function_that_takes_most() -> None:
    """`torch.sigmoid` takes `out`, `F.sigmoid` does not: the module for both is given whatever the call was given."""
    for row in ROWS:
        functions = [s for s in row.spellings if s.name.startswith("torch.") and not s.is_method and not s.inplace]
        called = {p.name for s in functions if s.name == row.function.name for p in s.parameters}
        for spelling in functions:
            assert {p.name for p in spelling.parameters} <= called | {"inplace"}, (row.op, spelling.name)
