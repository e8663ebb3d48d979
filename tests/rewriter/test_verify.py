"""`rewriter verify` sees what a rewrite may break, and nothing where nothing is broken."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rewriter.cli import main
from rewriter.verify.child import Spec, observe
from rewriter.verify.inputs import Input, InputError, parse
from rewriter.verify.sides import differences
from rewriter.verify.values import difference

MODEL = """\
import random

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.head = nn.Linear(4, 4)
        self.again = nn.Linear(4, 4)
        self.again.weight = self.head.weight
        self.register_buffer("scale", torch.ones(1))
        self.calls = 0

    def forward(self, x):
        if x.shape[-1] < 4:
            raise ValueError("too narrow")
        self.calls += 1
        y = self.relu(self.bn(self.conv(x)))
        y = y + x.mean(1, keepdim=True) + 0.1
        y = F.dropout(y, 0.5, self.training)
        y = y.mean((2, 3))
        if self.training:
            self.scale.mul_(1.1)
        out = self.again(self.head(y)) * self.scale
        zero = out * 0
        return {"out": out, "features": y, "zero": zero}
"""
CASES = "import torch\n\n\ndef cases():\n    return [torch.randn(2, 3, 8, 8), (torch.randn(1, 3, 2, 2),), ((), {'x': torch.ones(2, 3, 4, 4)})]\n"
FAULTS = {
    "another operation": ("y + x.mean", "y - x.mean"),
    "another order of a sum": ("y + x.mean(1, keepdim=True) + 0.1", "y + (x.mean(1, keepdim=True) + 0.1)"),
    "another name": ("self.conv", "self.convolution"),
    "another order of modules": (
        "self.bn = nn.BatchNorm2d(4)\n        self.relu = nn.ReLU()\n        self.head = nn.Linear(4, 4)\n",
        "self.head = nn.Linear(4, 4)\n        self.bn = nn.BatchNorm2d(4)\n        self.relu = nn.ReLU()\n",
    ),
    "one buffer more": ("self.calls = 0", "self.calls = 0\n        self.register_buffer('b', torch.ones(1))"),
    "one parameter more": ("self.calls = 0", "self.calls = 0\n        self.p = nn.Parameter(torch.ones(1))"),
    "no bias": ("nn.Conv2d(3, 4, 3, padding=1)", "nn.Conv2d(3, 4, 3, padding=1, bias=False)"),
    "a buffer that is not saved": ("torch.ones(1))", "torch.ones(1), persistent=False)"),
    "another type": ('"features": y', '"features": y.double()'),
    "another shape": ('"features": y', '"features": y[None]'),
    "the argument changed": ("zero = out * 0", "zero = out * 0\n        x.data.zero_()"),
    "a gradient cut": ("self.head(y)", "self.head(y.detach())"),
    "the input's gradient cut": ("x.mean(1", "x.detach().mean(1"),
    "a gradient scaled": ("zero = out * 0", "zero = out * 0\n        _ = y.requires_grad and y.register_hook(lambda g: g * 2)"),
    "a number drawn by the constructor": ("self.calls = 0", "self.calls = 0\n        torch.rand(1)"),
    "a number drawn by the forward": ("zero = out * 0", "zero = out * 0\n        torch.rand(1)"),
    "Python's number drawn": ("zero = out * 0", "zero = out * 0\n        random.random()"),
    "dropout in eval": ("0.5, self.training", "0.5, True"),
    "no dropout in train": ("0.5, self.training", "0.5, False"),
    "another momentum": ("BatchNorm2d(4)", "BatchNorm2d(4, momentum=0.2)"),
    "another eps": ("BatchNorm2d(4)", "BatchNorm2d(4, eps=1e-4)"),
    "other values at the beginning": ("self.calls = 0", "self.calls = 0\n        nn.init.zeros_(self.conv.bias)"),
    "a frozen parameter": ("self.calls = 0", "self.calls = 0\n        self.conv.bias.requires_grad_(False)"),
    "another container": ('{"out": out, "features": y, "zero": zero}', "(out, y, zero)"),
    "another order of keys": ('"out": out, "features": y', '"features": y, "out": out'),
    "another exception": ("raise ValueError", "raise KeyError"),
    "another message": ("too narrow", "too small"),
    "no exception": ("if x.shape[-1] < 4:", "if False:"),
    "something printed": ("zero = out * 0", "zero = out * 0\n        print(1)"),
    "no pickle": ("self.calls = 0", "self.calls = 0\n        self.f = lambda: None"),
    "no deepcopy": ("self.calls = 0", "self.calls = 0\n        self.f = (i for i in ())"),
    "a layer kept aside": ("self.calls = 0", "self.calls = 0\n        self.kept = [self.head]", "self.head(y)", "self.kept[0](y)"),
    "weights no longer one": ("self.again.weight = self.head.weight", "self.again.weight = nn.Parameter(self.head.weight.detach().clone())"),
    "a buffer not updated": ("self.scale.mul_(1.1)", "pass"),
    "another result at the second call": ("* self.scale", "* self.scale * (1 + 1e-6 * (self.calls > 1))"),
    "minus zero": ("zero = out * 0", "zero = out * 0 + 0.0"),
    "not a number": ("zero = out * 0", "zero = out / 0 * 0"),
}  # fmt: skip
_NUMBERS = itertools.count()


def spec(folder: Path, source: str) -> Spec:
    """Each source is a module of its own, since all run in this process here."""
    name = f"verified_{next(_NUMBERS)}"
    (folder / f"{name}.py").write_text(source)
    (folder / "cases.py").write_text(CASES)
    return Spec(name, "Net()", (str(folder),), None, (), folder / "cases.py", 0, None)


def seen(folder: Path, source: str, start: Path | None = None) -> dict[str, dict[str, object]]:
    observed = observe(replace(spec(folder, source), start=start))
    assert not observed.error, observed.error
    torch.save(observed.state, folder / "start.pt")
    return {name: dict(found) for name, found in observed.seen.items()}


def compared(folder: Path, other: str) -> list[str]:
    before = seen(folder, MODEL)
    after = seen(folder, other, folder / "start.pt")
    return [name for name in before | after if differences(before.get(name, {}), after.get(name, {}))]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    changed, changes = MODEL, FAULTS[fault]
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in changed
        changed = changed.replace(old, new)
    assert compared(tmp_path, changed)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("self.calls = 0", "self.calls = 0\n        self.other = nn.ReLU()"),
        ("y = self.relu(self.bn(self.conv(x)))", "y = F.relu(self.bn(self.conv(x)))"),
        ("* self.scale", "* 1.0 * self.scale"),
    ],
)
def test_what_is_no_fault_is_none(old: str, new: str, tmp_path: Path) -> None:
    assert compared(tmp_path, MODEL.replace(old, new)) == []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "src" / "net").mkdir(parents=True)
    (tmp_path / "src" / "net" / "__init__.py").touch()
    (tmp_path / "src" / "net" / "model.py").write_text(MODEL)
    (tmp_path / "cases.py").write_text(CASES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_before_and_after_fix(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "src/net/model.py:Net()", "--cases", "cases.py", "-v"]) == 0
    said = capfd.readouterr().out
    assert "equal    eval, case 1\n" in said and "equal    eval, case 2: both raise ValueError: too narrow" in said
    assert "all equal, bit for bit.\nprepared: " in said
    assert (project / "src" / "net" / "model.py").read_text() == MODEL


def test_a_model_that_always_raises_is_not_verified(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "net.model:Net()", "--input", "1x3x2x2"]) == 2
    seen = capfd.readouterr()
    assert seen.out == ""
    assert "the model raises in every case, before as well" in seen.err and seen.err.endswith(
        "ValueError: too narrow\n"
    )


def test_against_a_revision(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "before"]):
        subprocess.run([*git, *command], check=True)
    (project / "src" / "net" / "model.py").write_text(MODEL.replace("keepdim=True) + 0.1", "keepdim=True) + 0.2"))
    assert main(["verify", "net.model:Net()", "--input", "2x3x8x8", "--against", "HEAD"]) == 1
    said = capfd.readouterr().out
    assert "differs  eval, case 1\n         output['out']: 8 of 8 numbers differ, by " in said
    assert main(["verify", "net.model:Net()", "--input", "2x3x8x8", "--against", "gone"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["net.model", "--input", "1"], "expected MODULE:EXPRESSION"),
        (["gone.py:Net()", "--input", "1"], "there is no such file"),
        (["net.model:Net()"], "give either --input"),
        (["net.model:Net()", "--input", "1", "--cases", "cases.py"], "give either --input"),
        (["net.model:Net()", "--cases", "gone.py"], "no such file"),
        (["net.model:Net()", "--input", "2xx3"], "expected a shape such as 2x3x32x32"),
    ],
)
def test_wrong_usage(project: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert main(["verify", *arguments]) == 2
    assert said in capfd.readouterr().err


def test_a_model_that_cannot_be_built(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "net.model:Gone()", "--input", "1"]) == 2
    assert (
        "could not be built before the change" in (said := capfd.readouterr().err) and "NameError: name 'Gone'" in said
    )


def test_what_is_no_model_is_named(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "net.model:Net.forward", "--input", "1"]) == 2
    assert "Net.forward is a function, not a module; to call it, write Net.forward()" in capfd.readouterr().err


def test_a_class_is_built_and_numbers_may_be_allowed_to_differ(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = project.parent / "other"
    shutil.copytree(project / "src", other / "src")
    model = other / "src" / "net" / "model.py"
    model.write_text(MODEL.replace('"features": y', '"features": y + 1e-7'))
    command = ["verify", "net.model:Net", "--input", "2x3x8x8", "--against", str(other)]
    assert main([*command, "--tolerance", "1e-8"]) == 1
    assert main([*command, "--tolerance", "1e-6"]) == 0
    assert "observations compared: all numbers within 1e-06.\n" in capfd.readouterr().out
    model.write_text(MODEL.replace('"features": y', '"features": y.double()'))
    assert main([*command, "--tolerance", "1e-6"]) == 1


def test_numbers_within_a_tolerance() -> None:
    inf, nan = float("inf"), float("nan")
    one = torch.tensor([1.0, inf, nan])
    assert difference(one, torch.tensor([1.5, inf, nan]), 0.5) is None
    for other in ([1.6, inf, nan], [1.0, -inf, nan], [1.0, inf, 0.0], [nan, inf, nan]):
        assert difference(one, torch.tensor(other), 0.5) is not None


def test_inputs() -> None:
    assert parse("2x3") == Input((2, 3)) and parse("scalar") == Input(())
    assert parse("2x16:int64:100") == Input((2, 16), "int64", 100)
    for wrong in ("", "2x", "2:thing", "a", "2:int64:"):
        with pytest.raises(InputError, match="expected a shape"):
            parse(wrong)


def test_check_and_fix_need_no_torch() -> None:
    code = (
        "import sys; import rewriter.cli, rewriter.commands, rewriter.verify.command; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


PICKS = """\
import torch
from torch import nn


class Body(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        return self.head(self.conv(x) * 2)


class Net(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.features = nn.Sequential(*list(body.children())[:-1])

    def forward(self, x):
        return self.features(x)
"""
PICKED = """\
import torch

MODELS = ["net.picks:Body()", "net.picks:Net(Body())"]


def cases():
    return [torch.randn(1, 3, 4, 4)]
"""


@pytest.fixture
def picking(project: Path) -> Path:
    """A class that takes another one apart by position: one more child is one too many."""
    (project / "picked.py").write_text(PICKED)
    (project / "src" / "net" / "picks.py").write_text(PICKS)
    return project / "src" / "net" / "picks.py"


def test_fix_writes_what_was_verified(picking: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (picking.parents[2] / "picked.py").write_text(PICKED.replace(', "net.picks:Net(Body())"', ""))
    assert main(["fix", "src", "--unsafe-fixes", "--verify", "picked.py"]) == 0
    assert "self.mul = runtime.modules.EltWiseMult()" in picking.read_text()


def test_fix_writes_nothing_of_what_fails(picking: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--diff"], ["--out-dir", "out"]):
        assert main(["fix", "src", "--unsafe-fixes", "--verify", "picked.py", *more]) == 1
        out, err = capfd.readouterr()
        assert "net.picks:Net(Body()): nothing was written, since it would not compute the same" in err
        assert "differs  eval, case 1" in err and "self.mul" not in out
    assert picking.read_text() == PICKS and not Path("out").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("MODELS = [", "was never closed"),
        ("def cases(): return []", "expected a list of models in it"),
        ("MODELS = [Net()]", "expected a list of models in it"),
        ("MODELS = ['net.gone:Net()']", "could not be built before"),
        ("MODELS = ['net.picks:Body()']\n\ndef cases():\n    return ['no tensor']", "raises in every case"),
    ],
)
def test_what_fix_cannot_verify_it_does_not_write(
    picking: Path, capfd: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    if text is not None:
        Path("wrong.py").write_text(text)
    assert main(["fix", "src", "--unsafe-fixes", "--verify", "wrong.py"]) == 2
    assert said in capfd.readouterr().err
    assert picking.read_text() == PICKS


def test_stdin_cannot_be_verified(picking: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", "-", "--verify", "picked.py"]) == 2
    assert "--verify is for files" in capfd.readouterr().err
