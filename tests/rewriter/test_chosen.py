"""Calls of functions that the code chooses: from tables, or by branches."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from runtime.inspect import check_prepared
from runtime.modules import Call, EltWiseAdd, shared
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 3, 4)

FUNCTIONS = """

def eager(module, q, k, *, scale=1.0):
    weights = F.softmax(q @ k.transpose(-1, -2) * scale, dim=-1)
    return F.dropout(weights, p=0.3, training=module.training) @ k


def fused(module, q, k, *, scale=1.0):
    return F.scaled_dot_product_attention(q, k, k, scale=scale)

"""
NET = """

class Net(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        q = self.fc(x)
"""
REGISTRY = """
from collections.abc import MutableMapping


class Registry(MutableMapping):
    functions = {"fused": fused}

    def __init__(self):
        self.own = {}

    def __getitem__(self, key):
        return self.own[key] if key in self.own else self.functions[key]

    def __setitem__(self, key, value):
        self.own[key] = value

    def __delitem__(self, key):
        del self.own[key]

    def __iter__(self):
        return iter({**self.functions, **self.own})

    def __len__(self):
        return len(self.functions)

    def choose(self, key, default):
        return self.get(key, default)


TABLE = Registry()
"""
DICT = '\nTABLE = {"eager": eager, "fused": fused}\n'

CHOICES = {
    "an element": (DICT, "attend = TABLE[self.kind]", "Call(TABLE)"),
    "looked up with a default": (DICT, "attend = TABLE.get(self.kind, eager)", "Call(TABLE, eager)"),
    "by branches": (
        DICT,
        'attend = eager\n        if self.kind != "eager":\n            attend = TABLE[self.kind]',
        "Call(eager, TABLE)",
    ),
    "of two functions": ("", 'attend = eager if self.kind == "eager" else fused', "Call(eager, fused)"),
    "from an object that acts as a dict": (REGISTRY, "attend = TABLE.choose(self.kind, eager)", "Call(TABLE, eager)"),
}


@pytest.mark.parametrize("kind", ["eager", "fused"])
@pytest.mark.parametrize("name", CHOICES)
def test_the_call_brings_modules_for_whichever_it_is(name: str, kind: str) -> None:
    table, choose, made = CHOICES[name]
    source = FUNCTIONS + table + NET + f"        {choose}\n        return attend(self, q, x, scale=0.5)\n"
    after = check(source, X, arguments=(kind,))
    assert f"self.call = runtime.modules.{made}" in after
    assert "return self.call(attend, self, q, x, scale=0.5)" in after
    assert "ops.scaled_dot_product_attention(" in after


def test_a_call_of_several_lines_keeps_them() -> None:
    call = "attend(\n            self,\n            q,  # rows\n            x,\n            scale=0.5,\n        )"
    after = check(
        FUNCTIONS + DICT + NET + f"        attend = TABLE[self.kind]\n        return {call}\n", X, arguments=("eager",)
    )
    assert call.replace("attend(\n", "self.call(\n            attend,\n") in after


def test_functions_without_operations_are_called_as_before() -> None:
    source = '\n\ndef first(x):\n    return x[0]\n\n\ndef last(x):\n    return x[-1]\n\n\nTABLE = {"first": first, "last": last}\n'
    source += NET + "        return TABLE[self.kind](q)\n"
    assert not rewritten(HEADER + source).changed


def test_a_function_that_only_another_file_could_name_is_said() -> None:
    source = FUNCTIONS + NET.replace("self.fc =", "eager = fused = None\n        self.fc =")
    source += '        return (eager if self.kind == "eager" else fused)(self, q, x)\n'
    result = rewritten(HEADER + source)
    assert {r.code for r in result.refusals} == {"RW903"}
    assert "no name where it is made" in result.refusals[0].message


class AddOps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add = EltWiseAdd()


def add(x: Tensor, y: Tensor, *, ops: AddOps = shared[AddOps]) -> Tensor:
    return ops.add(x, y)


def plain(x: Tensor, y: Tensor) -> Tensor:
    return x - y


def test_a_call_holds_what_its_functions_need() -> None:
    call = Call(add, {"add": add, "plain": plain, "none": None})
    assert [name for name, _ in call.named_modules() if name] == ["add", "add.add"]
    seen: list[nn.Module] = []
    call.add.add.register_forward_hook(lambda module, *_: seen.append(module))
    x, y = torch.randn(2, 3), torch.randn(2, 3)
    assert torch.equal(call(add, x, y), x + y) and seen == [call.add.add]
    assert torch.equal(call(plain, x, y), x - y)
    assert torch.equal(call(F.relu, x), F.relu(x)) and torch.equal(call(nn.ReLU(), x), F.relu(x))
    assert call(add, x, y, ops=AddOps()).equal(x + y) and len(seen) == 1


def test_a_call_is_copied_and_pickled_with_its_modules() -> None:
    call = Call(add)
    for other in (copy.deepcopy(call), pickle.loads(pickle.dumps(call))):
        assert other.add is not call.add and torch.equal(
            other(add, torch.ones(2), torch.ones(2)), torch.full((2,), 2.0)
        )
        assert not other.state_dict()


def test_functions_of_one_name_have_modules_each() -> None:
    def other(x: Tensor, *, ops: AddOps = shared[AddOps]) -> Tensor:
        return ops.add(x, x)

    other.__name__ = "add"
    call = Call(add, other)
    assert call.add is not call.add2 and torch.equal(call(other, torch.ones(2)), torch.full((2,), 2.0))


def test_compiled_whole() -> None:
    call = Call(add, plain)
    x, y = torch.randn(2, 3), torch.randn(2, 3)

    def run(x: Tensor, y: Tensor, function: object) -> Tensor:
        result: Tensor = call(function, x, y)
        return result

    compiled = torch.compile(run, fullgraph=True, backend="eager")
    assert torch.equal(compiled(x, y, add), x + y) and torch.equal(compiled(x, y, plain), x - y)


LAYERS = {
    "Embedding(9, 4, 0)": ("def forward(self, x):\n        return super().forward(x.long().abs()) * 2", X),
    "Linear(4, 4)": ("def forward(self, x):\n        return super().forward(x) + super().forward(x * 2)", X),
    "BatchNorm1d(3)": ("def forward(self, x):\n        return super(Layer, self).forward(x).relu()", X),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_the_forward_of_a_layer_of_torch_inside_a_class_below_it(layer: str) -> None:
    base, _, arguments = layer.partition("(")
    forward, given = LAYERS[layer]
    source = f"\n\nclass Layer(nn.{base}):\n    {forward}\n"
    source += f"\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.layer = Layer({arguments}\n"
    source += "\n    def forward(self, x):\n        return self.layer(x)\n"
    after = check(source, given)
    assert "self.call = runtime.modules.Call()" in after
    net = load(rewritten(HEADER + source).after)["Net"]().eval()
    found = check_prepared(net, given)
    assert not found.raw and not found.repeated, found
    assert torch.equal(torch.compile(net, fullgraph=True, backend="eager")(given), net(given))
    assert torch.equal(copy.deepcopy(net)(given), net(given))


NOT_ONE_OPERATION = ["Sequential", "Module", "Identity", "TransformerEncoderLayer", "MSELoss", "MultiheadAttention"]


@pytest.mark.parametrize("base", NOT_ONE_OPERATION)
def test_the_forward_of_what_is_no_layer_stays(base: str) -> None:
    source = f"\n\nclass Net(nn.{base}):\n    def forward(self, x):\n        return super().forward(x)\n"
    assert not rewritten(HEADER + source).changed


@pytest.mark.parametrize("choose", ["self.table[self.kind]", "self._add if self.kind else self._mul"])
def test_methods_of_the_object_itself(choose: str) -> None:
    source = f"""

class Net(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.table = {{0: self._mul, 1: self._add}}

    def _add(self, x):
        return x + 1

    def _mul(self, x):
        return x * 2

    def forward(self, x):
        chosen = {choose}
        return chosen(x)
"""
    for kind in (0, 1):
        after = check(source, X, arguments=(kind,))
        assert "return self.add(x, 1)" in after and "return self.mul(x, 2)" in after
        assert "return chosen(x)" in after


HANDED = {
    "starmap": ("torch.add", "sum(itertools.starmap(torch.add, [(x, x), (x, x * 2)]))"),
    "reduce": ("torch.add", "functools.reduce(torch.add, [x, x * 2])"),
    "checkpoint": ("F.gelu", "checkpoint(F.gelu, x)"),
}


@pytest.mark.parametrize("name", HANDED)
def test_a_function_that_is_handed_to_another_to_run_is_said(name: str) -> None:
    function, expression = HANDED[name]
    source = "import functools\nimport itertools\nfrom torch.utils.checkpoint import checkpoint\n\n"
    source += f"\nclass Net(nn.Module):\n    def forward(self, x):\n        return {expression}\n"
    result = rewritten(HEADER + source)
    assert f"({function}, " in result.after.decode()
    said = [r for r in result.refusals if r.code == "RW903"]
    assert len(said) == 1 and f"runs `{function}`" in said[0].message and "comprehension" in said[0].advice


@pytest.mark.parametrize("function", ["F.relu", "double"])
def test_a_map_over_as_many_as_there_are_rows_has_a_module_for_each(function: str) -> None:
    source = "\n\ndef double(x):\n    return x * 2\n\n"
    source += f"\nclass Net(nn.Module):\n    def forward(self, x):\n        return sum(map({function}, x))\n"
    after = check(source, X)
    assert ".each(x)" in after and "= runtime.modules.ModuleList([" in after


def test_handing_on_what_computes_nothing_is_left_without_a_word() -> None:
    source = "\n\ndef last(x):\n    return x[-1]\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n"
    source += "        n = list(map(int, x.shape))\n        return list(map(last, [x])), n\n"
    result = rewritten(HEADER + source)
    assert not result.changed and not result.refusals
