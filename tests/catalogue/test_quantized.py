"""However an operation is spelled, the quantizer makes the same of it: a class of torch.nn, a function, a method."""

from __future__ import annotations

import copy
import inspect
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import runtime
import runtime.modules
from rewriter.engine import rewrite
from rewriter.settings import Settings
from rewriter.torch_api.catalogue import ROWS
from rewriter.torch_api.row import Row
from rewriter.torch_api.traits import Trait
from runtime import int8
from runtime.modules.base import Operation
from runtime.quantization.adjacency import find_adjacency
from runtime.quantization.kinds import Kind, kind_of
from runtime.quantization.known import has, row_of, settings
from tests.catalogue.samples import argument, make_inputs
from tests.catalogue.test_rewritten import source_of

warnings.filterwarnings("ignore")
ALONE = Trait.TABLE | Trait.RECTIFIER | Trait.AVERAGE | Trait.MAXIMUM | Trait.ROWS
"""Operations on integers that take one tensor."""
EXACT = Trait.TABLE | Trait.RECTIFIER | Trait.AVERAGE | Trait.MAXIMUM
WITH_WEIGHTS = {"layer_norm", "prelu", "rms_norm"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.op)
def test_every_spelling_is_of_one_kind(row: Row) -> None:
    source, variants = source_of(row)
    made: dict[str, Any] = {}
    exec(compile(rewrite(source.encode(), Path("sample.py"), Settings()).after, "after", "exec"), made)
    kinds: dict[tuple[int, bool, str], Kind] = {}
    for number, what in enumerate(variants):
        model = made[f"M{number}"]().eval()
        try:
            places = find_adjacency(model, make_inputs()).places
        except Exception:  # a sample that does not run before it is rewritten either
            continue
        for name, place in places.items():
            module = model.get_submodule(name)
            if row_of(module) is not row:
                continue
            tensors = min(map(len, place.sources))
            told = {p: v for p, v in settings(module).items() if p not in ("inplace", "_stacklevel", "training")}
            key = (tensors, place.settled, repr(sorted(told.items())))
            kind = kind_of(module, tensors, place.settled)
            assert kinds.setdefault(key, kind) is kind, what


def alone() -> list[Row]:
    return [
        row
        for row in ROWS
        if row.traits & ALONE and row.op not in WITH_WEIGHTS and len(row.operands) == 1 and row.returns == "tensor"
    ]


class Between(nn.Module):
    """An operation that is given integers and whose result is taken as integers."""

    def __init__(self, operation: nn.Module, dims: int) -> None:
        super().__init__()
        convolution = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dims]
        self.before = convolution(4, 4, 1)
        self.operation = operation
        self.after = nn.LazyLinear(3)
        with torch.no_grad():  # results within the domain of every function
            self.before.weight.copy_(torch.full((4, 4, *[1] * dims), 0.1) + torch.rand(4, 4, *[1] * dims) * 0.1)
            assert self.before.bias is not None
            self.before.bias.fill_(0.05)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.after(self.operation(self.before(x)))
        return y


def operations(row: Row) -> list[nn.Module]:
    """A module of each class that computes the row, told the same."""
    scope = {**make_inputs(), "torch": torch}
    given = {
        p.name: eval(argument(row, p), scope)
        for p in row.function.parameters
        if p.name not in (*row.operands, "out", "dtype", "_stacklevel", "inplace", "training", "ceil_mode")
    }
    made = []
    for target in row.targets:
        home, _, name = target.rpartition(".")
        kind = getattr(nn if home == "torch.nn" else runtime.modules, name)
        names = given.keys() if issubclass(kind, Operation) else inspect.signature(kind).parameters.keys()
        made.append(kind(**{n: v for n, v in given.items() if n in names}))
    return [module for module in made if settings(module).get("training") is not True]


@pytest.mark.parametrize("row", alone(), ids=lambda row: row.op)
def test_every_class_has_the_same_integers(row: Row) -> None:
    dims, results = row.spatial or 2, []
    x = torch.rand(2, 4, *[8] * dims) + (2 if row.op == "acosh" else 0)
    for operation in operations(row):
        torch.manual_seed(0)
        model = Between(operation, dims).eval()
        with torch.no_grad():
            model(x)
        quantized = runtime.quantize(model, [x], verbose=False)
        converted = int8.convert(quantized)
        (line,) = (line for line in int8.report(converted).lines if line.name == "operation")
        assert line.runs in ("int8", "part"), f"{type(operation).__name__}: {line.reason}"
        with torch.no_grad():
            results.append((quantized(x), copy.deepcopy(converted)(x)))
        if row.traits & EXACT:
            assert torch.equal(*results[-1]), type(operation).__name__
    assert all(torch.equal(*pair) for other in results for pair in zip(results[0], other, strict=True))


def test_rows_are_found_by_every_class() -> None:
    for row in ROWS:
        for target in row.targets:
            home, _, name = target.rpartition(".")
            assert hasattr(nn if home == "torch.nn" else runtime.modules, name), target
    assert has(nn.ReLU6(), Trait.RECTIFIER) and has(runtime.modules.FunctionalReLU6(), Trait.RECTIFIER)
    assert not has(type("Own", (nn.ReLU,), {"forward": lambda self, x: x})(), Trait.RECTIFIER)
