"""Functions with modules of their own, and containers with operations beside their steps, under torch.jit."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Iterator
from typing import Dict, List  # noqa: UP035  (TorchScript's own names)

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import runtime.modules as m

X = torch.randn(2, 3)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, and says so at each use
        yield


class ScaledOps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mul = m.EltWiseMult()
        self.softmax = nn.Softmax(dim=-1)


def scaled(x: Tensor, scale: float = 2.0, *, ops: ScaledOps = m.shared[ScaledOps]) -> Tensor:
    """A function that works on tensors."""
    return ops.softmax(ops.mul(x, scale))


def plain(x: Tensor, count: int) -> Tensor:
    return x.repeat(count, 1)


@torch.jit.script_if_tracing
def branching(x: Tensor, *, ops: ScaledOps = m.shared[ScaledOps]) -> Tensor:
    return ops.mul(x, 2.0) if bool(x.sum() > 0) else ops.softmax(x)


class MixedOps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scaled, self.scaled2, self.plain = m.Function(scaled), m.Function(scaled), m.Function(plain)
        self.add, self.concat, self.sub = m.EltWiseAdd(), m.Concat(dim=0), m.EltWiseSub()


def mixed(x: Tensor, sizes: List[int], *, ops: MixedOps = m.shared[MixedOps]) -> Tensor:  # noqa: UP006
    longest = 0
    for size in sizes:
        if size > longest:
            longest = ops.sub(ops.add(size, longest), longest)
    x = ops.add(ops.scaled(x), ops.scaled2(x, scale=3.0))
    return ops.plain(ops.concat(x, x), longest)


class Caller(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mixed, self.plain = m.Function(mixed), m.Function(plain)

    def forward(self, x: Tensor) -> Tensor:
        return self.plain(self.mixed(x, [1, 2]), count=2)


class CallerOfBoth(Caller):
    """Calls the functions as they are too, as code that is not rewritten does."""

    def forward(self, x: Tensor) -> Tensor:
        return self.plain(self.mixed(x, [1, 2]), count=2) + mixed(scaled(x), [4])


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branching = m.Function(branching)

    def forward(self, x: Tensor) -> Tensor:
        return self.branching(x) + branching(x + 1)


class Steps(nn.ModuleDict, m.WithOperations):
    def __init__(self) -> None:
        super().__init__({"first": nn.Linear(3, 3), "second": nn.Linear(3, 3)})
        self.add_operation("concat", m.Concat(dim=1))
        self.add_operation("dropout", nn.Dropout(p=0.5))
        self.add_operation("interpolate", m.Interpolate(mode="nearest"))

    def forward(self, x: Tensor) -> Tensor:
        found: Dict[str, Tensor] = {}  # noqa: UP006
        for name, step in self.items():
            found[name] = step(x)
        x = self.dropout(self.concat(found["first"], found["second"]))
        return self.interpolate(x[None], scale_factor=2.0)[0]


class Chain(nn.Sequential, m.WithOperations):
    def __init__(self) -> None:
        super().__init__(nn.Linear(3, 3), nn.ReLU())
        self.add_operation("add", m.EltWiseAdd(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        y = x * 1
        for step in self:
            y = self.add(y, step(x))
        return y


class Wide(Chain):
    def __init__(self) -> None:
        super().__init__()
        self.add_operation("pool", m.FunctionalMaxPool1d(kernel_size=3))

    def forward(self, x: Tensor) -> Tensor:
        for step in self:
            x = step(x)
        return self.pool(x, stride=1)


@pytest.mark.parametrize("kind", [Caller, CallerOfBoth, Branching, Steps, Chain, Wide])
@pytest.mark.parametrize("training", [True, False])
def test_compiles_to_the_same_values(kind: type[nn.Module], training: bool) -> None:
    model = kind().train(training)
    before = [name for name, _ in model.named_modules()]
    scripted = torch.jit.script(model)
    results = []
    for run in (model, scripted, pickle.loads(pickle.dumps(model)), torch.jit.script(copy.deepcopy(model))):
        torch.manual_seed(0)
        results.append(run(X))
    assert all(torch.equal(result, results[0]) for result in results)
    assert [name for name, _ in model.named_modules()] == before
    assert list(scripted.state_dict()) == list(model.state_dict())


def test_what_is_compiled_in_a_trace_keeps_its_branches() -> None:
    calls = [Branching(), m.Call(branching)]
    for call, before in zip(calls, ((), (branching,)), strict=True):
        traced = torch.jit.trace(lambda x, call=call, before=before: call(*before, x), X.abs())
        for x in (X.abs(), -X.abs()):
            assert torch.equal(traced(x), call(*before, x))


class DroppingOps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.div, self.mul = m.EltWiseDiv(inplace=True), m.EltWiseMult()


def dropping(x: Tensor, rate: float, *, ops: DroppingOps = m.shared[DroppingOps]) -> Tensor:
    noise = torch.empty([x.shape[0], 1]).bernoulli_(rate)
    ops.div(noise, rate)
    return ops.mul(x, noise)


torch.fx.wrap("dropping")


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dropping = m.Function(dropping)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropping(x, 0.5)


def test_what_fx_wraps_is_one_node_of_its_graph() -> None:
    model = Dropping()
    graph = torch.fx.symbolic_trace(model)
    assert [node.target for node in graph.graph.nodes if node.op == "call_function"] == [dropping]
    results = []
    for run in (model, graph):
        torch.manual_seed(1)
        results.append(run(X))
    assert torch.equal(*results)


class AddingOps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add = m.EltWiseAdd()


def adding(x: Tensor, y: Tensor, *, ops: AddingOps = m.shared(AddingOps)) -> Tensor:  # noqa: B008
    return ops.add(x, y)


torch.fx.wrap("adding")


class Adding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.adding = m.Function(adding)

    def forward(self, x: Tensor) -> Tensor:
        return self.adding(x, x)


def test_what_fx_wraps_is_exported_with_the_modules_that_it_has_got() -> None:
    model = Adding()
    model.adding.ops.add = m.EltWiseMult()
    assert torch.equal(torch.export.export(model, (X,)).module()(X), X * X)


class Untouched(nn.Module):
    """Its function is none that TorchScript could compile, and need not be."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = m.Function(lambda *tensors: print(*tensors))

    @torch.jit.unused
    def show(self, x: Tensor) -> None:
        self.shown(x)

    def forward(self, x: Tensor) -> Tensor:
        if not torch.jit.is_scripting():
            self.show(x)
        return x


def test_a_function_that_is_not_reached_need_not_compile() -> None:
    assert torch.equal(torch.jit.script(Untouched())(X), X)


def test_functions_compile_where_they_are_defined_and_called() -> None:
    assert torch.equal(torch.jit.script(scaled)(X), F.softmax(X * 2.0, dim=-1))
    assert torch.equal(torch.jit.script(mixed)(X, [2]), mixed(X, [2]))


def test_each_compiled_container_has_its_own_operations() -> None:
    one, other = Steps(), Steps()
    other.add_operation("concat", m.Concat(dim=0))
    other.load_state_dict(one.state_dict())
    scripted, scripted_other = torch.jit.script(one.eval()), torch.jit.script(other.eval())
    assert scripted(X).shape == (2, 12) and scripted_other(X).shape == (4, 6)


class Impossible(nn.Sequential, m.WithOperations):
    def __init__(self) -> None:
        super().__init__(nn.Linear(3, 3))
        self.add_operation("norm", nn.BatchNorm1d(3))

    def forward(self, x: Tensor) -> Tensor:
        for step in self:
            x = step(x)
        return self.norm(x)


def test_an_operation_with_parameters_is_refused() -> None:
    """Rather than taken for a step."""
    with pytest.raises(RuntimeError, match="_scripted_norm"):
        torch.jit.script(Impossible())


class Cut(torch.autograd.Function):
    """Its gradient is not that of what it computes."""

    @staticmethod
    def forward(ctx, x, weight, at=None):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(weight)
        return x * weight, x if at is None else x.clamp(max=at)

    @staticmethod
    def backward(ctx, one, other):  # type: ignore[no-untyped-def]
        (weight,) = ctx.saved_tensors
        return one * weight * 3 + other, None, None


class Cutting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((3,), 2.0))
        self.cut, self.cut2 = m.Function(Cut.apply), m.Function(Cut.apply)

    def forward(self, x: Tensor) -> Tensor:
        one, other = self.cut(x, self.weight, 0.5)
        one, other = self.cut2(one, other, None)
        return one + other


def test_a_function_with_a_gradient_of_its_own_compiles_and_has_it() -> None:
    """TorchScript asks its wrapper for the types of arguments, which such a function does not say."""
    module, x = Cutting(), X.clone().requires_grad_()
    found = []
    for model in (module, torch.jit.script(module), copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        result = model(x)
        found.append((result, *torch.autograd.grad(result.sum(), x)))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))
    assert repr(module.cut) == "Function(Cut.apply)"


class Transforms(nn.Module):
    """Functions that are called alike, and compute different things."""

    def __init__(self) -> None:
        super().__init__()
        self.there = m.Function(torch.fft.fft)
        self.back = m.Function(torch.fft.ifft)
        self.asinh = m.Function(torch.asinh)
        self.acosh = m.Function(torch.acosh)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.back(self.there(x)).real, self.asinh(x), self.acosh(x.abs() + 1)


def test_functions_of_one_signature_share_no_compiled_code() -> None:
    model, x = Transforms(), torch.linspace(-2, 2, 8)
    assert all(map(torch.equal, torch.jit.script(model)(x), model(x)))
