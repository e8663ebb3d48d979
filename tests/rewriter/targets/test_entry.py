"""`--target torch-ao --entry`: stubs, fuse_model() and ReLU, which change no result until torch.ao converts the model."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path

import pytest
import torch

from rewriter.cli import main
from rewriter.python.source import Source
from rewriter.results import FileResult
from rewriter.settings import Settings
from rewriter.targets.record import entry_of
from rewriter.targets.torch_ao.written import written
from tests.rewriter.executed import HEADER, assert_equal_models, load

MODEL = (
    HEADER
    + """

class Block(nn.Module):
    def __init__(self, width, norm=None):
        super().__init__()
        if norm is None:
            norm = nn.BatchNorm2d
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.bn1 = norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.bn2 = norm(width)
        self.relu = nn.ReLU6()

    def forward(self, x):
        out = self.conv1(x)
        out = self.bn1(out)
        out = self.relu(out)
        out = self.bn2(self.conv2(out))
        out += x
        return self.relu(out)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU6(), nn.MaxPool2d(2))
        self.block = Block(8)
        self.fc = nn.Linear(8, 10)

    def forward(self, x, scale):
        \"\"\"Classifies.\"\"\"
        x = self.block(self.stem(x)) * scale
        x = x.mean([2, 3])
        if self.training:
            return self.fc(x), {"features": x}
        return self.fc(x), None
"""
)
INPUTS = (torch.randn(2, 3, 16, 16), torch.randn(2, 8, 1, 1))


def for_torch_ao(source: str, **settings: object) -> FileResult:
    chosen = Settings(target="torch-ao", entry=("Net",), **settings)  # type: ignore[arg-type]
    result = written(source.encode(), Path("model.py"), chosen)
    assert result.failure is None, result.failure
    return result


def test_nothing_is_computed_otherwise_and_a_second_run_changes_nothing() -> None:
    result = for_torch_ao(MODEL)
    torch.manual_seed(0)
    before, after = load(MODEL.encode())["Net"](), load(result.after)["Net"]()
    assert_equal_models(before, after, *INPUTS)
    assert for_torch_ao(result.after.decode(), unsafe_fixes=False).after == result.after


def test_each_tensor_that_comes_in_has_a_stub_of_its_own_and_each_that_leaves_is_dequantized() -> None:
    text = for_torch_ao(MODEL).after.decode()
    assert "x = self.quant(x)\n        scale = self.quant2(scale)" in text
    assert text.index('"""Classifies."""') < text.index("self.quant(x)")
    assert 'return self.dequant(self.fc(x)), {"features": self.dequant(x)}' in text
    assert "return self.dequant(self.fc(x)), None" in text


def test_it_converts_and_what_data_flow_allows_is_fused() -> None:
    result = for_torch_ao(MODEL, unsafe_fixes=True)
    torch.manual_seed(0)
    net = load(result.after)["Net"]().eval()
    exact = net(*INPUTS)[0]
    net.fuse_model()
    kinds = {name: type(module).__name__ for name, module in net.named_modules()}
    fused = {"stem.0": "ConvReLU2d", "block.conv1": "ConvReLU2d", "block.conv2": "Conv2d"}
    assert {name: kinds[name] for name in fused} == fused and kinds["block.bn2"] == "Identity"
    assert torch.allclose(net(*INPUTS)[0], exact, atol=1e-5)
    net.qconfig = torch.ao.quantization.get_default_qconfig("x86")
    torch.ao.quantization.prepare(net, inplace=True)
    net(*INPUTS)
    torch.ao.quantization.convert(net, inplace=True)
    assert (net(*INPUTS)[0] - exact).abs().max() < 0.1


def test_a_model_in_training_is_fused_for_training() -> None:
    net = load(for_torch_ao(MODEL, unsafe_fixes=True).after)["Net"]().train()
    net.fuse_model()
    assert type(net.block.conv1) is torch.ao.nn.intrinsic.ConvBnReLU2d
    net.qconfig = torch.ao.quantization.get_default_qat_qconfig("x86")
    torch.ao.quantization.prepare_qat(net, inplace=True)
    net(*INPUTS)[0].sum().backward()
    assert net.block.conv1.weight.grad is not None


def test_relu6_becomes_relu_with_unsafe_fixes_alone_and_not_where_it_is_asked_for() -> None:
    asks = "\n\ndef is_clipped(module):\n    return isinstance(module, nn.ReLU6)\n"
    safe, unsafe = (for_torch_ao(MODEL + asks, unsafe_fixes=allowed) for allowed in (False, True))
    assert [f.code for f in safe.findings].count("RW404") == 3 and "ReLU()" not in safe.after.decode()
    text = unsafe.after.decode()
    assert text.count("ReLU6") == 1 and text.endswith(asks)


@pytest.mark.parametrize(
    ("flow", "fused"),
    [
        (("x = self.conv(x)", "x = self.bn(x)", "return self.relu(x)"), ["conv", "bn", "relu"]),
        (("return self.relu(self.bn(self.conv(x)))",), ["conv", "bn", "relu"]),
        (("y = self.conv(x)", "return self.relu(self.bn(y)) + y"), ["bn", "relu"]),
        (("y = self.conv(x)", "z = self.bn(y)", "return self.relu(z), z"), ["conv", "bn"]),
        (("y = self.conv(x)", "if x.sum() > 0:", "    y = self.bn(y)", "return self.relu(y)"), None),
        (("y = self.bn(self.conv(x))", "return self.relu(y) + self.relu(y)"), ["conv", "bn"]),
        (("return self.bn(self.relu(self.conv(x)))",), ["conv", "relu"]),
        (("return self.conv(self.bn(self.conv(x)))",), None),
    ],
)
def test_a_chain_is_fused_only_where_nothing_else_reads_what_it_passes_on(
    flow: tuple[str, ...], fused: list[str] | None
) -> None:
    body = "".join(f"        {line}\n" for line in flow)
    source = (
        HEADER + "\n\nclass Part(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 3, 1)\n        self.bn = nn.BatchNorm2d(3)\n        self.relu = nn.ReLU()\n\n"
        f"    def forward(self, x):\n{body}"
    )
    result = for_torch_ao(source)
    part = load(result.after)["Part"]().eval()
    messages = [f.message for f in result.findings if f.code == "RW405"]
    assert messages == ([] if fused is None else [f"Part gets fuse_model(), which fuses {' + '.join(fused)}"])
    if fused is not None:
        x = torch.randn(2, 3, 4, 4)
        exact = copy.deepcopy(part)(x)
        part.fuse_model()
        for one, other in zip(*(v if isinstance(v, tuple) else (v,) for v in (part(x), exact)), strict=True):
            assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            (
                "    def __init__(self):\n        super().__init__()\n        self.stem",
                "    def build(self):\n        self.stem",
            ),
            "no __init__",
        ),
        (("x, scale", "*given"), "no argument"),
    ],
)
def test_where_no_stub_can_stand_it_is_said(change: tuple[str, str], why: str) -> None:
    head, tail = MODEL.split("class Net")
    result = for_torch_ao(f"{head}class Net{tail.replace(*change).replace('* scale', '')}")
    said = [r.message for r in result.refusals if r.code == "RW403"]
    assert len(said) == 1 and why in said[0]


def test_the_edits_make_the_new_text_and_say_what_needs_them() -> None:
    result = for_torch_ao(MODEL, unsafe_fixes=True)
    entry = entry_of(result)
    assert entry.after == Source.parse(result.after).text
    text = entry.after
    for item in reversed(entry.written):
        text = text[: item.start] + item.old + text[item.end :]
    assert text == MODEL
    needed = set(itertools.chain.from_iterable(edit.findings for edit in result.edits))
    assert needed == set(range(len(result.findings)))


def test_the_way_back_is_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "model.py"
    file.write_text(MODEL)
    told = ["--isolated", "-q", str(file)]
    main(["fix", "--target", "torch-ao", "--entry", "Net", "--unsafe-fixes", *told])
    assert "fuse_model" in file.read_text()
    main(["fix", "--target", "plain", *told])
    assert file.read_text() == MODEL


def test_entry_is_for_torch_ao_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--isolated", "--entry", "Net", __file__]) == 2
    assert "--target torch-ao" in capsys.readouterr().err


def test_an_entry_that_is_not_there_is_an_error_that_names_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "model.py"
    file.write_text(MODEL)
    told = ["fix", "--isolated", "--no-cache", "--target", "torch-ao", str(file), "--entry"]
    assert main([*told, "Nett"]) == 2
    assert "--entry Nett: the files have no such class; those with a forward are " in (said := capsys.readouterr().err)
    assert "Net" in said.rpartition(" are ")[2].replace(",", " ").split()
    assert file.read_text() == MODEL, "nothing is written"
    assert main([*told, "Net"]) == 0


def test_a_subclass_that_sequential_runs_is_fused_by_its_types() -> None:
    source = (
        HEADER + "\n\nclass Net(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 3, 1), nn.ReLU6())\n"
    )
    net = load(for_torch_ao(source).after)["Net"]().eval()
    exact = net(x := torch.randn(2, 3, 4, 4))
    net.fuse_model()
    assert [type(step).__name__ for step in net] == ["ConvReLU2d", "Identity", "Identity", "Conv2d", "ReLU6"]
    assert torch.allclose(net(x), exact, atol=1e-5)
