"""Names that a project has for types are read as what they stand for, in whichever file they stand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rewriter.engine import rewrite
from rewriter.results import FileResult
from rewriter.settings import Settings
from tests.rewriter.executed import HEADER, load, rewritten

NET = """
class Net(nn.Module):
    def forward(self, x: {said}, other: OptFloats = None):
        y = -x
        return y if other is None else y * other
"""
TYPES = """from typing import NewType, Optional, Sequence, TypeAlias, TypeVar, Union
from torch import Tensor
import torch

Floats: TypeAlias = torch.Tensor
Plain = Tensor
OptFloats = Optional[Floats]
Either = Union[Floats, None]
Piped = Floats | None
Bound = TypeVar("Bound", bound=Floats)
New = NewType("New", Floats)
Sizes = Sequence[int]
Round = Optional["Round"]
"""
X = torch.randn(2, 3)


def _assert_same(result: FileResult) -> None:
    for given in ((X,), (X, X)):
        before, after = (load(text)["Net"]()(*given) for text in (result.before, result.after))
        assert torch.equal(before, after)


@pytest.mark.parametrize("said", ["Floats", "Plain", "Either", "Piped", "Bound", "New", "'Floats'"])
def test_a_name_for_a_type_says_what_it_stands_for(said: str) -> None:
    result = rewritten(TYPES + HEADER + NET.format(said=said))
    assert b"y = self.neg(x)" in result.after and b"self.mul(y, other)" in result.after and not result.refusals
    _assert_same(result)


def test_the_name_may_stand_in_another_file_that_another_one_hands_on(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "types.py").write_text(TYPES)
    (package / "__init__.py").write_text("from package.types import Floats, OptFloats\n")
    net = HEADER + "from package import Floats, OptFloats\n" + NET.format(said="Floats")
    (package / "net.py").write_text(net)
    result = rewrite(net.encode(), package / "net.py", Settings())
    assert b"y = self.neg(x)" in result.after and b"self.mul(y, other)" in result.after and not result.refusals


@pytest.mark.parametrize("said", ["Sizes", "Round", "Missing"])
def test_a_name_for_anything_else_says_no_tensor(said: str) -> None:
    source = HEADER + TYPES + f"class Net(nn.Module):\n    def forward(self, n: {said}):\n        return n * 2\n"
    assert not rewritten(source).changed
