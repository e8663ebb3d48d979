"""`check` says what `fix` would do, without doing it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rewriter.engine import judge, rewrite
from rewriter.settings import Settings
from tests.rewriter.test_refusals import REFUSED, in_forward

SOURCES = {
    "changed": in_forward("return x + 1"),
    "nothing to do": in_forward("return x"),
    "no room for a comment": in_forward("return (  # why", "    x", "    + 1)"),
    "room for a comment": in_forward("return torch.add(  # why", "    x, 1)", "", "# + 1"),
    "some room": in_forward("y = x * 2", "return (  # why", "    y", "    + 1)"),
    "no Python": "def f(:\n",
    **{name: source for name, (_, source) in REFUSED.items()},
}


@pytest.mark.parametrize("name", SOURCES)
def test_judging_says_what_rewriting_does(name: str) -> None:
    source, path = SOURCES[name].encode(), Path("model.py")
    done, said = rewrite(source, path, Settings()), judge(source, path, Settings())
    assert said.changed == done.changed
    assert replace(done, after=source) == replace(said, unwritten=False)
