"""What people read of the operations is what the catalogue says."""

from __future__ import annotations

import pytest

from rewriter.explain import explain
from rewriter.torch_api.catalogue import ROWS
from rewriter.torch_api.documentation import README, with_rows


def test_the_readme_is_current() -> None:
    text = README.read_text()
    assert text == with_rows(text), "write it anew with: python -m rewriter.torch_api.documentation"


@pytest.mark.parametrize("code", sorted({row.code for row in ROWS}))
def test_a_rule_names_its_operations(code: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    explain(code, "text")
    shown = capsysbinary.readouterr().out.decode()
    for row in ROWS:
        assert (f"`{row.flexible_target.removeprefix('runtime.modules.')}`" in shown) is (row.code == code), row.op
    assert "**Operations**" in shown
