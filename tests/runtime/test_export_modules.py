"""The wrapper modules, tied handles, functions and containers under torch.compile, torch.export and ONNX export."""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as m
from tests.runtime.test_scripting import Again, Joined, Numbers, Once, Reduced, Sized
from tests.runtime.test_scripting_functions import Caller, CallerOfBoth, Chain, Steps

X, Y = torch.randn(2, 3), torch.randn(2, 3)
CASES: list[tuple[type[nn.Module], tuple[Any, ...]]] = [
    (Numbers, (X, 0.7, 3)),
    (Joined, ([X, Y], 1)),
    (Reduced, (X, 1, [0, 1], 0)),
    (Sized, (torch.rand(1, 2, 8, 8), 2.0, 1)),
    (Again, (X,)),
    (Caller, (X,)),
    (CallerOfBoth, (X,)),
    (Steps, (X,)),
    (Chain, (X,)),
]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    torch.compiler.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize(("kind", "inputs"), CASES)
def test_compiles_whole(kind: type[nn.Module], inputs: tuple[Any, ...]) -> None:
    model = kind().eval()
    expected = model(*copy.deepcopy(inputs))
    with torch._dynamo.config.patch(allow_rnn=True):  # Dynamo breaks its graph at nn.LSTM, unless it is told not to
        compiled = torch.compile(model, fullgraph=True, backend="eager")
        assert torch.equal(compiled(*copy.deepcopy(inputs)), expected)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("kind", "inputs"), CASES)
def test_exports(kind: type[nn.Module], inputs: tuple[Any, ...], strict: bool) -> None:
    model = kind().eval()
    expected = model(*copy.deepcopy(inputs))
    with torch._dynamo.config.patch(allow_rnn=True):
        program = torch.export.export(model, inputs, strict=strict)
    assert torch.equal(program.module()(*copy.deepcopy(inputs)), expected)
    assert set(program.state_dict) >= set(model.state_dict())


class Batched(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add, self.concat, self.mean = m.EltWiseAdd(), m.Concat(dim=0), m.Mean(dim=0)
        self.norm = nn.BatchNorm1d(3)
        self.norm2 = m.again(self.norm)

    def forward(self, x: Tensor) -> Tensor:
        return self.mean(self.concat(self.norm2(self.add(self.norm(x), x.shape[0])), x))


def test_exports_with_a_batch_of_any_size() -> None:
    model = Batched().eval()
    program = torch.export.export(model, (X,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    other = torch.randn(7, 3)
    assert torch.equal(program.module()(other), model(other))


class Plain(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        z = torch.cat([x + y, 1 - x, x * 0.5], dim=1)
        return z.clamp(min=0).mean(dim=1, keepdim=True) / y


class Rewritten(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add, self.sub, self.mul, self.div = m.EltWiseAdd(), m.EltWiseSub(), m.EltWiseMult(), m.EltWiseDiv()
        self.concat, self.clamp, self.mean = m.Concat(dim=1), m.Clamp(min=0), m.Mean(dim=1, keepdim=True)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        z = self.concat(self.add(x, y), self.sub(1, x), self.mul(x, 0.5))
        return self.div(self.mean(self.clamp(z)), y)


@pytest.mark.parametrize("pair", [(Plain, Rewritten, (X, Y)), (Once, Again, (X,))], ids=["operations", "handles"])
def test_onnx_graphs_are_those_of_the_plain_model(pair: tuple[type[nn.Module], type[nn.Module], Any]) -> None:
    pytest.importorskip("onnxscript", reason="ONNX export needs onnxscript")
    operators = []
    for kind in pair[:2]:
        program = torch.onnx.export(kind().eval(), pair[2], dynamo=True, verbose=False)
        assert program is not None
        operators.append(Counter(node.op_type for node in program.model.graph))
    assert operators[0] == operators[1]
