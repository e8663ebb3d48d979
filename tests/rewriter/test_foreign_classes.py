"""`--from distiller`, `aimet` and `brevitas`: classes of theirs become ours; without it they are known to compute."""

from __future__ import annotations

import sys
import types

import pytest
import torch
from torch import Tensor, nn

import runtime
import runtime.distiller
import runtime.distiller.modules
from rewriter.results import Safety
from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, assert_equal_models, load, rewritten


class Add(nn.Module):
    """As aimet_torch has it."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.add(x, y)


class Concat(nn.Module):
    def __init__(self, axis: int = 0) -> None:
        super().__init__()
        self._axis = axis

    def forward(self, *x: Tensor) -> Tensor:
        return torch.cat(x, dim=self._axis)


@pytest.fixture(autouse=True)
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins with the names of the libraries, which need other versions of torch."""
    monkeypatch.setitem(sys.modules, "distiller", runtime.distiller)
    monkeypatch.setitem(sys.modules, "distiller.modules", runtime.distiller.modules)
    custom = types.ModuleType("aimet_torch.nn.modules.custom")
    custom.Add, custom.Concat = Add, Concat  # type: ignore[attr-defined]
    for name in ("aimet_torch", "aimet_torch.nn", "aimet_torch.nn.modules", custom.__name__):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, custom.__name__, custom)
    monkeypatch.setitem(sys.modules, "aimet_torch.elementwise_ops", custom)
    for kind in (Add, Concat):
        monkeypatch.setattr(kind, "__module__", "aimet_torch._base.nn.modules.custom")


DISTILLER = (
    HEADER
    + """import distiller
from distiller.modules import Concat, EltwiseAdd


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.add = EltwiseAdd(inplace=True)
        self.mul = distiller.modules.EltwiseMult()
        self.cat = Concat(dim=1)

    def forward(self, x):
        y = self.mul(x, self.conv(x)) * 2
        return self.cat(self.add(y, x), x)
"""
)
AIMET = (
    HEADER
    + """import aimet_torch.elementwise_ops as ops
from aimet_torch.nn.modules.custom import Concat


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.add = ops.Add()
        self.cat = Concat(1)

    def forward(self, x):
        y = self.add(x, self.conv(x)) * 2
        return self.cat(y, x)
"""
)


@pytest.mark.parametrize(("source", "library"), [(DISTILLER, "distiller"), (AIMET, "aimet")])
def test_their_modules_become_ours_and_their_imports_go(source: str, library: str) -> None:
    result = rewritten(source, source=library)
    text = result.after.decode()
    assert "distiller" not in text and "aimet" not in text and not result.refusals
    assert "self.add = runtime.modules.EltWiseAdd(" in text and "self.cat = runtime.modules.Concat(" in text
    torch.manual_seed(0)
    before = load(source.encode())["Net"]()
    assert_equal_models(before, load(result.after)["Net"](), torch.randn(2, 3, 4, 4))
    assert rewritten(text, source=library).after == result.after


@pytest.mark.parametrize("source", [DISTILLER, AIMET])
def test_without_from_they_are_known_to_compute(source: str) -> None:
    result = rewritten(source)
    assert [f.code for f in result.findings] == ["RW101"] and not result.refusals, "what they return is a tensor"
    twice = rewritten(source.replace("return self.cat(", "return self.add(x, x), self.cat("))
    assert "RW201" in [f.code for f in twice.findings], "one that is called again gets an instance of its own"
    assert rewritten(source, source="torch-ao").after == result.after


def test_a_model_with_them_is_quantized_as_it_is() -> None:
    torch.manual_seed(0)
    model = load(rewritten(AIMET).after)["Net"]().eval()
    batches = [torch.randn(2, 3, 4, 4) for _ in range(2)]
    quantized = runtime.quantize(model, batches, verbose=False)
    assert check_prepared(quantized, batches[0]).prepared
    assert (quantized(batches[0]) - model(batches[0])).abs().max() < 0.2
    assert type(model.add) is Add, "the original stays"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("Concat(1)", "Concat(axis=1)"), "does not take these arguments"),
        (
            ("    def forward", "    def has(self, m):\n        return isinstance(m, Concat)\n\n    def forward"),
            "compares",
        ),
    ],
)
def test_what_cannot_be_ours_stays_and_is_said(change: tuple[str, str], why: str) -> None:
    result = rewritten(AIMET.replace(*change), source="aimet")
    assert [r.code for r in result.refusals] == ["RW904"] and why in result.refusals[0].message
    assert "self.add = runtime.modules.EltWiseAdd()" in result.after.decode()


def test_a_class_that_nothing_here_stands_for_is_said() -> None:
    result = rewritten(AIMET.replace("ops.Add()", "ops.Cast(torch.half)"), source="aimet")
    assert [r.message for r in result.refusals] == [
        "`ops.Cast` stays a class of another library: nothing is known here that takes its place"
    ]


def test_distillers_own_documentation_spells_its_classes_otherwise() -> None:
    result = rewritten(
        DISTILLER.replace("distiller.modules.EltwiseMult", "distiller.modules.EltWiseMult"), source="distiller"
    )
    assert "self.mul = runtime.modules.EltWiseMult()" in result.after.decode()


def test_a_function_of_theirs_that_is_called_with_all_arguments_becomes_ours_that_takes_them() -> None:
    text = rewritten(AIMET.replace("ops.Add()", "ops.AvgPool2d()"), source="aimet").after.decode()
    assert "self.add = runtime.modules.FunctionalAvgPool2d()" in text


BREVITAS = (
    HEADER
    + """import brevitas.nn as qnn
from brevitas.quant import Int8WeightPerTensorFloat


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant_in = qnn.QuantIdentity(bit_width=8, return_quant_tensor=True)
        self.conv = qnn.QuantConv2d(3, 3, 1, padding=0, bias=True, weight_bit_width=4)
        self.relu = qnn.QuantReLU(bit_width=4)
        self.add = qnn.QuantEltwiseAdd()
        self.fc = qnn.QuantLinear(3, 2, bias=False, weight_quant=Int8WeightPerTensorFloat)

    def forward(self, x):
        y = self.add(self.relu(self.conv(self.quant_in(x))), x)
        return self.fc(y.mean([2, 3]))
"""
)


def test_brevitas_layers_become_torchs_without_their_quantizers_as_an_unsafe_fix() -> None:
    held = rewritten(BREVITAS, source="brevitas")
    unsafe = [f for f in held.findings if f.safety is Safety.UNSAFE]
    assert len(unsafe) == 5 and all("quantizes what it computes" in f.why_unsafe for f in unsafe)
    assert "qnn.QuantConv2d" in held.after.decode()
    text = rewritten(BREVITAS, source="brevitas", unsafe_fixes=True).after.decode()
    assert "brevitas" not in text and "self.conv = nn.Conv2d(3, 3, 1, padding=0, bias=True)" in text
    assert load(text.encode())["Net"]()(torch.randn(2, 3, 4, 4)).shape == (2, 2)


def test_an_order_of_arguments_that_torch_does_not_share_is_said() -> None:
    source = BREVITAS.replace("QuantConv2d(3, 3, 1, padding=0, bias=True", "QuantConv2d(3, 3, 1, 1, 0, 1, 1, 'zeros'")
    result = rewritten(source, source="brevitas", unsafe_fixes=True)
    assert "name them" in result.refusals[0].message and "qnn.QuantConv2d" in result.after.decode()
