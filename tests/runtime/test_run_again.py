"""A method that runs again on modules of its own computes what it did, on the same state."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as m
from tests.rewriter.executed import assert_equal_models

X = torch.randn(4, 8)


class Block(nn.Module):
    """A part with operations of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(8, 8)
        self.mul = m.EltWiseMult()

    def forward(self, x: Tensor) -> Tensor:
        return self.mul(self.lin(x), 2)  # type: ignore[no-any-return]


class Net(nn.Module):
    """Runs `mix` several times, as its author wrote it, by a method that passes on whatever it is given."""

    def __init__(self, again: bool = False) -> None:
        super().__init__()
        self.block = Block()
        self.same = self.block
        self.drop = nn.Dropout(0.3)
        self.relu = nn.ReLU()
        self.norm = nn.BatchNorm1d(8)
        self.head = nn.Linear(8, 8)
        self.seen = 0
        self.hooks: dict[int, Any] = {}
        if again:
            self.again = m.ModuleList(m.RunAgain(self, "run") for _ in range(2))
        self.add = m.EltWiseAdd()

    @property
    def active(self) -> nn.Module:
        return self.relu

    def run(self, **kwargs: Any) -> Tensor:
        self.seen += 1
        for hook in self.hooks.values():
            hook(self)
        return self.mix(**kwargs)

    def mix(self, x: Tensor, y: Tensor) -> Tensor:
        return self.norm(self.active(self.drop(self.block(x)) + self.same(self.add(x, y))))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        y = self.run(x=x, y=x)
        for i in range(2):
            y = (self.again[i](self.run) if hasattr(self, "again") else self.run)(x=y, y=x)
        return self.head(y)  # type: ignore[no-any-return]


@pytest.fixture
def nets() -> tuple[Net, Net]:
    torch.manual_seed(0)
    plain = Net()
    torch.manual_seed(0)
    return plain, Net(again=True)


def test_it_computes_the_same_and_keeps_the_same(nets: tuple[Net, Net]) -> None:
    plain, net = nets
    assert_equal_models(plain, net, X)
    assert plain.state_dict().keys() == net.state_dict().keys()
    assert [n for n, _ in plain.named_parameters()] == [n for n, _ in net.named_parameters()]
    assert plain.seen == net.seen > 0
    assert type(net._modules) is dict


def test_each_run_has_modules_of_its_own_for_what_the_method_comes_to(nets: tuple[Net, Net]) -> None:
    net, names, ran = nets[1], Counter[str](), Counter[str]()
    for name, module in net.named_modules():
        names[name] += 1
        if not list(module.children()):
            module.register_forward_hook(lambda *_, name=name: ran.update([name]))
    assert max(names.values()) == 1
    net(X)
    operations = ("relu", "drop", "add")
    assert all(ran[f"{where}{name}"] == 1 for where in ("", "again.0.", "again.1.") for name in operations)
    assert not any("head" in name for name in names if "again" in name)


def test_the_handles_follow_and_stay_where_they_are_put(nets: tuple[Net, Net]) -> None:
    plain, net = nets
    for model in nets:
        model.relu = nn.GELU()
        model.block = nn.Sequential(nn.Linear(8, 8))
        model.block[0].load_state_dict(plain.block[0].state_dict())
    assert_equal_models(plain, net, X)
    wrapped = net.again[1].relu = nn.Sequential(net.again[1].relu)
    calls = []
    wrapped.register_forward_hook(lambda *_: calls.append(1))
    assert_equal_models(plain.eval(), net.eval(), X)
    assert calls


def test_copies_run_on_their_own_modules(nets: tuple[Net, Net]) -> None:
    plain, net = nets
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        with torch.no_grad():
            net.block.lin.weight.mul_(1)
            other.block.lin.weight.zero_()
        assert_equal_models(plain, net, X)
        assert not torch.equal(plain.eval()(X), other.eval()(X))
    assert torch.equal(copy.copy(net.eval())(X), plain.eval()(X))


def test_a_model_that_is_called_twice_itself(nets: tuple[Net, Net]) -> None:
    plain, net = nets

    class Twice(nn.Module):
        def __init__(self, net: Net) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Tensor:
            return getattr(self, "net2", self.net)(self.net(x))  # type: ignore[no-any-return]

    before, after = Twice(plain), Twice(net)
    after.net2 = m.again(net, parts=True)
    assert_equal_models(before, after, X)
    ran: Counter[str] = Counter()
    for name, module in after.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda *_, name=name: ran.update([name]))
    after(X)
    names = [f"{net}.{again}relu" for net in ("net", "net2") for again in ("", "again.0.", "again.1.")]
    assert [ran[name] for name in names] == [1] * 6


def test_what_the_method_does_to_the_modules_it_does_to_the_objects() -> None:
    class Changing(Net):
        def mix(self, x: Tensor, y: Tensor) -> Tensor:
            self.relu = nn.GELU()
            if "head" in self._modules:
                del self.head
            return self.relu(self.block(x) + y)  # type: ignore[no-any-return]

        def forward(self, x: Tensor) -> Tensor:
            return (self.again[0](self.run) if hasattr(self, "again") else self.run)(x=x, y=x)  # type: ignore[no-any-return]

    torch.manual_seed(0)
    plain = Changing()
    torch.manual_seed(0)
    net = Changing(again=True)
    assert torch.equal(plain(X), net(X))
    assert isinstance(net.relu, nn.GELU) and "head" not in net._modules


def test_an_error_leaves_the_object_as_it_was(nets: tuple[Net, Net]) -> None:
    net = nets[1]
    with pytest.raises(RuntimeError, match="must match"):
        net.again[0](net.run)(x=X, y=torch.ones(3))
    assert type(net._modules) is dict


def test_initialization_meets_each_module_once(nets: tuple[Net, Net]) -> None:
    met = [Counter(type(module).__name__ for module in _applied(net)) for net in nets]
    assert all(met[0][name] == met[1][name] for name in ("Linear", "Block", "BatchNorm1d"))
    assert len(list(nets[0].parameters())) == len(list(nets[1].parameters()))


def _applied(net: nn.Module) -> list[nn.Module]:
    found: list[nn.Module] = []
    net.apply(found.append)
    return found


def test_graphs_are_made_of_what_runs_once(nets: tuple[Net, Net]) -> None:
    plain, net = nets
    plain.eval(), net.eval()
    traced = torch.jit.trace(net, (X,))
    assert torch.equal(traced(X), plain(X))
    program = torch.export.export(net, (X,))
    assert torch.equal(program.module()(X), plain(X))
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    assert torch.equal(compiled(X), plain(X))


def test_nothing_keeps_a_model_alive() -> None:
    net = Net(again=True)
    net(X)
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_a_list_of_them_grows(nets: tuple[Net, Net]) -> None:
    net = nets[1].eval()
    net.again[4](net.run)(x=X, y=X)
    assert len(net.again) == 5 and not net.again[4].training
