"""`--target torch-ao` and others: the same results with another library's modules, and reasons for what they lack."""

from __future__ import annotations

import sys

import pytest
import torch
from torch.ao.nn.quantized import FloatFunctional

import runtime.distiller
import runtime.distiller.modules
from rewriter.torch_api.catalogue import FUSED, ROWS
from tests.rewriter.executed import HEADER, assert_equal_models, load, rewritten

MODEL = (
    HEADER
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()

    def forward(self, x):
        out = self.conv(x)
        out = self.bn(out)
        out += x
        out = self.relu(out)
        y = 0.5 * F.relu(torch.add(out, other=x)) + x * 2
        z = torch.cat((y, x), 1)
        parts = [z, z]
        z = torch.cat(parts, 1)
        z = z.matmul(z.transpose(2, 3)) + z.mean(dim=(2, 3), keepdim=True)
        return self.relu(z)
"""
)


@pytest.fixture
def distiller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distiller itself needs a torch of long ago; our modules have its names."""
    monkeypatch.setitem(sys.modules, "distiller", runtime.distiller)
    monkeypatch.setitem(sys.modules, "distiller.modules", runtime.distiller.modules)


@pytest.mark.parametrize("target", ["torch-ao", "distiller"])
def test_the_result_computes_the_same_and_a_second_run_changes_nothing(target: str, distiller: None) -> None:
    result = rewritten(MODEL, target=target)
    text = result.after.decode()
    assert "runtime" not in text
    torch.manual_seed(0)
    before = load(MODEL.encode())["Net"]()
    assert_equal_models(before, load(result.after)["Net"](), torch.randn(2, 4, 3, 3))
    assert rewritten(text, target=target).after == result.after


def test_torch_ao_has_one_float_functional_for_each_site_and_scalars_go_last() -> None:
    text = rewritten(MODEL, target="torch-ao").after.decode()
    assert text.count("torch.ao.nn.quantized.FloatFunctional()") == 9
    assert "self.mul.mul_scalar(self.relu2(self.add2.add(out, x)), 0.5)" in text
    assert "self.concat.cat((y, x), 1)" in text
    assert "z.mean(dim=(2, 3), keepdim=True)" in text, "torch.ao computes it on quantized tensors"


def test_torch_ao_converts_what_was_written_for_it() -> None:
    result = rewritten(MODEL.replace("z.matmul(z.transpose(2, 3)) +", "z +"), target="torch-ao")
    net = load(result.after)["Net"]().eval()
    wrapped = torch.ao.quantization.QuantWrapper(net).eval()
    wrapped.qconfig = torch.ao.quantization.get_default_qconfig("x86")
    x = torch.randn(2, 4, 3, 3)
    torch.ao.quantization.prepare(wrapped, inplace=True)
    exact = wrapped(x)
    torch.ao.quantization.convert(wrapped, inplace=True)
    assert (wrapped(x) - exact).abs().max() < 0.2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return x - 1", "torch-ao has no module for `-`"),
        ("return torch.add(x, x, alpha=2)", "torch-ao has no module for `torch.add()` with these arguments"),
        ("return torch.add(other=x, input=x)", "torch-ao has no module for `torch.add()` with these arguments"),
        ("return torch.exp(x)", "torch-ao has no module for `torch.exp()`"),
    ],
)
def test_what_a_target_lacks_is_left_with_a_reason_or_taken_from_runtime(body: str, reason: str) -> None:
    source = HEADER + f"\n\nclass Net(nn.Module):\n    def forward(self, x):\n        {body}\n"
    left = rewritten(source, target="torch-ao")
    assert [(r.code, r.message) for r in left.refusals] == [("RW910", reason)] and not left.changed
    assert "runtime.modules." in rewritten(source, target="torch-ao", fallback="runtime").after.decode()


@pytest.mark.parametrize(
    ("lines", "safe"),
    [
        (["out = self.conv(x)", "out += 1"], True),
        (["out = torch.exp(x)", "out *= x"], True),
        (["out = x", "out += 1"], False),
        (["out = self.conv(x)", "kept = out", "out += 1", "return kept"], False),
        (["out = x.view(-1)", "out += 1"], False),
        (["out = self.unknown(self.conv(x))", "out += 1"], False),
    ],
)
def test_a_new_tensor_in_place_of_a_changed_one_is_safe_where_nobody_else_holds_it(
    lines: list[str], safe: bool
) -> None:
    body = "".join(f"        {line}\n" for line in lines)
    source = (
        HEADER + "\n\nclass Net(nn.Module):\n    def __init__(self, unknown):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 3, 1)\n        self.unknown = unknown\n\n"
        f"    def forward(self, x):\n{body}        return out\n"
    )
    findings = [f for f in rewritten(source, target="torch-ao").findings if "`+=`" in f.message or "`*=`" in f.message]
    assert [not f.why_unsafe for f in findings] == [safe]


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("torch.cat((x, *parts), 1)", "self.concat(x, *parts)"),
        ("torch.cat([*parts], 1)", "self.concat(*[*parts])"),
        ("torch.cat(parts, 1)", "self.concat(*parts)"),
        ("x.amax(1)", "self.amax(x, 1)"),
        ("torch.prod(x, 1)", "self.prod(x, 1)"),
        ("F.avg_pool2d(x, parts)", "self.avg_pool(x, parts)"),
        ("torch.where(x > 0, x, parts)", "self.where(x > 0, x, parts)"),
        ("x ** 2", "self.pow(x, 2)"),
        ("torch.split(x, 2)", "self.split(x, 2)"),
        ("x.split(split_size=2)", "x.split(split_size=2)"),
        ("x.chunk(2)", "x.chunk(2)"),
    ],
)
def test_modules_of_aimet_are_called_as_the_function_is(body: str, written: str) -> None:
    source = HEADER + f"\n\nclass Net(nn.Module):\n    def forward(self, x, parts):\n        return {body}\n"
    result = rewritten(source, target="aimet")
    assert f"return {written}\n" in result.after.decode() and not result.refusals


def test_brevitas_adds_tensors_alone() -> None:
    source = HEADER + "\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return x.view(-1) + 1.0 + x\n"
    result = rewritten(source, target="brevitas")
    assert [r.message for r in result.refusals] == ["brevitas has no module for `+` with these arguments"]
    assert "return self.add(x.view(-1) + 1.0, x)" in result.after.decode()


def test_brevitas_is_given_no_sum_with_what_may_be_a_number() -> None:
    body = "        rest = x if x.shape[0] > 1 else 0\n        return x.exp() + rest\n"
    result = rewritten(HEADER + f"\n\nclass Net(nn.Module):\n    def forward(self, x):\n{body}", target="brevitas")
    assert "return x.exp() + rest" in result.after.decode()
    assert "brevitas has no module for `+` with these arguments" in [r.message for r in result.refusals]


def test_what_the_catalogue_says_of_torch_ao_is_there() -> None:
    methods = [f.method for row in (*ROWS, *FUSED) for f in row.elsewhere if f.library == "torch-ao"]
    assert methods and all(hasattr(FloatFunctional, method) for method in methods)


def test_what_the_catalogue_says_of_distiller_is_there() -> None:
    names = [f.target for row in ROWS for f in row.elsewhere if f.library == "distiller"]
    assert names and all(hasattr(runtime.distiller.modules, name.rpartition(".")[2]) for name in names)


def test_what_map_runs_by_a_partial_is_left_with_a_reason_where_runtime_alone_has_lists_for_it() -> None:
    source = (
        HEADER.replace("import torch\n", "import torch\nfrom functools import partial\n", 1)
        + """

class Net(nn.Module):
    def forward(self, x, y):
        x, y = map(partial(torch.cat, dim=1), ((x, y), (y, x)))
        x, y = map(partial(F.softmax, dim=1), (x, y))
        return x + y
"""
    )
    result = rewritten(source, target="torch-ao")
    assert result.failure is None and "self.softmax.each((x, y))" in result.after.decode()
    assert [r.code for r in result.refusals] == ["RW910"]
