"""A docstring that documents all parameters of a function documents the one that the function is given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rewriter.executed import rewritten

SOURCE = '''\
import torch
from torch import nn


def mix(x, y{more}):
    """Mix two tensors.
{text}
    """
    return x * y


class Net(nn.Module):
    def forward(self, x):
        return self._half(self._half(mix(x, x)))

    def _half(self, x):
        """Halve it.

        Args:
            x: What is halved.
        """
        return x / 2
'''

GETS = {
    "Google": ("\n    Args:\n        x: One.\n        y: Other,\n            on two lines.\n", "", "        ops: The"),
    "Google with types": (
        "\n    Arguments:\n        x (Tensor): One.\n        y (Tensor): Two.\n",
        "",
        "        ops (MixOps): The",
    ),
    "before a section": (
        "\n    Args:\n        x: One.\n        y: Two.\n\n    Returns:\n        It.\n",
        "",
        "        ops: The",
    ),
    "before the rest": (
        "\n    Args:\n        x: One.\n        y: Two.\n        **kw: More.\n",
        ", **kw",
        "        ops: The modules of its operations.\n        **kw: More.",
    ),
    "NumPy": (
        "\n    Parameters\n    ----------\n    x\n        One.\n    y\n        Two.\n\n    Returns\n    -------\n    Tensor\n",
        "",
        "    ops\n        The",
    ),
    "NumPy with types": (
        "\n    Parameters\n    ----------\n    x, y : Tensor\n        Both.\n",
        "",
        "    ops : MixOps\n        The",
    ),
}

STAYS = {
    "leaves one out": ("\n    Args:\n        x: One.\n", ""),
    "no section": ("\n    x is one, y the other.\n", ""),
    "ends with its text": ("\n    Args:\n        x: One.\n        y: Two,\n            the other.", ""),
    "for Sphinx": ("\n    :param x: One.\n    :param y: Two.\n", ""),
}


@pytest.mark.parametrize("name", GETS)
def test_the_new_parameter_is_documented_where_all_are(name: str, tmp_path: Path) -> None:
    text, more, line = GETS[name]
    source = SOURCE.format(text=text, more=more)
    after = rewritten(source).after.decode()
    assert line in after and after.count("The modules of its operations.") == 1
    assert after.count("            call: Which of its calls this is, counted from 0.\n") == 1
    assert rewritten(after).after.decode() == after
    path = tmp_path / "model.py"
    for written in (source, after):
        path.write_text(written)
        assert "D417" not in _ruff("check", "--select=D417", path) and not _ruff("format", "--diff", path)


@pytest.mark.parametrize("name", STAYS)
def test_a_docstring_that_does_not_document_all_stays(name: str) -> None:
    text, more = STAYS[name]
    source = SOURCE.format(text=text, more=more).replace('other.\n    """', 'other."""')
    after = rewritten(source).after.decode()
    assert "ops=" in after and "The modules of its operations." not in after
    assert text in after


def test_a_tab_and_carriage_returns_stay_what_they_are() -> None:
    source = SOURCE.format(text="\n    Args:\n        x: One.\n        y: Two.\n", more="")
    source = source.replace("    ", "\t").replace("\n", "\r\n")
    after = rewritten(source).after.decode()
    assert "\r\n\t\ty: Two.\r\n\t\tops: The modules of its operations.\r\n" in after


def _ruff(command: str, *arguments: object) -> str:
    run = [sys.executable, "-m", "ruff", command, "--isolated", "--no-cache", *map(str, arguments)]
    return subprocess.run(run, capture_output=True, text=True).stdout
