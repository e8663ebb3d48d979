"""Bytes in, bytes out; nothing crashes; nothing half-proven is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriter.emit import write as emit_write
from rewriter.engine import rewrite
from rewriter.python.project import Project
from rewriter.settings import Settings

SOURCE = """\
# -*- coding: utf-8 -*-
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        return x + 1  # größer
"""


def run(data: bytes) -> bytes:
    result = rewrite(data, Path("model.py"), Settings())
    assert result.failure is None, result.failure
    return result.after


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + SOURCE.encode(),
        SOURCE.replace("utf-8", "latin-1").encode("latin-1"),
        SOURCE.replace("\n", "\r\n").encode(),
        SOURCE.replace("\n", "\r").encode(),
        SOURCE.rstrip("\n").encode(),
        SOURCE.replace("    ", "\t").encode(),
        SOURCE.replace("\n\n\n", "\n\x0c\n").encode(),
    ],
    ids=["bom", "latin-1", "crlf", "cr", "no final newline", "tabs", "form feed"],
)
def test_form_survives(data: bytes) -> None:
    after = run(data)
    newline = b"\r\n" if b"\r\n" in data else b"\r" if b"\r" in data else b"\n"
    indent = b"\t" if b"\t" in data else b"    "
    assert b"self.add(x, 1)" in after
    # Taking the new lines out and the call back gives the old bytes.
    added = [
        b"import runtime.modules",
        indent + b"def __init__(self):",
        indent * 2 + b"super().__init__()",
        indent * 2 + b"self.add = runtime.modules.EltWiseAdd()",
    ]
    for line in added:
        assert line + newline in after
        after = after.replace(line + newline, b"", 1)
    after = after.replace(newline + indent + b"def forward", indent + b"def forward", 1)
    assert after.replace(b"self.add(x, 1)", b"x + 1") == data


def test_an_init_that_ends_the_file_without_a_newline() -> None:
    source = (
        "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x):\n        return x + 1\n"
        "    def __init__(self):\n        super().__init__()\n        self.a = 1"
    )
    after = run(source.encode()).decode()
    assert after.endswith("self.a = 1\n        self.add = runtime.modules.EltWiseAdd()")


def test_mixed_line_ends_of_untouched_lines_stay() -> None:
    source = SOURCE.replace("\n\n\n", "\r\n\n\r\n").encode()
    assert run(source).count(b"\r\n") == 2


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"def f(:\n", "syntax"),
        (b"x = 1\n\x00", "syntax"),
        (b"# coding: no-such-codec\n", "encoding"),
        (b"x = '\xff'\n", "encoding"),
        (b"x = " + b"(" * 500 + b")" * 500, "syntax"),
        (b"x = " + b"-" * 100_000 + b"1", "too-deep"),
        (b"from torch import nn\nclass Module(nn.Module):\n  def forward(self, x):\n    return " + b"x+" * 5000 + b"x", "too-deep"),
        (b"#" * 3_000_000, "too-large"),
    ],
)  # fmt: skip
def test_what_cannot_be_handled_is_a_failure_of_that_file(data: bytes, kind: str) -> None:
    result = rewrite(data, Path("bad.py"), Settings())
    assert result.failure is not None and result.failure.kind == kind
    assert result.after == data and result.failure.message


def test_long_chains_of_elif_are_not_too_deep() -> None:
    chain = "".join(f"        elif n == {i}:\n            return x + {i}\n" for i in range(600))
    source = f"from torch import nn\nclass Net(nn.Module):\n    def forward(self, x, n: int):\n        if n < 0: pass\n{chain}"
    assert run(source.encode()).count(b"EltWiseAdd()") == 600


def test_what_a_broken_off_file_left_half_known_is_forgotten(tmp_path: Path) -> None:
    chain = "+x" * 5000
    (tmp_path / "base.py").write_text(
        f"from torch import nn\nclass Base(nn.Module):\n  def forward(self, x):\n    return x{chain}\n"
    )
    (tmp_path / "net.py").write_text("from base import Base\nclass Net(Base):\n  def f(self, x):\n    return x + 1\n")
    project = Project.for_paths([tmp_path])
    for _ in range(2):
        path = tmp_path / "base.py"
        result = rewrite(path.read_bytes(), path, Settings(), project)
        assert result.failure is not None and result.failure.kind == "too-deep"
        assert not len(project.answers)


def test_a_syntax_error_says_where() -> None:
    result = rewrite(b"x = 1\ny = = 2\n", Path("bad.py"), Settings())
    assert result.failure is not None and result.failure.span is not None and result.failure.span.line == 2


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda text: text.replace("self.add(x, 1)", "self.add(1, x)"), "syntax tree"),
        (lambda text: text.replace("self.add(x, 1)", "self.add(x, 2)"), "syntax tree"),
        (lambda text: text.replace("EltWiseAdd()", "EltWiseSub()"), "does not make"),
        (lambda text: text.replace("# größer", "\n        pass"), "syntax tree"),
        (lambda text: text.replace("self.add(x, 1)", "self.add(x, 1"), "does not parse"),
        (lambda text: text + "\ny = 1\n", "syntax tree"),
        (lambda text: text.replace("EltWiseAdd()", "EltWiseAdd(alpha=2)"), "syntax tree"),
    ],
)
def test_a_wrong_result_is_not_written(monkeypatch: pytest.MonkeyPatch, damage, problem: str) -> None:  # type: ignore[no-untyped-def]
    """The self-checks catch what a fault in writing could do."""
    honest = emit_write.write

    def faulty(*args: object) -> emit_write.Written:
        written = honest(*args)  # type: ignore[arg-type]
        written.text = damage(written.text)
        return written

    monkeypatch.setattr(emit_write, "write", faulty)
    result = rewrite(SOURCE.encode(), Path("model.py"), Settings())
    assert result.failure is not None and result.failure.kind == "self-check"
    assert problem in result.failure.message
    assert not result.changed
