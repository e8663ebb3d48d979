"""Walks that ask modules for attributes that some new modules would have: `if hasattr(m, "stride"): m.stride = 1`."""

from __future__ import annotations

import torch

from tests.rewriter.executed import HEADER, assert_equal_models, check, load, rewritten

X = torch.randn(2, 3, 8, 8)
SOURCE = """

def halve(x):
    return F.avg_pool2d(x, 2, stride=1) - 1


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(2, stride=1)
        self.norm = nn.BatchNorm2d(3)

    def densify(self):
        for module in self.modules():
            if hasattr(module, "stride"):
                module.stride = 1
            if getattr(module, "inplace", None) is False:
                module.inplace = True

    def forward(self, x):
        {forward}
"""


def _changed_alike(forward: str) -> str:
    """The same before and after, also once the walk has changed what it found."""
    source = SOURCE.format(forward=forward)
    after = check(source, X)
    before, new = (load(text.encode())["Net"]() for text in (HEADER + source, after))
    new.load_state_dict(before.state_dict())
    before.densify(), new.densify()
    assert_equal_models(before, new, X)
    return after


def test_an_operation_gets_a_module_that_has_no_such_attribute() -> None:
    after = _changed_alike("return F.avg_pool2d(self.conv(x), 2, stride=2) + F.relu(x).mean()")
    assert "FunctionalAvgPool2d(" in after and "FunctionalReLU()" in after
    assert "runtime.modules.EltWiseAdd()" in after and "nn.AvgPool2d" not in after


def test_another_call_gets_a_handle_that_walks_do_not_meet() -> None:
    after = _changed_alike("return self.norm(self.conv(self.norm(x))) * 2")
    assert "self.norm2 = runtime.modules.again(self.norm, hidden=True" in after


def test_a_second_pool_is_a_handle_that_walks_do_not_meet() -> None:
    after = _changed_alike("return self.pool(self.pool(x) + 1)")
    assert "self.pool2 = runtime.modules.again(self.pool, hidden=True)" in after


def test_functions_are_given_modules_without_it_as_well() -> None:
    after = _changed_alike("return halve(x) * 2")
    assert "FunctionalAvgPool2d(" in after and "self.halve(x)" in after


def test_what_a_list_has_is_asked_for() -> None:
    walk = SOURCE.replace('"inplace", None) is False', '"append", None) is False').format(
        forward="return self.head(self.head(x), x)"
    )
    both = "class Head(nn.Module):\n    def forward(self, *xs):\n        for x in xs:\n            x = x * 2\n        return x\n"
    source = walk.replace("self.norm = nn.BatchNorm2d(3)", "self.head = Head()").replace(
        "class Net", f"{both}\n\nclass Net"
    )
    result = rewritten(HEADER + source)
    assert b"self.mul" not in result.after
    assert any("asks modules for `append`" in r.message for r in result.refusals)


def test_what_others_ask_of_their_own_modules_does_not_matter() -> None:
    source = SOURCE.format(forward="return x") + (
        "\n\nclass Other(nn.Module):\n    def forward(self, x):\n        return F.avg_pool2d(x, 2, stride=2)\n"
    )
    assert b"nn.AvgPool2d(2, stride=2)" in rewritten(HEADER + source).after


def test_an_object_below_the_walker_is_met_too() -> None:
    source = SOURCE.format(forward="return self.head(x)").replace("self.norm = nn.BatchNorm2d(3)", "self.head = Head()")
    head = "class Head(nn.Module):\n    def forward(self, x):\n        return F.avg_pool2d(x, 2, stride=2)\n\n\n"
    after = check(source.replace("class Net", f"{head}class Net"), X)
    assert "FunctionalAvgPool2d(" in after and "nn.AvgPool2d" not in after
