"""Which files of a tree are judged together: those that an import may connect."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriter.python.file_texts import Texts
from rewriter.python.project import Project
from rewriter.python.separate_parts import parts_of
from rewriter.run import run
from rewriter.settings import Settings
from rewriter.work import Job

MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        return torch.relu(x)
"""


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for above in path.parents:
            if above.name.startswith("pkg"):
                (above / "__init__.py").touch()
    return folder


def parts(folder: Path) -> set[frozenset[str]]:
    found = parts_of(Project.for_paths([folder]).texts)
    return {frozenset(path.relative_to(folder).as_posix() for path in part.paths) for part in found}


TWO = {"pkg1/a.py": MODEL, "pkg2/b.py": MODEL}
CONNECTED = {
    "imported by name": {**TWO, "pkg2/c.py": "import pkg1.a\n"},
    "imported in a function": {**TWO, "pkg2/c.py": "def f():\n    from pkg1 import a\n    return a\n"},
    "in one line": {**TWO, "pkg2/c.py": "try: import os, pkg1.a as one\nexcept ImportError: pass\n"},
    "through a third": {**TWO, "both.py": "import pkg1; import pkg2\n"},
    "by a string": {**TWO, "pkg2/c.py": "import importlib\nimportlib.import_module('pkg1.a')\n"},
    "of a module whose folder a script may have put on the path": {"pkg1/a.py": MODEL, "b.py": f"import a\n{MODEL}"},
    "of a module whose folder the path names": {**TWO, "pkg2/c.py": "import sys\nsys.path.append('..')\nimport a\n"},
    "beside each other": {"x/a.py": MODEL, "x/b.py": f"from .a import Net\n{MODEL}"},
    "below a folder that is no package": {"x/a.py": MODEL, "y/b.py": f"from x.a import Net\n{MODEL}"},
}


@pytest.mark.parametrize("case", CONNECTED)
def test_what_an_import_may_connect_is_one_part(tmp_path: Path, case: str) -> None:
    assert len(parts(tree(tmp_path / "top", CONNECTED[case]))) == 1


def test_what_no_import_connects_falls_apart(tmp_path: Path) -> None:
    files = {
        **TWO,
        "pkg1/c.py": "import torch\nfrom .a import Net\n",
        "plain.py": "x = 1\n",
        "pkg3/d.py": "import os\n",
    }
    assert parts(tree(tmp_path / "top", files)) == {
        frozenset({"pkg1/__init__.py", "pkg1/a.py", "pkg1/c.py"}),
        frozenset({"pkg2/__init__.py", "pkg2/b.py"}),
        frozenset({"plain.py", "pkg3/__init__.py", "pkg3/d.py"}),
    }


def test_a_package_is_one_part_whatever_its_files_import(tmp_path: Path) -> None:
    assert len(parts(tree(tmp_path, {"pkg/a.py": MODEL, "pkg/deep/b.py": MODEL, "pkg/deep/er/c.py": MODEL}))) == 1


def test_each_part_is_judged_as_if_it_were_alone(tmp_path: Path) -> None:
    """Copies of one package, in which every name stands as often as there are copies."""
    base = (
        "from torch import nn\n\n\nclass Base(nn.Module):\n    def forward(self, x):\n        return self.part(x) + x\n"
    )
    files = {f"pkg{n}/{name}.py": text for n in range(3) for name, text in (("base", base), ("net", MODEL))}
    folder = tree(tmp_path / "top", files)
    whole = {
        r.path: (r.after, r.items) for r in run(sorted(folder.rglob("*.py")), Job((folder,), Settings(isolated=True)))
    }
    for n in range(3):
        job = Job((folder / f"pkg{n}",), Settings(isolated=True))
        assert all(whole[r.path] == (r.after, r.items) for r in run(sorted(job.roots[0].rglob("*.py")), job))


def test_what_is_read_of_a_file_is_shared(tmp_path: Path) -> None:
    texts = Texts([tree(tmp_path / "top", TWO)])
    before = {path: texts.text(path) for path in texts.paths}
    for path in texts.paths:
        path.unlink()
    assert all(part.text(path) == before[path] for part in parts_of(texts) for path in part.paths)
