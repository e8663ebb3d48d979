"""How new lines are laid out: as ruff format would, at the project's length; and where imports go, as ruff sorts them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from rewriter.emit.authors_style import style_of
from rewriter.emit.layout import laid_out
from rewriter.emit.style import Formatter, Style, formatter_of
from rewriter.emit.units import units_in
from rewriter.engine import rewrite
from rewriter.python.project import Project
from rewriter.python.source import Source
from rewriter.settings import Settings

ROOT = Path(__file__).parents[2]
OWN = sorted((ROOT / "rewriter").rglob("*.py")) + sorted((ROOT / "runtime").rglob("*.py"))


def test_what_a_formatter_wrote_is_laid_out_as_it_is() -> None:
    """The project's own statements, which ruff format keeps: those of several lines are what this is about."""
    style, kept, others = Style(120), 0, []
    for source in filter(_is_formatted, map(_parsed, OWN)):
        for statement in units_in(source.tree.body):
            text, line = source.segment(statement), source.lines[statement.lineno - 1]
            behind = source.text[source.end(statement) :].split("\n")[0].strip()
            if isinstance(statement, ast.expr) or "\n" not in text or '"""' in text or behind:
                continue
            laid = laid_out(text, line[: statement.col_offset], style)
            kept += laid == text
            others += [text] if laid != text else []
    assert kept > 250
    assert len(others) < kept * 0.03, others


def _parsed(path: Path) -> Source:
    return Source.parse(path.read_bytes())


def _is_formatted(source: Source) -> bool:
    return "# fmt:" not in source.text


LONG = {
    "call": "result = self.concat(first_of_all_operands, second_of_all_operands, self.mul(x, y), third_operand)",
    "nested": "return self.add(self.concat(first_operand, second_operand, third_operand_too), self.mul(first_one, b))",
    "operators": "result = self.first_operand(x) + self.second_operand(y) * self.third_operand(z) - self.fourth(x)",
    "one operator": "result = first_of_all_operands + self.second_operand(y, another_argument_to_it, keyword=value)",
    "comparison": "if self.sum(first_of_all_operands, second_of_all_operands) > self.sum(third_operand, fourth_operand): pass",
    "tuple": "return self.first_operand(x, y, z), self.second_operand(x, y, z), self.third_operand(x, y, z), w",
    "list": "values = [self.first_operand(x, y, z), self.second_operand(x, y, z), self.third_operand(x, y, z)]",
    "comprehension": "values = [self.add[i](first_operand, layer(second_operand)) for i, layer in enumerate(self.layers)]",
    "ternary": "result = self.concat(first_of_all_operands, second_of_all_operands) if self.condition else self.mul(x, y)",
    "not, of the first operand": "result = not self.first_operand(x, y) or self.second_operand(first_of_all_operands, y)[:, 2:6]",
    "chain": "result = self.softmax(first_of_all_operands).transpose(first_dimension, second).reshape(batch, length)",
    "keyword": "self.resize = runtime.modules.Interpolate(size=(first_dimension, second), mode='bilinear', align=False)",
    "brackets that say nothing": "result = (self.concat(first_of_all_operands, second_of_all_operands, third, fourth_one))",
    "def": "def mix(x: Tensor, y: Tensor, first: int = 1, second: int = 2, third: int = 3, *, ops=None) -> Tensor: ...",
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_line_is_broken_as_ruff_breaks_it(name: str) -> None:
    line = LONG[name]
    code, colon, suite = line.partition(": ") if name in ("comparison", "def") else (line, "", "")
    code, suite = (line[: line.rindex(": ") + 1], line[line.rindex(": ") + 2 :]) if colon else (line, suite)
    laid = laid_out(code, "        ", Style(88))
    assert laid is not None
    assert name in ("comparison", "def") or ast.dump(ast.parse(laid.strip())) == ast.dump(ast.parse(line))
    body = f"        {laid}" + (f"\n            {suite}" if suite else "")
    function = f"class A:\n    def f():\n{body}\n".replace("'", '"')
    assert _ruff("format", "--isolated", "--stdin-filename", "a.py", "-", text=function) == function.replace(
        ":\n            ...", ": ..."
    )


def _ruff(*arguments: str, text: str = "", folder: Path | None = None) -> str:
    command = [sys.executable, "-m", "ruff", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


HEAD = "import os\n\nimport numpy\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n"
CLASS = "\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return F.relu(x + os.getpid()) + numpy.pi\n"
HEADS = {
    "sorted": HEAD,
    "only standard modules before": "import os\n\nfrom torch import nn\n",
    "its own package": "import os\n\nimport numpy\nimport torch\nfrom torch import nn\n\nfrom .other import thing\n",
    "packages above its own": "import torch\nfrom torch import nn\n\nfrom ... import top\nfrom ..up import a\nfrom . import b\nfrom .c import d\n",
    "sections sorted as one": "import os\n\nfrom numpy import pi\nimport torch\nfrom torch import nn\n",
    "encoding": "# -*- coding: utf-8 -*-\nfrom torch import nn\n",
    "comment": "from __future__ import annotations\n\n# What this is for.\nimport torch\nfrom torch import nn\n",
    "not sorted": "from torch import nn\nimport torch\nimport numpy\nimport os\n",
}
ADDED = "\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return x + 1\n"


@pytest.mark.parametrize("name", HEADS)
def test_imports_stay_sorted(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    by_name = name == "sections sorted as one"
    if by_name:
        (tmp_path / "ruff.toml").write_text("[lint.isort]\nforce-sort-within-sections = true\n")
    path.write_text(HEADS[name] + ADDED)
    result = rewrite(path.read_bytes(), path, Settings())
    assert result.failure is None and b"import runtime.modules\n" in result.after
    if name == "not sorted":
        assert result.after.startswith(HEADS[name].encode() + b"import runtime.modules\n")
        return
    path.write_bytes(result.after)
    settings = ["--config", str(tmp_path / "ruff.toml")] if by_name else ["--isolated"]
    _ruff("check", *settings, "--select", "I", str(path), folder=tmp_path)


def test_imports_of_torch_that_nothing_reads_any_more_go(tmp_path: Path) -> None:
    after = _rewritten(tmp_path, HEAD + CLASS)
    assert "functional" not in after and "import torch\n" in after and "import os\n" in after


@pytest.mark.parametrize("call", ["dict(locals())", "vars()"])
def test_the_locals_of_a_function_are_no_imports(call: str, tmp_path: Path) -> None:
    kept = f"    def settings(self, x=1):\n        return {call}\n"
    assert "functional" not in _rewritten(tmp_path, HEAD + CLASS + kept)


USES = {
    "in the file": ("model", HEAD + CLASS + "\n\ndef f(x):\n    return F.softmax\n"),
    "as text": ("model", HEAD + CLASS + "\n\ndef f(x: 'F.Thing'):\n    return x\n"),
    "marked": ("model", HEAD.replace(" as F\n", " as F  # noqa: F401\n") + CLASS),
    "marked among others": ("model", HEAD.replace(" as F\n", " as F  # noqa: N812, F401\n") + CLASS),
    "marked for all": ("model", HEAD.replace(" as F\n", " as F  # noqa\n") + CLASS),
    "by any name": ("model", HEAD + CLASS + "\n\nnames = globals()\n"),
    "by the locals of the file": ("model", HEAD + CLASS + "\n\nnames = dict(locals())\n"),
    "by the locals of whoever runs it": ("model", HEAD + CLASS + "\n\ndef names(run):\n    return run(locals)\n"),
    "by any name of an object": ("model", HEAD + CLASS + "\n\ndef names(m):\n    return vars(m)\n"),
    "a package's own file": ("__init__", HEAD + CLASS),
}


@pytest.mark.parametrize("name", USES)
def test_imports_that_somebody_may_read_stay(name: str, tmp_path: Path) -> None:
    stem, source = USES[name]
    assert "functional" in _rewritten(tmp_path, source, stem)


@pytest.mark.parametrize(
    "taken",
    ["from model import F\n", "from model import *\n", "import model\n\nmodel.F\n", "import model as m\n\nm.F\n"],
)
def test_imports_that_another_file_takes_stay(taken: str, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(taken)
    assert "functional" in _rewritten(tmp_path, HEAD + CLASS)


def _rewritten(folder: Path, source: str, stem: str = "model") -> str:
    path = folder / f"{stem}.py"
    path.write_text(source)
    result = rewrite(path.read_bytes(), path, Settings(), Project.for_paths([folder]))
    assert result.failure is None and result.changed
    return result.after.decode()


SETTINGS = {
    "pyproject.toml": "[tool.ruff]\nline-length = 72\n",
    "ruff.toml": "line-length = 72\n",
    "setup.cfg": "[flake8]\nmax-line-length = 72\n",
    ".flake8": "[flake8]\nmax-line-length = 72\n",
    "tox.ini": "[pycodestyle]\nmax_line_length = 72\n",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_length_of_lines_is_that_of_the_projects_formatter(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(SETTINGS[name])
    assert formatter_of(tmp_path / "package" / "model.py").width == 72


def test_settings_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ruff\n")
    (tmp_path / "setup.cfg").write_bytes(b"\xff\xfe[flake8")
    assert formatter_of(tmp_path / "model.py").width == Formatter().width


@pytest.mark.parametrize(("longest", "width"), [(40, 88), (95, 100), (119, 120), (300, 120)])
def test_without_a_formatter_the_file_itself_says_it(longest: int, width: int, tmp_path: Path) -> None:
    source = Source.parse(f"x = '{'a' * (longest - 6)}'\n# {'c' * 500}\n".encode())
    assert style_of(source, tmp_path / "model.py", isolated=True).width == width


LONG_TEXT = f"x = '{'a' * 104}'\n"
BROKEN_AT = {
    88: "y = function(\n    first_argument_of_the_call, second_argument_of_the_call, third_argument_of_it, d\n)\n",
    100: "y = function(\n    first_argument_of_the_call, second_argument_of_the_call, third_argument_of_it, the_fourth_one\n)\n",
}


@pytest.mark.parametrize("width", BROKEN_AT)
def test_the_statements_that_are_broken_say_it_better_than_the_longest_line(width: int, tmp_path: Path) -> None:
    source = Source.parse((LONG_TEXT + BROKEN_AT[width]).encode())
    assert style_of(source, tmp_path / "model.py", isolated=True).width == width


STORED = """
class Net(nn.Module):
    def __init__(self, approximation_of_gelu="tanh"):
        super().__init__()
        self.act = partial(nn.functional.gelu, approximate=approximation_of_gelu)

    def forward(self, x):
        return self.act(x)
"""


def test_a_statement_that_holds_a_stored_function_is_laid_out(tmp_path: Path) -> None:
    after = _rewritten(tmp_path, f"from functools import partial\n\nfrom torch import nn\n\n{STORED}")
    assert "runtime.modules.as_module(\n            partial(" in after
    _ruff("format", "--isolated", "--check", "model.py", folder=tmp_path)
    (tmp_path / "model.py").write_text(after)
    _ruff("format", "--isolated", "--check", "model.py", folder=tmp_path)


ALIGNED = {
    "a longer name": (
        """return F.grid_sample(x, y,  # sampled
                             mode='nearest',  # there
                             align_corners=c)""",
        """return self.grid_sample(x, y,  # sampled
                                mode='nearest',  # there
                                align_corners=c)""",
    ),
    "brackets further in": (
        """return F.softmax(torch.cat([x, y],  # both
                                   dim=c),  # last
                         c)""",
        """return self.softmax(self.concat(x, y,  # both
                                        dim=c),  # last
                            c)""",
    ),
    "lines that hang": (
        """return F.grid_sample(x, y,  # sampled
          mode='nearest',  # there
          align_corners=c)""",
        """return self.grid_sample(x, y,  # sampled
          mode='nearest',  # there
          align_corners=c)""",
    ),
}


@pytest.mark.parametrize("name", ALIGNED)
def test_lines_under_a_bracket_move_with_it(name: str, tmp_path: Path) -> None:
    before, after = ALIGNED[name]
    head = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
    assert after in _rewritten(tmp_path, f"{head}    def forward(self, x, y, c):\n        {before}\n")


def test_what_follows_a_list_of_operands_keeps_its_blank(tmp_path: Path) -> None:
    head = "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x, d):\n"
    assert "return self.concat(x, x, dim=d)\n" in _rewritten(
        tmp_path, f"{head}        return torch.cat([x, x], dim=d)\n"
    )


def test_a_files_own_indentation_is_kept(tmp_path: Path) -> None:
    after = _rewritten(tmp_path, (HEAD + CLASS).replace("    ", "  "))
    assert "\n  def __init__(self):\n    super().__init__()\n    self.add = " in after


def test_a_constructor_on_one_line_gets_lines(tmp_path: Path) -> None:
    head = "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
    init = "    def __init__(self, n=3): super().__init__(); self.linear = nn.Linear(n, n)  # all of it\n"
    after = _rewritten(tmp_path, f"{head}{init}    def forward(self, x): return torch.relu(self.linear(x))\n")
    assert (
        "    def __init__(self, n=3):\n        super().__init__()\n        self.linear = nn.Linear(n, n)  # all of it\n"
        "        self.relu = nn.ReLU()\n    def forward(self, x): return self.relu(self.linear(x))\n"
    ) in after


@pytest.mark.parametrize(
    ("first", "after"),
    [
        ("import torch\nfrom torch import nn\n", "import runtime.modules\nimport torch\nfrom torch import nn\n\n\n"),
        ("from torch import nn\nimport torch\n", "from torch import nn\nimport torch\n\nimport runtime.modules\n\n\n"),
    ],
    ids=["sorted", "unsorted"],
)
def test_an_import_that_goes_leaves_as_many_blank_lines(first: str, after: str, tmp_path: Path) -> None:
    """Also where the new import takes its place."""
    body = "class Net(nn.Module):\n    def forward(self, x: torch.Tensor):\n        return F.relu(x) + 1\n"
    found = _rewritten(tmp_path, f"{first}\nimport torch.nn.functional as F\n\n\n{body}")
    assert found.startswith(f"{after}class Net(nn.Module):\n")


def test_a_function_s_class_is_written_as_the_file_is(tmp_path: Path) -> None:
    head = "import torch\nfrom torch import nn\n\n\n"
    net = 'class Net(nn.Module):\n\t"""A network."""\n\n\tdef forward(self, x):\n\t\treturn interpolated(x)\n'
    body = 'nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)'
    (tmp_path / "ruff.toml").write_text("line-length = 88\n")
    after = _rewritten(tmp_path, f"{head}def interpolated(x):\n\treturn {body}\n\n\n{net}")
    made = 'runtime.modules.Interpolate(\n\t\t\tscale_factor=2.0, mode="bilinear", align_corners=False\n\t\t)'
    assert (
        'class InterpolatedOps(nn.Module):\n\t"""The operations of `interpolated`."""\n\n\tdef __init__(self):\n'
        f"\t\tsuper().__init__()\n\t\tself.interpolate = {made}\n\n\n"
    ) in after


@pytest.mark.parametrize("noqa", ["# noqa: N812", "#noqa:N812,E501", "# noqa: N812 E501"])
def test_an_import_goes_with_what_silences_its_form(noqa: str, tmp_path: Path) -> None:
    assert "functional" not in _rewritten(tmp_path, HEAD.replace(" as F\n", f" as F  {noqa}\n") + CLASS)


def test_a_star_import_takes_only_what_is_said_to_be_for_others(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("from model import *\n")
    assert "functional" not in _rewritten(tmp_path, f'{HEAD}\n__all__ = ["Net"]\n{CLASS}')


def test_imports_take_the_place_of_one_that_goes(tmp_path: Path) -> None:
    """It is the last one of its block, and theirs is sorted in front of it."""
    head = "import math\n\nimport torch.nn.functional as F\n\n\n"
    body = "def pad(x, n):\n    return F.pad(x, [math.ceil(n), n])\n\n\n"
    net = "class Net(torch.nn.Module):\n    def forward(self, x):\n        return pad(x, 1)\n"
    (tmp_path / "net.py").write_text(f"import torch\n\nfrom pads import pad\n\n\n{net}")
    found = _rewritten(tmp_path, head + body, "pads")
    assert found.startswith(
        "import math\n\nimport runtime.modules\nimport torch.nn as nn\n\n\nclass PadOps(nn.Module):\n"
    )
