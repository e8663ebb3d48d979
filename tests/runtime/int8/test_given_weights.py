"""Networks written as functions: weights that each call gives are quantized as those of torch.nn's layers are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import runtime
import runtime.modules as m
from runtime import int8
from runtime.quantization.quantized.given import GivenDynamicSum, GivenEmbedding, GivenSum


class Written(nn.Module):
    """A convolution, a rectifier and a linear layer, of functions or of modules with the same Parameters."""

    def __init__(self, as_functions: bool, bias: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.owner = nn.Conv2d(3, 4, 3, padding=1, bias=bias)
        self.weight = nn.Parameter(torch.randn(5, 4 * 36) / 12)
        self.relu = nn.ReLU()
        self.conv = m.FunctionalConv2d(padding=1) if as_functions else self.owner
        self.linear = m.FunctionalLinear() if as_functions else nn.Linear(4 * 36, 5, bias=False)
        self.as_functions = as_functions
        if not as_functions:
            self.linear.weight = self.weight

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        if not self.as_functions:
            return self.linear(self.relu(self.conv(x)).flatten(1))  # type: ignore[no-any-return]
        x = self.relu(self.conv(x, self.owner.weight, self.owner.bias)).flatten(1)
        return self.linear(x, self.weight if weight is None else weight)  # type: ignore[no-any-return]


X = torch.rand(2, 3, 6, 6)


@pytest.mark.parametrize("bias", [True, False])
def test_the_integers_are_those_of_the_layers(bias: bool) -> None:
    results = []
    for as_functions in (True, False):
        q = runtime.quantize(Written(as_functions, bias), [(X,)], verbose=False)
        converted = int8.convert(q)
        assert {line.runs for line in int8.report(converted).lines if line.name in ("conv", "linear")} == {"int8"}
        compiled = int8.compile(converted, X)
        assert compiled.program is not None, compiled.reason
        results += [q(X), converted(X), compiled(X)]
        assert isinstance(q.linear, GivenSum) is as_functions
    assert all(torch.equal(results[0], other) for other in results)


def test_scales_of_each_tensor_as_it_comes() -> None:
    functions, layers = (
        runtime.quantize(Written(as_functions), [(X,)], method="dynamic", verbose=False)
        for as_functions in (True, False)
    )
    assert isinstance(functions.conv, GivenDynamicSum) and torch.equal(functions(X), layers(X))


def test_another_weight_runs_in_floating_point() -> None:
    model = Written(True)
    q = runtime.quantize(model, [(X,)], verbose=False)
    converted = int8.convert(q)
    other = torch.randn(5, 4 * 36) / 12
    assert torch.equal(q(X, other), converted(X, other))
    noise = (q(X, other) - model(X, other)).square().sum() / model(X, other).square().sum()
    assert noise < 1e-3 and not torch.equal(q(X, other), q(X))


def test_state_has_each_parameter_once() -> None:
    q = runtime.quantize(Written(True), [(X,)], verbose=False)
    assert [name for name, _ in q.named_parameters()] == ["weight", "owner.weight", "owner.bias"]
    q.load_state_dict(q.state_dict())
    assert torch.equal(int8.convert(q)(X), q(X))


class Tied(nn.Module):
    """The rows of an embedding are the weights of the last layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.hidden, self.head = nn.Embedding(10, 6), nn.Linear(6, 6), m.FunctionalLinear()

    def forward(self, tokens: Any) -> Any:
        return self.head(self.hidden(self.embedding(tokens)), self.embedding.weight)


def test_a_weight_whose_owner_holds_integers_is_left() -> None:
    tokens = torch.arange(10).reshape(2, 5)
    model = Tied()
    converted = int8.convert(runtime.quantize(model, [(tokens,)], verbose=False))
    assert [line.name for line in int8.report(converted).in_float] == ["head"]
    assert (F.mse_loss(converted(tokens), model(tokens)) / model(tokens).square().mean()) < 1e-3


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(10, 6))
        self.embedding, self.linear = m.FunctionalEmbedding(), nn.Linear(6, 3)

    def forward(self, tokens: Any) -> Any:
        return self.linear(self.embedding(tokens, self.table))


def test_rows_of_a_parameter() -> None:
    tokens = torch.arange(10).reshape(2, 5)
    model = Tokens()
    q = runtime.quantize(model, [(tokens,)], verbose=False)
    converted = int8.convert(q)
    assert isinstance(q.embedding, GivenEmbedding) and not int8.report(converted).in_float
    assert torch.equal(q(tokens), converted(tokens))
    assert (F.mse_loss(q(tokens), model(tokens)) / model(tokens).square().mean()) < 1e-3


class Normalized(nn.Module):
    def __init__(self, as_function: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.before, self.after = nn.Linear(6, 8), nn.Linear(8, 3)
        self.owner = nn.LayerNorm(8)
        nn.init.normal_(self.owner.weight)
        nn.init.normal_(self.owner.bias)
        self.norm = m.FunctionalLayerNorm(normalized_shape=(8,)) if as_function else self.owner
        self.as_function = as_function

    def forward(self, x: Tensor) -> Any:
        x = self.before(x)
        x = self.norm(x, weight=self.owner.weight, bias=self.owner.bias) if self.as_function else self.norm(x)
        return self.after(x)


def test_a_normalization_that_is_given_its_weights() -> None:
    x = torch.randn(16, 6)
    results = []
    for as_function in (True, False):
        converted = int8.convert(runtime.quantize(Normalized(as_function), [(x,)], verbose=False))
        name = "norm" if as_function else "owner"
        assert {line.runs for line in int8.report(converted).lines if line.name == name} == {"int8"}
        compiled = int8.compile(converted, x)
        assert compiled.program is not None, compiled.reason
        results += [converted(x), compiled(x)]
    assert all(torch.equal(results[0], other) for other in results)
