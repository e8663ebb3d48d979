"""Operations that one method of another library does and that are two here: each of our classes has two modules."""

from __future__ import annotations

from rewriter.torch_api.row import Row
from rewriter.torch_api.rows.builder import float_functional

ROWS = (
    Row(
        op="add_relu",
        code="RW401",
        target="runtime.modules.AddReLU",
        attribute="add_relu",
        operands=("input", "other"),
        spellings=(),
        elsewhere=float_functional("add_relu", "input, other"),
    ),
)
