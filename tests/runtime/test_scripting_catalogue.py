"""Every spelling of every row: what TorchScript compiled before rewriting it compiles after, to the same values."""

from __future__ import annotations

import ast
import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rewriter.engine import rewrite
from rewriter.settings import Settings
from rewriter.torch_api.catalogue import ROWS
from rewriter.torch_api.row import Row
from tests.catalogue.samples import INPUTS, OTHERS, expressions, make_inputs, prelude
from tests.catalogue.test_rewritten import assert_same

warnings.filterwarnings("ignore")

HEADER = """\
import operator
from typing import Tuple
import torch
import torch.nn.functional as F
from torch import Tensor, nn
"""
NOT_BEFORE = {
    "sum_of": "TorchScript has no sum of tensors",
    "embedding_bag": "the samples have a whole number for its norm_type, which TorchScript does not take",
}
NOT_AFTER = {
    "nn.MaxUnpool": "TorchScript cannot compile torch's own module, if its sizes are numbers",
}


def source_of(row: Row) -> str:
    """A class for each variant, which takes what it reads."""
    parts = [HEADER]
    for number, text in enumerate(text for spelling in row.spellings for _, text in expressions(row, spelling)):
        body = [*prelude(row, text)]
        is_statement = isinstance(ast.parse(text).body[0], ast.AugAssign)
        body += [text, "return x, m"] if is_statement else [f"return {text}"]
        read = {
            node.id
            for node in ast.walk(ast.parse("\n".join(body).replace("return ", "")))
            if isinstance(node, ast.Name)
        }
        taken = [n for n in (*INPUTS, *OTHERS) if n in read]
        declared = ", ".join(f"{n}: {'Tuple[Tensor, Tensor]' if n.startswith('pool') else 'Tensor'}" for n in taken)
        parts.append(f"\n\nclass M{number}(nn.Module):\n    def forward(self, {declared}):\n")
        parts += [f"        {line}\n" for line in body]
    return "".join(parts)


def bodies(source: bytes) -> dict[str, str]:
    """What each class has, its name aside."""
    classes = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    return {node.name: "\n".join(map(ast.unparse, node.body)) for node in classes}


def load(source: bytes, path: Path) -> ModuleType:
    """TorchScript reads the source of what it compiles, so it must be in a file."""
    path.write_bytes(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def script(module: nn.Module) -> Any:
    try:
        return torch.jit.script(module)
    except Exception as error:  # of many kinds, even of torch's own assertions
        return error


def run(module: Any) -> Any:
    leaves = make_inputs()
    given = {n: t * 1 if isinstance(t, Tensor) and t.requires_grad else t for n, t in leaves.items()}
    torch.manual_seed(1)
    try:
        return module(**{a.name: given[a.name] for a in module.forward.schema.arguments[1:]})
    except (torch.jit.Error, RuntimeError) as error:
        return type(error)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.op)
def test_still_compiles(row: Row, tmp_path: Path) -> None:
    result = rewrite(source_of(row).encode(), Path("sample.py"), Settings())
    before, after = load(result.before, tmp_path / "before.py"), load(result.after, tmp_path / "after.py")
    distinct = {body: name for name, body in bodies(result.after).items()}
    ran = 0
    for body, name in distinct.items():
        original, rewritten = script(getattr(before, name)()), script(getattr(after, name)())
        if isinstance(original, Exception):
            continue
        if any(what in body for what in NOT_AFTER):
            assert isinstance(rewritten, Exception)
        elif isinstance(rewritten, Exception):
            raise AssertionError(body) from rewritten
        else:
            expected = run(original)
            assert_same(run(rewritten), expected, body)
            ran += not isinstance(expected, type)
    assert bool(ran) is (row.op not in NOT_BEFORE)
