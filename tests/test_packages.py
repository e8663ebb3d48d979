"""What an install brings, and that it needs no compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def wheel(folder: Path, **environment: str) -> Path:
    """The wheel of the files that git knows, or would know: no library that was built in this tree."""
    known = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(known, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "tree" / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "tree"]
    subprocess.run(command, check=True, env={**os.environ, **environment})
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def pure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel(tmp_path_factory.mktemp("pure"), CXX="/no/compiler")


def test_one_wheel_for_all_that_needs_no_compiler(pure: Path) -> None:
    assert pure.name.endswith("-py3-none-any.whl")
    assert not [name for name in zipfile.ZipFile(pure).namelist() if name.endswith(".so")]


def test_everything_is_in_it(pure: Path) -> None:
    names = zipfile.ZipFile(pure).namelist()
    sources = {path.name for path in (ROOT / "runtime" / "kernels" / "source").glob("[!.]*")}
    assert {Path(name).name for name in names if "kernels/source/" in name} == sources
    assert {"rewriter/py.typed", "runtime/py.typed"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests", "docs", "fixtures"))]


def test_the_metadata(pure: Path) -> None:
    archive = zipfile.ZipFile(pure)
    (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
    metadata = archive.read(name).decode()
    assert "License-Expression: Apache-2.0" in metadata
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra" not in line]
    assert [line.split()[1].partition(">")[0] for line in required] == ["libcst", "pathspec", "tomli"]


def test_a_wheel_with_kernels_is_for_the_platform_and_any_python(tmp_path: Path) -> None:
    compiler = tmp_path / "compiler"  # the real sources are compiled elsewhere; here each becomes an empty file
    compiler.write_text('#!/bin/sh\nfor last; do :; done\n: > "$last"\n')
    compiler.chmod(0o755)
    built = wheel(tmp_path, RUNTIME_BUILD_KERNELS="1", CXX=str(compiler))
    assert "-py3-none-linux_" in built.name
    assert "runtime/kernels/_kernels.so" in zipfile.ZipFile(built).namelist()
