"""A module that a method is given and calls at each turn of a loop; lists that a loop takes its members from."""

from __future__ import annotations

import copy
import pickle

import torch
from torch import nn

from runtime.inspect import check_prepared
from runtime.modules import CallAgain
from tests.rewriter.executed import HEADER, assert_equal_models, check, load, rewritten

X = torch.randn(2, 4)

GIVEN = """
class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))


class Decoder(nn.Module):
    def __init__(self, depth=3):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(depth))

    def forward(self, x, place: nn.Module):
        for layer in self.layers:
            x = layer(x) + {call}
        return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = MLP()
        self.decoder = Decoder()

    def forward(self, x):
        return self.decoder(x, self.head)
"""


def test_a_module_that_is_given_runs_on_a_handle_at_each_turn() -> None:
    after = check(GIVEN.format(call="place(x)"), X)
    assert "self.add[i](layer(x), self.call[i](place, x))" in after
    assert "runtime.modules.CallAgain() for _ in self.layers" in after
    model = load((HEADER + after).encode())["Net"]()
    assert not check_prepared(model, X).repeated


def test_what_visits_modules_visits_the_given_one_once() -> None:
    before, after = (load((HEADER + text).encode())["Net"]() for text in _both())
    after.load_state_dict(before.state_dict())
    after(X)
    visits: list[list[nn.Module]] = [[], []]
    for model, seen in zip((before, after), visits, strict=True):
        model.apply(seen.append)
        model.double()
    assert [sum(isinstance(m, nn.Linear) for m in seen) for seen in visits] == [5, 5]
    assert torch.equal(before(X.double()), after(X.double()))
    assert [n for n, _ in before.named_parameters()] == [n for n, _ in after.named_parameters()]


def test_copies_stand_for_their_own() -> None:
    before, after = (load((HEADER + text).encode())["Net"]() for text in _both())
    after.load_state_dict(before.state_dict())
    after(X)
    for copied in (copy.deepcopy(after), pickle.loads(pickle.dumps(CallAgain()))):
        if isinstance(copied, CallAgain):
            assert torch.equal(copied(torch.relu, X), torch.relu(X))
            continue
        with torch.no_grad():
            copied.head.a.weight.zero_()
        assert torch.equal(before(X), after(X)) and not torch.equal(copied(X), after(X))


def test_another_module_is_taken_up() -> None:
    before, after = (load((HEADER + text).encode())["Net"]() for text in _both())
    after.load_state_dict(before.state_dict())
    after(X)
    before.head = after.head = nn.Linear(4, 4)
    assert_equal_models(before, after, X)


def _both() -> tuple[str, str]:
    source = GIVEN.format(call="place(x)")
    return source, rewritten(HEADER + source).after.decode().removeprefix(HEADER)


LISTS = """
def attend(value, shapes: Tensor, weights):
    values = value.split([h * w for h, w in shapes.tolist()], dim=-1)
    found = []
    for level, (h, w) in enumerate(shapes):
        found.append(F.relu(values[level]))
    return torch.cat(found, dim=-1) * weights


class Net(nn.Module):
    def forward(self, x, shapes: Tensor):
        parts = x.split(2, dim=-1)
        y = 0
        for level, (h, w) in enumerate(shapes):
            y = y + F.relu(parts[level])
        return attend(x, shapes, x), y
"""


def test_a_loop_that_takes_the_members_of_a_list_by_its_counter() -> None:
    shapes = torch.tensor([[1, 2], [2, 1]])
    after = check(LISTS, X, shapes)
    assert "ops.relu[level](values[level])" in after and "self.add[level](y, self.relu[level](parts[level]))" in after


def test_the_steps_of_a_recurrence_share_one_module() -> None:
    source = """
class Net(nn.Module):
    def forward(self, x):
        h, found = x[:, 0], []
        for t in range(x.shape[1]):
            h = torch.tanh(x[:, t] + h)
            found.append(h)
        return torch.stack(found)
"""
    assert "h = self.tanh(self.add(x[:, t], h))" in check(source, X)
