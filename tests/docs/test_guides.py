"""The guides run: each block in its order, in a folder of its own, and what they say is printed is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    kind: str
    file: str | None
    text: str
    line: int


def blocks(guide: str) -> Iterator[Block]:
    text = (ROOT / "docs" / guide).read_text()
    for match in _FENCE.finditer(text):
        yield Block(match[1], match[2], match[3], text[: match.start()].count("\n") + 2)


def run_guide(guide: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the guide has defined at its end."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    names: dict[str, Any] = {"__name__": "guide"}
    printed = ""
    for block in blocks(guide):
        if block.file:
            Path(block.file).write_text(block.text)
        elif block.kind == "python":
            # Tracebacks name the guide and its lines.
            code = compile("\n" * (block.line - 1) + block.text, str(ROOT / "docs" / guide), "exec")
            with redirect_stdout(StringIO()) as output:
                exec(code, names)
            printed = output.getvalue()
        elif block.kind == "output":
            assert printed == block.text, f"docs/{guide}:{block.line}"
        elif block.kind == "console":
            _check_console(block, guide)
    return names


def _check_console(block: Block, guide: str) -> None:
    command, _, expected = block.text.removeprefix("$ ").partition("\n")
    assert command.startswith("rewriter ")
    arguments = [sys.executable, "-m", *command.split()]
    done = subprocess.run(arguments, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.stdout + done.stderr == expected, f"docs/{guide}:{block.line}"


@pytest.fixture(autouse=True)
def _forget_the_guides_modules(tmp_path: Path) -> Iterator[None]:
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def test_distillers_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run_guide("distiller.md", tmp_path, monkeypatch)
    exact, _, in_int8 = names["variants"]
    assert exact.accuracy > 95 and in_int8.accuracy > exact.accuracy - 2.5
    assert in_int8.size < exact.size / 3
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_pytorchs_tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run_guide("pytorch-tutorial.md", tmp_path, monkeypatch)
    exact, *quantized = names["variants"]
    assert exact.accuracy > 80
    assert all(variant.size < exact.size / 2 for variant in quantized)
    assert quantized[1].accuracy > exact.accuracy - 3 and quantized[2].accuracy > exact.accuracy - 3
