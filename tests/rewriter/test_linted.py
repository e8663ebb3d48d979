"""A file that ruff has nothing to say about, with every rule, is such a file afterwards, and formatted as before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rewriter.engine import rewrite
from rewriter.python.project import Project
from rewriter.settings import Settings

SETTINGS = """\
line-length = {width}
[lint]
select = ["ALL"]
# The first are those that ruff says to leave out beside its formatter, or that exclude each other.
ignore = ["COM812", "ISC001", "D203", "D213", "INP001", "EXE", "CPY001"]
[lint.pydocstyle]
convention = "{convention}"
"""

HEAD = '''\
"""A network."""

from __future__ import annotations

import os

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

__all__ = ["Net"]

'''

STEPS = '''
def scaled(x: Tensor, y: Tensor) -> Tensor:
    """Multiply."""
    return x * y.sigmoid()


class Late(nn.Module):
    """A class without a constructor."""

    def forward(self, x: Tensor) -> Tensor:
        """Run it."""
        return F.relu(x) + len(os.environ)


class Net(nn.Module):
    """Loops over layers."""

    def __init__(self) -> None:
        """Make the layers."""
        super().__init__()
        self.layers_of_the_first_kind = nn.ModuleList(Late() for _ in range(3))
        self.layers_of_the_second_kind = nn.ModuleList(Late() for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """Run all."""
        for first, second in zip(
            self.layers_of_the_first_kind,
            self.layers_of_the_second_kind,
            strict=True,
        ):
            x = x + scaled(first(x), second(x))
        return torch.cat([x, x * 2], dim=1)
'''

LOOPS = '''
class Net(nn.Module):
    """Headers that compute, and a method that is called again."""

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Run it."""
        out = queries * len(os.environ)
        for query, (key, value) in zip(*(F.softmax(given, dim=1) for given in (queries, keys)), strict=True):
            out = out + query * key - value
        for query, key in zip(queries * 2, keys.sigmoid(), strict=True):
            out = out + query * key
        first_of_the_results_that_it_returns, second_of_them = self.halves(
            out,
            queries=queries,
            keys=keys,
        )
        third, last = self.halves(
            second_of_them,
            queries=queries,
            keys=keys,
        )
        return torch.cat([first_of_the_results_that_it_returns, third, last], dim=1)

    def halves(self, out: Tensor, queries: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Split it.

        Args:
            out: What is split.
            queries: What is taken off.
            keys: What is added.

        Returns:
            The two.

        """
        return out - queries, out + keys
'''

COMMENTS = '''
class Net(nn.Module):
    """Chains and sums over several lines."""

    def forward(self, low: Tensor, mid: Tensor, high: Tensor) -> Tensor:
        """Merge three scales."""
        out = (
            low * len(os.environ)  # coarse
            + mid * 0.5
            # the finest scale counts most
            + high * 0.75
        )
        out = torch.cat(
            [
                out,
                low - mid,  # what the coarse one misses
                mid - high,
            ],
            dim=1,
        )
        return (
            F.relu(out)
            .mul(low)
            # normalised over the channels
            .softmax(dim=1)  # all of them
            .mean(dim=(2, 3), keepdim=True)
        )
'''


@pytest.mark.parametrize("width", [72, 88, 120])
@pytest.mark.parametrize("convention", ["google", "pep257"])
@pytest.mark.parametrize("name", ["STEPS", "LOOPS", "COMMENTS"])
def test_ruff_is_content_before_and_after(name: str, convention: str, width: int, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    (tmp_path / "ruff.toml").write_text(SETTINGS.format(width=width, convention=convention))
    path.write_text(HEAD + globals()[name])
    _ruff(tmp_path, "format", ".")
    assert _ruff(tmp_path, "check", ".") == "All checks passed!\n"
    result = rewrite(path.read_bytes(), path, Settings(), Project.for_paths([tmp_path]))
    assert result.failure is None and all(refusal.is_remark for refusal in result.refusals) and len(result.findings) > 5
    path.write_bytes(result.after)
    assert _ruff(tmp_path, "check", ".") == "All checks passed!\n"
    assert _ruff(tmp_path, "format", "--diff", ".") == ""


def _ruff(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder).stdout
