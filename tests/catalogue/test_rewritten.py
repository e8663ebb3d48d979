"""Every spelling of every row, rewritten and executed: value, dtype, shape, gradient and effect on the arguments."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rewriter.engine import rewrite
from rewriter.settings import Settings
from rewriter.torch_api.catalogue import ROWS
from rewriter.torch_api.row import Row
from tests.catalogue.samples import INPUTS, OTHERS, expressions, make_inputs, prelude

warnings.filterwarnings("ignore")
ARGUMENTS = ", ".join([*INPUTS, *OTHERS])


def source_of(row: Row) -> tuple[str, list[str]]:
    """One class a variant, and what each of them does."""
    lines = ["import operator", "import torch", "import torch.nn.functional as F", "from torch import nn", ""]
    variants = []
    for spelling in row.spellings:
        for variant, text in expressions(row, spelling):
            lines += ["", f"class M{len(variants)}(nn.Module):", f"    def forward(self, {ARGUMENTS}):"]
            lines += [f"        {assignment}" for assignment in prelude(row, text)]
            is_statement = isinstance(ast.parse(text).body[0], ast.AugAssign)
            lines += [f"        {text}", "        return x, m"] if is_statement else [f"        return {text}"]
            lines.append("")
            variants.append(f"{spelling.name} {variant}: {text}")
    return "\n".join(lines), variants


def run(module: nn.Module) -> tuple[Any, dict[str, Tensor], dict[str, Any]]:
    """The result, the arguments afterwards, and the gradients of the leaves behind them (or why there are none)."""
    leaves = make_inputs()
    given = {n: t * 1 if isinstance(t, Tensor) and t.requires_grad else t for n, t in leaves.items()}
    torch.manual_seed(1)
    try:
        result = module(**given)
    except Exception as error:
        return (type(error), str(error).partition("\n")[0]), {}, {}
    tensors = [t for t in torch.utils._pytree.tree_leaves(result) if isinstance(t, Tensor) and t.requires_grad]
    failed: dict[str, Any] = {}
    if tensors:
        try:
            sum(t.double().abs().sum() for t in tensors).backward()  # type: ignore[union-attr]
        except RuntimeError as error:
            failed = {"no gradient": str(error).partition("\n")[0]}
    after = {n: t.detach() for n, t in given.items() if isinstance(t, Tensor)}
    grads = {n: t.grad for n, t in leaves.items() if isinstance(t, Tensor) and t.grad is not None}
    return result, after, {**grads, **failed}


def assert_same(a: Any, b: Any, what: str) -> None:
    flat_a, spec_a = torch.utils._pytree.tree_flatten(a)
    flat_b, spec_b = torch.utils._pytree.tree_flatten(b)
    assert spec_a == spec_b, what
    for one, other in zip(flat_a, flat_b, strict=True):
        if isinstance(one, Tensor):
            assert one.dtype == other.dtype and one.shape == other.shape, what
            same = torch.equal(one.nan_to_num(7.5), other.nan_to_num(7.5))
            assert same, what
        else:
            assert one == other, what


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.op)
def test_rewritten_equals_original(row: Row) -> None:
    source, variants = source_of(row)
    result = rewrite(source.encode(), Path("sample.py"), Settings())
    assert result.failure is None, result.failure
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    exec(compile(result.before, "before", "exec"), before)
    exec(compile(result.after, "after", "exec"), after)
    ran = 0
    for index, what in enumerate(variants):
        old, new = before[f"M{index}"](), after[f"M{index}"]()
        assert len(list(new.children())) >= 1, f"left as it was: {what} {result.refusals}"
        assert not new.state_dict()
        expected, actual = run(old), run(new)
        if isinstance(expected[0], tuple) and expected[0] and isinstance(expected[0][0], type):
            assert actual[0][0] is expected[0][0], f"{what}: {expected[0]} became {actual[0]}"
            continue
        ran += 1
        assert_same(actual, expected, what)
    assert ran >= len(variants) / 2, "most samples should run"
