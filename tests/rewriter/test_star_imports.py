"""Names that come by `from module import *` from the project's own files, `torch`, `nn` and `F` among them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rewriter.engine import rewrite
from rewriter.python.project import Project
from rewriter.results import FileResult
from rewriter.settings import Settings
from tests.rewriter.executed import check

IMPORTS = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
CORE = (
    "from .imports import *\n\n\nclass Base(nn.Module):\n    pass\n\n\ndef swish(x):\n    return x * torch.sigmoid(x)\n"
)
MODEL = """from .core import *


class Net(Base):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return F.relu(self.conv(x)) + swish(x)
"""
WRITTEN = """import runtime.modules

from .core import *


class Net(Base):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.relu = nn.ReLU()
        self.swish = runtime.modules.Function(swish)
        self.add = runtime.modules.EltWiseAdd()

    def forward(self, x):
        return self.add(self.relu(self.conv(x)), self.swish(x))
"""


def result(tmp_path: Path, **files: str) -> FileResult:
    folder = tmp_path / "net"
    folder.mkdir()
    for name, text in {"__init__": "", "imports": IMPORTS, "core": CORE, "model": MODEL, **files}.items():
        (folder / f"{name}.py").write_text(text)
    path = folder / "model.py"
    return rewrite(path.read_bytes(), path, Settings(isolated=True), Project.for_paths([folder]))


def test_they_mean_what_they_mean_there(tmp_path: Path) -> None:
    assert result(tmp_path).after.decode() == WRITTEN


@pytest.mark.parametrize(
    "files",
    [
        {"imports": IMPORTS + "__all__ = ['torch', 'nn', 'F']\n"},
        {"imports": "from net.core import *\n" + IMPORTS},
        {"core": "from elsewhere import *\n" + CORE},
        {"core": CORE.replace("*\n", "*\nfrom .old import *\n", 1), "old": "from net.core import F, nn\n"},
    ],
    ids=["listed", "in a circle", "another library's names before", "by way of a file that took them from there"],
)
def test_whichever_way_they_come(tmp_path: Path, files: dict[str, str]) -> None:
    assert result(tmp_path, **files).after.decode() == WRITTEN


@pytest.mark.parametrize(
    "files",
    [
        {"imports": IMPORTS + "__all__ = ['torch', 'nn']\n"},
        {"imports": IMPORTS, "core": CORE.replace("from .imports import *", IMPORTS.replace(" as F", " as _F"))},
        {"core": CORE + "\n\nclass F:\n    @staticmethod\n    def relu(x):\n        return x\n"},
        {"model": MODEL.replace("from .core import *", "from .core import *\nfrom elsewhere import *")},
    ],
    ids=["not listed", "private", "bound to something else", "another library's behind"],
)
def test_what_is_not_known_is_not_taken_for_it(tmp_path: Path, files: dict[str, str]) -> None:
    assert b"self.relu = nn.ReLU()" not in result(tmp_path, **files).after


@pytest.mark.parametrize("base", ["nn.Module", "Module"])
def test_a_class_of_what_is_out_of_sight_is_said(tmp_path: Path, base: str) -> None:
    found = result(tmp_path, model=MODEL.replace(".core", "elsewhere").replace("Base", base))
    assert not found.changed
    assert [r.message for r in found.refusals if r.code == "RW912"] == [
        f"`{base}` may come from `from elsewhere import *`, which is out of sight: Net is not read"
    ]


def test_whoever_takes_all_names_and_goes_through_them_meets_no_new_class(tmp_path: Path) -> None:
    lists = "\nMODELS = [v for v in globals().values() if isinstance(v, type) and issubclass(v, nn.Module)]\n"
    found = result(tmp_path, lists="from .core import *\n" + lists)
    assert "self.swish" not in found.after.decode()
    core = tmp_path / "net" / "core.py"
    project = Project.for_paths([tmp_path / "net"])
    assert b"SwishOps" not in rewrite(core.read_bytes(), core, Settings(isolated=True), project).after


@pytest.mark.parametrize(
    "goes_through, takes",
    [("name in globals().keys()", True), ("globals()[name]", True), ("sorted(globals().keys())", False)],
)
def test_whoever_looks_one_name_up_meets_no_new_class(tmp_path: Path, goes_through: str, takes: bool) -> None:
    result(tmp_path, core=f"{CORE}\n\ndef known(name):\n    return {goes_through}\n")
    core = tmp_path / "net" / "core.py"
    found = rewrite(core.read_bytes(), core, Settings(isolated=True), Project.for_paths([tmp_path / "net"]))
    assert (b"SwishOps" in found.after) is takes


def test_torch_and_its_functional_in_one_file() -> None:
    """torch's names hide Python's own `sum` and `max`, and those of torch.nn.functional hide torch's."""
    source = """
from torch import *
from torch.nn.functional import *
from torch.nn import Linear, Module


class Net(Module):
    def __init__(self):
        super().__init__()
        self.fc = Linear(4, 4)

    def forward(self, x):
        y = relu(self.fc(x))
        z = cat([y, softmax(x, -1)], 1)
        return z * sigmoid(z) + tanh(z), exp(y) @ x.T, sum(z), max(y), abs(x), pow(y, 2), mean(z, 1), pad(x, (1, 1))
"""
    after = check(source, torch.randn(3, 4))
    assert all(
        call in after for call in ("self.concat(y, self.softmax(x))", "self.sum(z)", "self.max(y)", "self.abs(x)")
    )


def test_no_import_hides_what_may_come_from_out_of_sight(tmp_path: Path) -> None:
    """Another library's `nn` may be one that is not torch's."""
    net = "class Net(nn.Module):\n    def forward(self, x):\n        return halved(x)\n"
    model = (
        f"from torch import Tensor\nfrom elsewhere import *\n\n\ndef halved(x: Tensor):\n    return x.div(2)\n\n\n{net}"
    )
    after = result(tmp_path, model=model).after.decode()
    assert "import torch.nn as nn2\n" in after and "class HalvedOps(nn2.Module)" in after, after


@pytest.mark.parametrize(
    ("imported", "called"),
    [
        ("from ops.gates import swish", "swish(x)"),
        ("from .gates import swish", "swish(x)"),
        ("from ops import gates", "gates.swish(x)"),
        ("import ops.gates", "ops.gates.swish(x)"),
    ],
)
def test_a_folder_without_an_init_is_of_the_project(tmp_path: Path, imported: str, called: str) -> None:
    folder = tmp_path / "ops"
    folder.mkdir()
    (folder / "gates.py").write_text("import torch\n\n\ndef swish(x):\n    return x * torch.sigmoid(x)\n")
    model = f"import torch.nn as nn\n{imported}\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n"
    path = (folder if imported.startswith("from .") else tmp_path) / "model.py"
    path.write_text(f"{model}        return {called}\n")
    project = Project.for_paths([tmp_path])
    results = [rewrite(p.read_bytes(), p, Settings(isolated=True), project) for p in (folder / "gates.py", path)]
    assert "return ops.mul(x, ops.sigmoid(x))" in results[0].after.decode()
    assert "return self.swish(x)" in results[1].after.decode()
