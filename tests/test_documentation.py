"""The documentation is true: its blocks do what they say, the site builds, the files that it names are there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rewriter.rules.listing import ALL
from rewriter.settings import NO_KEYS, Settings
from tests.page import blocks, commands, matches

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Guides whose files are marked by `file=` are followed by tests of their own, which look at what they end with.
RUN = [
    page for page in PAGES if any(block.runs for block in blocks(page.read_text())) and " file=" not in page.read_text()
]


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_says_is_what_happens(page: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    command = [sys.executable, "-m", "tests.page", page, tmp_path]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pages_that_say_what_does_not_happen_are_told_from_those_that_do() -> None:
    assert list(commands("$ a b\nx\n$ c\n")) == [("a b", ["x"]), ("c", [])]
    assert matches(["one", "...", "f... here"], "one\ntwo\nthree\nfour is here\n")
    assert matches(["..."], "") and matches([], "")
    assert not matches(["one"], "one\ntwo\n") and not matches(["one", "three"], "one\ntwo\nthree\n")
    assert not matches([], "something\n")


@pytest.mark.parametrize(
    ("page", "fine"),
    [
        ("```python title=\"m.py\"\nx = 1\n```\n```python\nfrom m import x\n```\n```python\nprint(x)\n```\n```output\n1\n```\n", True),
        ("```python\nprint(1)\n```\n```output\n2\n```\n", False),
        ("```python\n1 / 0\n```\n", False),
        ("```console\n$ echo a\nb\n```\n", False),
        ("```console\n$ python -c 'exit(2)'\n```\n", False),
        ("```yaml anything=1\n- a\n```\n```console\n$ echo a\na\n```\n", True),
    ],
)  # fmt: skip
def test_a_page_is_followed(page: str, fine: bool, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(page)
    command = [sys.executable, "-m", "tests.page", tmp_path / "page.md", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode == 0) is fine, done.stderr


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rules = (tmp_path / "site" / "rules" / "index.html").read_text()
    assert all(f'id="{rule.code.lower()}"' in rules for rule in ALL)
    for page in (tmp_path / "site").rglob("*.html"):
        assert not re.search(r'(?:src|href)="https?://(?!squidfunk)[^"]*\.(?:js|css|woff2?)"', page.read_text()), page


def test_every_setting_is_documented() -> None:
    settings = (ROOT / "docs" / "settings.md").read_text()
    for name in Settings.__dataclass_fields__:
        assert name in NO_KEYS or f"| `{name.replace('_', '-')}` |" in settings, name


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "README.md"])
def test_the_files_that_are_named_are_there(name: str) -> None:
    text = (ROOT / name).read_text()
    named = set(re.findall(r"`((?:rewriter|runtime|tests|scripts|docs|fixtures)/[\w./-]*)`", text))
    named |= set(re.findall(r"\]\(((?!https?:)[^)#]+)", re.sub(r"`[^`]*`", "", text)))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
