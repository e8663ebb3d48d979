"""Small files with constructs that have broken a rewrite: before and after, a user sees the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rewriter.side_by_side import differences, observe, rewritten

CASES = sorted((Path(__file__).parents[2] / "fixtures" / "exact").glob("*.py"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_user_sees_the_same(path: Path) -> None:
    source = path.read_text()
    result = rewritten(source)
    assert result.failure is None, result.failure
    assert result.changed or not path.stem.startswith("rewritten_"), result.refusals
    assert not differences(observe(source), observe(result.after.decode()))
