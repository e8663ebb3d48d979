"""Base classes behind an `if` or `try`: what is known of each of them holds for the class. Executed."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
import torch

from rewriter.engine import rewrite
from rewriter.results import Safety
from rewriter.settings import Settings
from tests.rewriter.executed import HEADER, assert_equal_models, load, rewritten

X = torch.randn(2, 4)
NET = """

class Net({bases}):
    def __init__(self):
        super().__init__()

    def forward(self, x):
        return torch.cat([x, x]) + 1
"""
STUB = """
class Stub:
    def save_pretrained(self):
        raise ImportError
"""
KNOWN = {
    "a module or nothing": ("Base = nn.Module if HAS else object", "Base"),
    "a library's class or what stands in for it": (
        f"import huggingface_hub\n{STUB}\nBase = huggingface_hub.PyTorchModelHubMixin if HAS else Stub",
        "Base, nn.Module",
    ),
    "annotated, of a library that a call imports": (
        f"huggingface_hub = soft('huggingface_hub')\n{STUB}\n"
        "Base: type = huggingface_hub.PyTorchModelHubMixin if HAS else Stub",
        "Base, nn.Module",
    ),
    "an import that may fail": (
        "try:\n    from huggingface_hub import PyTorchModelHubMixin\nexcept ImportError:\n"
        "    class PyTorchModelHubMixin:\n        pass\n",
        "PyTorchModelHubMixin, nn.Module",
    ),
    "one of the project in each branch": (
        "if HAS:\n    class Base(nn.Module):\n        kind = 1\nelse:\n    class Base(nn.Module):\n        kind = 2\n",
        "Base",
    ),
}


def mixin(*names: str) -> types.ModuleType:
    """A library whose class notes what `__init__` is given, as huggingface_hub's does."""
    lib = types.ModuleType("huggingface_hub")
    lib.PyTorchModelHubMixin = type("PyTorchModelHubMixin", (), dict.fromkeys(names))  # type: ignore[attr-defined]
    return lib


@pytest.mark.parametrize("has", [True, False])
@pytest.mark.parametrize("name", KNOWN)
def test_each_of_them_is_known(name: str, has: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    before, bases = KNOWN[name]
    if not has and bases == "Base" and "object" in before:
        pytest.skip("no module")
    lib = mixin("save_pretrained")
    monkeypatch.setitem(sys.modules, "huggingface_hub", lib)
    soft = "def soft(name):\n    import importlib\n    return importlib.import_module(name)\n"
    result = rewritten(f"{HEADER}\nHAS = {has}\n{soft}{before}" + NET.format(bases=bases))
    assert result.changed and b"self.concat(x, x)" in result.after
    models = [load(source)["Net"]() for source in (result.before, result.after)]
    assert_equal_models(*models, X)


DOUBTED = {
    "one of them is out of sight": ("import other\n\nBase = nn.Module if HAS else other.Module\n", "Base"),
    "a class that sets objects up": (
        "import other\n\nclass Stub(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.concat = 1\n\nBase = Stub if HAS else nn.Module\n",
        "Base",
    ),
    "of a variable that a call makes": ("other = soft('hub')\nBase = other.Module\n", "Base, nn.Module"),
}


@pytest.mark.parametrize("name", DOUBTED)
def test_what_is_not_known_may_use_the_names(name: str) -> None:
    before, bases = DOUBTED[name]
    result = rewritten(f"{HEADER}\nHAS = True\ndef soft(name):\n    return None\n{before}" + NET.format(bases=bases))
    assert not result.changed
    assert all(f.safety is Safety.UNSAFE and "may use the attribute's name" in f.why_unsafe for f in result.findings)


def test_a_class_that_notes_arguments_gets_no_init_of_its_own() -> None:
    """An `__init__(self, *args, **kwargs)` would hide what the one of its base takes."""
    source = f"""{HEADER}from huggingface_hub import PyTorchModelHubMixin


class Net(nn.Module, PyTorchModelHubMixin):
    def forward(self, x):
        return x + x
"""
    result = rewritten(source)
    [finding] = result.findings
    assert not result.changed and "notes what __init__ is given" in finding.why_unsafe


def test_names_of_what_is_mixed_in_stay_free() -> None:
    source = f"{HEADER}from huggingface_hub import PyTorchModelHubMixin\n" + NET.format(
        bases="nn.Module, PyTorchModelHubMixin"
    )
    assert rewritten(source).changed


def test_a_variable_of_another_file(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("from torch import nn\n\nHAS = True\nBase = nn.Module if HAS else object\n")
    path = tmp_path / "net.py"
    path.write_text("import torch\nfrom base import Base\n" + NET.format(bases="Base"))
    assert rewrite(path.read_bytes(), path, Settings()).changed
