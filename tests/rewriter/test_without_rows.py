"""What torch computes and the catalogue has no row of: a module calls it, and nothing of it is left in silence."""

from __future__ import annotations

import copy
import importlib
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import runtime.modules
from rewriter.torch_api import computing, whole
from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, check, load, rewritten

SQUARE = torch.rand(4, 4) + 0.1
FORWARD = "class Net(nn.Module):\n    def forward(self, x, y):\n        return {}\n"
FUNCTIONS = (
    "torch.cdist(x, y)", "torch.kron(x, y)", "torch.float_power(x, 2)", "torch.logit(x, eps=0.1)", "torch.linalg.inv(x)",
    "torch.layer_norm(x, (4,))", "torch.group_norm(x, 2)", "torch.quantile(x, 0.5, dim=1)", "torch.var_mean(x, 0)[1]",
    "torch.logcumsumexp(x, 0)", "torch.special.entr(x)", "torch.fft.rfft(x).real", "torch.block_diag(x, y)",
    "torch.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, False)", "torch.linalg.multi_dot([x, y, x])",
    "torch.diff(x)", "torch.trace(x)", "torch.dist(x, y)", "torch.sparse.mm(x, y)", "torch._C._nn.gelu(x)",
)  # fmt: skip
METHODS = (
    "x.index_add(0, torch.tensor([0, 2, 1, 3]), y)", "x.scatter_add(1, y.long(), y)", "x.quantile(0.5)", "x.kron(y)",
    "x.clone().index_add_(0, torch.tensor([0, 1]), y[:2], alpha=2)", "x.matrix_exp()", "x.float_power(3)", "x.trace()",
    "x.clone().scatter_reduce_(0, y.long(), y, reduce='amax')", "x.stft(4, return_complex=True).abs()",
)  # fmt: skip
STAYING = (
    "x.topk(2)[0]", "x.sort()[0]", "torch.roll(x, 1, 0)", "torch.flip(x, [0])", "x.gather(1, y.long())",
    "torch.tril(x)", "x.masked_select(y > 0.5)", "torch.ones_like(x)", "torch.bernoulli(x.clamp(0, 1))[:0]",
    "F.binary_cross_entropy(x, x)", "torch.diag_embed(x)", "x.index_copy(0, torch.tensor([0, 1]), y[:2])",
    "torch.view_as_real(torch.complex(x, y))", "torch.bincount(torch.ones(3).long())",
)  # fmt: skip

DEVICES = {"cuda", "mtia", "xpu"}


@pytest.mark.parametrize("expression", FUNCTIONS)
def test_a_function_is_called_by_a_module(expression: str) -> None:
    after = check(FORWARD.format(expression), SQUARE.clone().requires_grad_(), (SQUARE.t() / 2).contiguous())
    function = expression.partition("(")[0]
    assert f"runtime.modules.Function({function})" in after
    model = load((HEADER + after).encode())["Net"]()
    assert not check_prepared(model, SQUARE, SQUARE).raw
    assert not rewritten(HEADER + after).changed


@pytest.mark.parametrize("expression", METHODS)
def test_a_method_is_called_by_a_module(expression: str) -> None:
    after = check(FORWARD.format(expression), SQUARE.clone().requires_grad_(), (SQUARE.t() / 2).contiguous())
    assert "runtime.modules.Function(torch.Tensor." in after
    assert not rewritten(HEADER + after).changed


@pytest.mark.parametrize("expression", STAYING)
def test_what_moves_selects_makes_draws_or_is_a_loss_stays(expression: str) -> None:
    result = rewritten(HEADER + FORWARD.format(expression))
    assert not any("Function(" in line for line in result.after.decode().splitlines()) and not result.refusals


def test_torch_is_imported_for_a_method_where_the_file_has_no_name_for_it() -> None:
    source = "from torch.nn import Module\n\n\nclass Net(Module):\n    def forward(self, x, i, y):\n"
    after = rewritten(f"{source}        return x.relu().index_add(0, i, y)\n").after
    index = torch.tensor([0, 1, 2, 3])
    assert torch.equal(load(after)["Net"]()(SQUARE, index, SQUARE), SQUARE.index_add(0, index, SQUARE))


def test_an_object_with_a_method_of_that_name_is_asked_for_its_own() -> None:
    source = """
class Table:
    def kron(self, other, scale=1):
        return other * scale


class Own(Tensor):
    def kron(self, other, scale=1):
        return other + scale


class Net(nn.Module):
    def forward(self, x, y):
        return x.kron(y)
"""
    result = rewritten(HEADER + source)
    before, after = load(result.before), load(result.after)
    assert b"Function(torch.Tensor.kron)" in result.after
    for kind in (lambda names: names["Table"](), lambda names: SQUARE.as_subclass(names["Own"])):
        assert torch.equal(after["Net"]()(kind(after), SQUARE), before["Net"]()(kind(before), SQUARE))


@pytest.mark.parametrize("function", [torch.kron, torch.Tensor.kron, torch.Tensor.float_power])
def test_the_module_is_copied_pickled_scripted_traced_and_exported(function: object) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.call = runtime.modules.Function(function)  # type: ignore[arg-type]

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return self.call(x, y)  # type: ignore[no-any-return]

    net, given = Net(), (SQUARE, SQUARE)
    wanted = net(*given)
    assert torch.equal(pickle.loads(pickle.dumps(net.call))(*given), wanted)
    made = (copy.deepcopy(net), torch.jit.script(net), torch.jit.trace(net, given), torch.fx.symbolic_trace(net))
    for other in (*made, torch.export.export(net, given).module()):
        assert torch.equal(other(*given), wanted)


@pytest.mark.parametrize("name", sorted(n for n in computing.MOVING - DEVICES if hasattr(torch.Tensor, n)))
def test_what_moves_makes_no_new_values(name: str) -> None:
    """Whatever it can be given: each value that it returns is one that went in, or nothing."""
    known = {*SQUARE.flatten().tolist(), 0.0, 1.0}
    for given in ((), (0,), (0, 1), (1, torch.tensor([[0, 1]])), (SQUARE > 0.3,), ((2, 8),), (0, 1, 2)):
        try:
            result = getattr(SQUARE.clone(), name)(*given)
        except (RuntimeError, TypeError, IndexError, ValueError, NotImplementedError, AttributeError):
            continue
        for leaf in torch.utils._pytree.tree_leaves(result):
            if isinstance(leaf, Tensor) and leaf.dtype == SQUARE.dtype and leaf.layout == torch.strided:
                assert set(leaf.flatten().tolist()) <= known, given


def test_integers_and_random_numbers_are_told_elsewhere() -> None:
    assert not any(whole.always(name) for name in computing.MOVING)


@pytest.mark.parametrize(
    "expression",
    [
        "torch.ops.aten.relu(x)",
        "torch.vmap(torch.sin)(x)",
        "torch.compile(F.relu)(x)",
        "torch.func.functional_call(self.fc, {}, (x,))",
        "nn.Linear.forward(self.fc, x)",
        "torch.autograd.grad(y.sum(), x)[0]",
    ],
)
def test_what_runs_other_code_is_said(expression: str) -> None:
    result = rewritten(HEADER + FORWARD.format(expression))
    assert "RW911" in {r.code for r in result.refusals}


MIX = """
def mix(x, y):
    return x.index_add(0, torch.zeros_like(y[:, 0]).long(), y) * torch.dist(y, x)


class Net(nn.Module):
    def forward(self, x, y):
        f = mix
        return f(x, y)
"""


def test_a_function_with_such_methods_is_traced_where_nobody_brings_modules_for_it() -> None:
    source = HEADER + MIX
    result = rewritten(source)
    assert "Function(torch.Tensor.index_add)" in result.after.decode()
    before, after = load(result.before), load(result.after)
    wanted = before["mix"](SQUARE, SQUARE)
    assert torch.equal(torch.fx.symbolic_trace(after["Net"]())(SQUARE, SQUARE), wanted)


def test_a_function_with_such_methods_is_scripted_where_a_module_brings_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = HEADER + MIX.replace("        f = mix\n", "").replace("f(x, y)", "mix(x, y)")
    (tmp_path / "with_methods.py").write_bytes(rewritten(source).after)
    monkeypatch.syspath_prepend(str(tmp_path))
    net = importlib.import_module("with_methods").Net()
    assert torch.equal(torch.jit.script(net)(SQUARE, SQUARE), net(SQUARE, SQUARE))


OWN = """
class Tagged(torch.Tensor):
    def {name}(self, *args, **given):
        return self * 100


class Net(nn.Module):
    def forward(self, x):
        return {call}
"""


@pytest.mark.parametrize("call", ("F.hardshrink(x)", "F.max_pool1d(x[None], 1)[0]", "torch.relu(x)", "x.relu()"))
def test_a_tensor_with_a_method_of_its_own_is_asked_for_it_where_the_source_asks(call: str) -> None:
    """`F.relu(x)` computes what torch does; the wrapper would run the method, as for `x.relu()`."""
    name = call.partition("(")[0].rpartition(".")[2]
    walks = "\n\ndef convert(module):\n    return [c for c in module.children() if isinstance(c, nn.ReLU)]\n"
    result = rewritten(HEADER + OWN.format(name=name, call=call) + walks)
    codes = [load(code) for code in (result.before, result.after)]
    assert result.changed
    assert torch.equal(*(code["Net"]()(SQUARE.as_subclass(code["Tagged"])).as_subclass(Tensor) for code in codes))
