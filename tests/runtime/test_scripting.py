"""The wrapper modules and tied handles under torch.jit: each call resolved as the function's own would be."""

from __future__ import annotations

import copy
import io
import linecache
import pickle
import warnings
from collections.abc import Iterator
from typing import Any, List, Optional  # noqa: UP035  (TorchScript's own names)

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as m

X, Y = torch.randn(2, 3), torch.randn(2, 3)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, and says so at each use
        yield


class Numbers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add, self.sub, self.mul, self.div = m.EltWiseAdd(), m.EltWiseSub(), m.EltWiseMult(), m.EltWiseDiv()
        self.pow, self.iadd, self.neg, self.clamp = m.Pow(), m.EltWiseAdd(inplace=True), m.Neg(), m.Clamp(min=-1)

    def forward(self, x: Tensor, scale: float, count: int) -> Tensor:
        x = self.sub(1, self.add(x, count))
        x = self.mul(scale, self.div(x, x.numel()))
        x = self.iadd(self.pow(2, x), 0.5)
        return self.clamp(self.neg(x), max=scale)


class Joined(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rows, self.columns, self.stack, self.split = m.Concat(), m.Concat(dim=1), m.Stack(), m.Split(1)

    def forward(self, parts: List[Tensor], dim: int) -> Tensor:  # noqa: UP006
        pair = self.columns(parts[0], parts[1])
        again = self.columns((parts[0], parts[1]))
        rows = self.rows(pair, again, pair)
        first = self.split(rows, dim=dim)[0]
        return self.rows(self.stack(parts, dim=dim).flatten(), self.stack([first, first]).flatten(), dim=0)


class Reduced(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mean, self.sum, self.var, self.max = m.Mean(keepdim=True), m.Sum(), m.Var(dim=1), m.Max(dim=1)

    def forward(self, x: Tensor, dim: int, dims: List[int], correction: Optional[int]) -> Tensor:  # noqa: UP006, UP045
        one, all_of_them, wide = self.sum(x, dim), self.sum(x), self.sum(x, dtype=torch.float64)
        values, _ = self.max(x)
        spread = self.var(x, correction=correction) + self.max(x).values + values
        return (self.mean(x, dim) + self.mean(x, dims)).sum() + one.sum() + all_of_them + wide + spread.sum()


class Sized(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.interpolate, self.pad = m.Interpolate(mode="bilinear", align_corners=False), m.Pad(value=float("-inf"))
        self.pool, self.average = m.FunctionalMaxPool2d(kernel_size=2), m.FunctionalAvgPool2d()
        self.dropout, self.attend = m.FunctionalDropout(p=0.5), m.ScaledDotProductAttention(is_causal=True)

    def forward(self, x: Tensor, scale: float, step: int) -> Tensor:
        x = self.interpolate(self.interpolate(x, scale_factor=scale), size=x.shape[-2:])
        x = self.pool(self.pad(x, [1, 1, 1, 1]), stride=step)
        x = self.average(x, 2, padding=1, stride=step)
        return self.dropout(self.attend(x, x, x, scale=scale), training=self.training)


CASES: list[tuple[type[nn.Module], tuple[Any, ...]]] = [
    (Numbers, (X, 0.7, 3)),
    (Joined, ([X, Y], 1)),
    (Reduced, (X, 1, [0, 1], 0)),
    (Sized, (torch.rand(1, 2, 8, 8), 2.0, 1)),
]


@pytest.mark.parametrize(("kind", "inputs"), CASES)
def test_calls_are_resolved_by_the_types_of_the_operands(kind: type[nn.Module], inputs: tuple[Any, ...]) -> None:
    model = kind().eval()
    expected = model(*copy.deepcopy(inputs))
    scripted = torch.jit.script(model)
    stored = io.BytesIO()
    torch.jit.save(scripted, stored)
    stored.seek(0)
    for compiled in (scripted, torch.jit.load(stored), torch.jit.freeze(scripted)):
        assert torch.equal(compiled(*copy.deepcopy(inputs)), expected)


def test_scripting_leaves_the_model_as_it_was() -> None:
    model = Joined()
    before = {name: set(vars(part)) for name, part in model.named_children()}
    torch.jit.script(model)
    assert type(model.rows) is m.Concat and torch.equal(model.rows(X, Y), torch.cat([X, Y]))
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert {name: set(vars(part)) for name, part in twin.named_children()} == before
        torch.jit.script(twin)
    traced = torch.jit.trace(model.columns, (X, Y))
    assert torch.equal(traced(X, Y), torch.cat([X, Y], 1))


def test_scripting_again_sees_what_has_changed() -> None:
    model = nn.Sequential(m.Sum())
    assert torch.jit.script(model)(X).shape == ()
    model[0].fixed["dim"] = 1
    assert torch.jit.script(model)(X).shape == (2,)
    assert not [name for name in vars(copy.deepcopy(model)[0]) if "scripted" in name]


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.sum = m.SumOf()

    @torch.jit.unused
    def total(self, x: Tensor) -> Tensor:
        return self.sum([x, x])

    def forward(self, x: Tensor) -> Tensor:
        return self.total(x) if not torch.jit.is_scripting() else x


class Used(Unused):
    def forward(self, x: Tensor) -> Tensor:
        return self.sum([x, x])


def test_what_torchscript_cannot_call_may_be_there_but_not_called() -> None:
    assert torch.equal(torch.jit.script(Unused())(X), X)
    with pytest.raises(RuntimeError, match="SumOf"):
        torch.jit.script(Used())


class WrongType(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.sum = m.Sum()

    def forward(self, x: Tensor) -> Tensor:
        return self.sum(x, "rows")


def test_a_wrong_call_is_refused_with_the_choices() -> None:
    with pytest.raises(RuntimeError, match=r"dim.*int"):
        torch.jit.script(WrongType())


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.add = nn.BatchNorm1d(3), m.EltWiseAdd()

    def forward(self, x: Tensor, times: int = 1, y: Optional[Tensor] = None) -> Tensor:  # noqa: UP045
        return self.norm(x if y is None else self.add(x, y)) * times


class Commented(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x, times):
        # type: (Tensor, int) -> Tensor
        return self.linear(x) * times


class Once(nn.Module):
    """Each part is called twice: the same one, or a handle on it."""

    handles = False

    def __init__(self) -> None:
        super().__init__()
        self.block, self.commented, self.lstm = Block(), Commented(), nn.LSTM(3, 3)
        self.stage = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.ReLU())
        make = m.again if self.handles else lambda part, parts=False: part
        self.block2, self.commented2 = make(self.block, parts=True), make(self.commented)
        self.lstm2, self.stage2 = make(self.lstm), make(self.stage, parts=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block2(self.block(x, y=x), 3, x)
        x = self.commented2(self.commented(x, 2), 1)
        x = self.stage2(self.stage(x))
        return self.lstm2(self.lstm(x)[0], None)[0]


class Again(Once):
    handles = True


def twins() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    plain = Once()
    torch.manual_seed(0)
    return plain, Again()


def test_handles_compute_the_same_and_share_their_statistics() -> None:
    plain, handled = twins()
    results = []
    for model in (torch.jit.script(plain), torch.jit.script(handled)):
        out = [model(X) for _ in range(3)]
        out[-1].sum().backward()
        results.append([*out, *(p.grad for p in model.parameters()), *model.buffers()])
    distinct = len(results[0]) - len(list(plain.buffers()))
    assert len(list(handled.parameters())) == len(list(plain.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(results[0][:distinct], results[1][:distinct], strict=True))
    assert torch.equal(plain.block.norm.running_mean, handled.block.norm.running_mean)


def test_handles_add_nothing_to_a_scripted_state_dict() -> None:
    plain, handled = twins()
    expected = list(copy.deepcopy(handled).state_dict())
    scripted = torch.jit.script(handled)
    assert list(scripted.state_dict()) == expected
    with torch.no_grad():
        plain.block.norm.weight.fill_(7)
    assert not scripted.load_state_dict(copy.deepcopy(handled).state_dict(), strict=True).missing_keys
    one = {"block.norm.weight": torch.full((3,), 5.0)}
    missing = scripted.load_state_dict(one, strict=False).missing_keys
    assert missing == [key for key in expected if key not in one]
    assert handled.block.norm.weight[0] == 5


class Adds(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add = m.EltWiseAdd()

    def forward(self, x: Tensor) -> Tensor:
        return self.add(x, x)


def test_methods_can_be_compiled_after_pythons_cache_of_lines_is_emptied() -> None:
    torch.jit.script(Adds())
    linecache.clearcache()
    torch.jit._state._clear_class_state()
    assert torch.equal(torch.jit.script(Adds())(torch.ones(2)), torch.full((2,), 2.0))
