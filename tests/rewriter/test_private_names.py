"""Names that begin with two underscores: each class has its own."""

from __future__ import annotations

import ast

import pytest
import torch

from rewriter.python.private_names import spellings, with_full_names
from tests.rewriter.executed import HEADER, check, rewritten

AGAIN = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.__fc, self.__act = nn.Linear(4, 4), nn.PReLU()

    def forward(self, x):
        return self.__act(self.__act(self.__fc(x)) - 1)
"""
CONTAINER = """
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 4))
        self.__act = nn.Tanh()

    def forward(self, x):
        return self.__act(super().forward(x)) + self.__act(x)
"""
WHOLE_METHOD = """
import inspect


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.__fc = nn.Linear(4, 4)
        self.taken = len(inspect.signature(self.__mix).parameters)

    def __mix(self, x):
        return torch.relu(self.__fc(x)) * 2

    def forward(self, x):
        return self.__mix(self.__mix(x)) / self.taken
"""
SAME_NAMES_BELOW = """
class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.__act, self.__fc = nn.ReLU(), nn.Linear(4, 4)

    def __mix(self, x):
        return self.__act(x) + 1

    def forward(self, x):
        return self.__mix(self.__fc(self.__mix(x)))


class Net(Base):
    def __init__(self):
        super().__init__()
        self.__act, self.__fc = nn.Tanh(), nn.Linear(4, 4)

    def __mix(self, x, k=2):
        return self.__act(x) * k

    def forward(self, x):
        return self.__mix(super().forward(self.__mix(x))) - self.__fc(x)
"""


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (AGAIN, ["self.__act2 = runtime.modules.again(self.__act)", "return self.__act2(self.sub("]),
        (CONTAINER, ['self.add_operation("_Net__act2", runtime.modules.again(self.__act))', "self.__act2(x)"]),
        (WHOLE_METHOD, ['RunAgain(self, "_Net__mix")']),
        (SAME_NAMES_BELOW, ["self.add[call](self.__act2[call](x), 1)", "self.mul[call](self.__act2[call](x), k)"]),
    ],
)
def test_private_attributes_and_methods(source: str, written: list[str]) -> None:
    after = check(source, torch.randn(3, 4))
    assert all(text in after for text in written), after


def test_private_static_methods_stay_since_pickle_does_not_find_them() -> None:
    source = """
class Net(nn.Module):
    @staticmethod
    def __square(x):
        return x * x

    def forward(self, x):
        return self.__square(x) + 1
"""
    result = rewritten(HEADER + source)
    assert "self.add(self.__square(x), 1)" in result.after.decode()
    assert [(refusal.code, "pickle" in refusal.message) for refusal in result.refusals] == [("RW903", True)]


def test_they_are_spelled_out_as_python_does() -> None:
    text = "class _A:\n    __b = 1\n    def __f__(self, __x):\n        return self.__b, __x, self.f(__y=2), self.__class__\n"
    names = {
        n.attr if isinstance(n, ast.Attribute) else n.id
        for n in ast.walk(with_full_names(ast.parse(text), text))
        if isinstance(n, ast.Attribute | ast.Name)
    }
    assert names == {"_A__b", "_A__x", "self", "f", "__class__"}
    assert spellings("_A__b") == ["_A__b", "__b"] and spellings("__init__") == ["__init__"]
