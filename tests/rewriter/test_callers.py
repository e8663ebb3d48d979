"""Which forwards are run for a function's sake: those that may come through it, of all that say its name."""

from __future__ import annotations

import ast
from pathlib import Path

from rewriter.facts.functions.callers import runs_through
from rewriter.facts.knowledge import Knowledge
from rewriter.python.project import Project

HEADER = "import torch.nn as nn\nimport torch.nn.functional as F\nfrom pkg.{} import {}\n\n\n"
NET = "class {}(nn.Module):\n    def forward(self, x{}):\n        return {}\n\n\n"


def runs(folder: Path, files: dict[str, str], function: str) -> tuple[list[str], set[str]]:
    """The classes whose runs come through the function, and all classes that were run to find that out."""
    package = folder / "pkg"
    package.mkdir(parents=True)
    for name, text in {"__init__": "", **files}.items():
        (package / f"{name}.py").write_text(text)
    project = Project.for_paths([package])
    knowledge = Knowledge.of(project)
    found = project.find(f"pkg.{function}")
    through = [run.cls.node.name for run in runs_through(knowledge, found)]  # type: ignore[arg-type]
    return through, {cls.node.name for cls in knowledge._forwards.known}


def test_a_library_function_of_the_same_name_is_another_one(tmp_path: Path) -> None:
    files = {
        "own": "def relu(x):\n    return x + 1\n\n\ndef other(x):\n    return x\n",
        "a": HEADER.format("own", "relu") + NET.format("Uses", "", "relu(x)"),
        "b": HEADER.format("own", "other") + NET.format("Imports", "", "F.relu(x)"),
    }
    assert runs(tmp_path, files, "own.relu") == (["Uses"], {"Uses"})


def test_a_method_of_the_same_name_is_asked_of_an_object(tmp_path: Path) -> None:
    helper = "class Scale:\n    def __init__(self, by):\n        self.by = by\n\n"
    helper += "    def resize(self, x):\n        return twice(x)\n\n\n"
    files = {
        "own": "def twice(x):\n    return x * 2\n\n\n" + helper,
        "a": HEADER.format("own", "Scale")
        + "class Keeps(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.scale = Scale(2)\n\n"
        "    def forward(self, x):\n        return self.scale.resize(x)\n",
        "b": HEADER.format("own", "Scale") + NET.format("Calls", ", f", "resize(x)"),
        "c": HEADER.format("own", "Scale") + NET.format("Library", "", "F.resize(x)"),
    }
    assert runs(tmp_path, files, "own.twice") == (["Keeps"], {"Keeps"})


def test_a_method_of_what_is_not_known_leads_to_a_function(tmp_path: Path) -> None:
    part = "class Part(nn.Module):\n    def prepare(self, x):\n        return twice(x)\n\n    def forward(self, x):\n"
    net = "class Net(nn.Module):\n    def __init__(self, parts):\n        super().__init__()\n        self.parts = parts\n\n"
    net += "    def forward(self, x):\n        for part in self.parts:\n            x = part.prepare(x)\n        return x\n"
    files = {
        "own": "def twice(x):\n    return x * 2\n",
        "a": HEADER.format("own", "twice") + part + "        return x\n",
        "b": HEADER.format("own", "twice") + net,
    }
    assert runs(tmp_path, files, "own.twice")[0] == ["Part"]
    files["b"] = files["b"].replace("prepare", "other")
    assert runs(tmp_path / "other", files, "own.twice")[0] == []


def test_a_function_between_is_followed(tmp_path: Path) -> None:
    files = {
        "own": "def half(x):\n    return x / 2\n",
        "between": "from pkg import own\n\n\ndef quarter(x):\n    return own.half(own.half(x))\n",
        "a": HEADER.format("between", "quarter") + NET.format("Uses", "", "quarter(x)"),
        "b": HEADER.format("own", "half") + NET.format("Other", ", half", "half.quarter"),
    }
    assert runs(tmp_path, files, "own.half")[0] == ["Uses"]


def test_a_class_above_calls_what_only_its_subclass_has(tmp_path: Path) -> None:
    package = tmp_path / "pkg"
    package.mkdir()
    files = {
        "__init__": "",
        "base": "class Metric:\n    def compute(self, x):\n        return self._metric(x)\n",
        "own": "from pkg.base import Metric\n\n\nclass Half(Metric):\n    def _metric(self, x):\n        return x / 2\n",
        "a": HEADER.format("own", "Half")
        + "class Loss(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.metric = Half()\n\n    def forward(self, x):\n        return self.metric.compute(x)\n",
    }
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    project = Project.for_paths([package])
    found = project.find("pkg.own.Half")
    through = runs_through(Knowledge.of(project), found.methods["_metric"])  # type: ignore[union-attr]
    assert [run.cls.node.name for run in through] == ["Loss"]


FOLDED = """
from functools import reduce
from itertools import accumulate, starmap
from operator import add, mul

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.num = config.num

    def forward(self, x):
        top = self.num if isinstance(self.num, int) else reduce(mul, self.num)
        for each in accumulate(self.num, add):
            top += each
        return x.max() > x * top - 1
"""


def test_every_site_is_a_node_of_the_source(tmp_path: Path) -> None:
    """The turns of `reduce` and its like are calls that only the run has."""
    path = tmp_path / "folded.py"
    path.write_text(FOLDED)
    project = Project.for_paths([path])
    file = project.file(path)
    assert file is not None
    run = Knowledge.of(project).run(file.classes[0])
    assert run is not None and run.met.sites
    assert run.met.sites.keys() <= set(ast.walk(file.source.tree))


def test_a_file_of_the_function_and_those_that_import_it_are_looked_at_first(tmp_path: Path) -> None:
    others = {
        f"a{i}": HEADER.format("other", "nothing") + NET.format(f"A{i}", ", f", "f.softmax(x)") for i in range(40)
    }
    files = {
        "other": "def nothing():\n    pass\n",
        "own": "import torch.nn as nn\n\n\ndef softmax(x):\n    return x / x.sum()\n\n\n"
        + NET.format("Own", "", "softmax(x)"),
        "user": HEADER.format("own", "softmax") + NET.format("Uses", "", "softmax(x)"),
        **others,
    }
    assert runs(tmp_path, files, "own.softmax")[0] == ["Own", "Uses"]
