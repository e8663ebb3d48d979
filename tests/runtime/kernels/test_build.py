"""The kernels' library is compiled when it is first needed, once, and by the content of its sources."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.recwarn import WarningsRecorder

from runtime import __main__ as command
from runtime.kernels import build
from runtime.kernels.native import library

TWO = 'extern "C" __attribute__((visibility("default"))) int two() { return 2; }\n'


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "portable.cpp").write_text(TWO)
    monkeypatch.setattr(build, "SOURCE", folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def test_built_once_and_again_for_other_sources(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build.built()
    assert ctypes.CDLL(str(path)).two() == 2
    assert [entry.name for entry in path.parent.iterdir() if entry.name.startswith(".")] == []
    monkeypatch.setattr(build, "build", lambda *_: pytest.fail("compiled again"))
    assert build.built() == path
    monkeypatch.undo()


def test_other_sources_or_flags_are_another_library(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build.built()
    (sources / "portable.cpp").write_text(TWO.replace("2", "3"))
    second = build.built()
    monkeypatch.setenv("CXXFLAGS", "-DANY")
    assert len({first, second, build.built()}) == 3
    assert ctypes.CDLL(str(second)).two() == 3


def test_processes_at_once_compile_once(sources: Path, tmp_path: Path) -> None:
    compiler = tmp_path / "compiler"
    real = shutil.which("c++")
    compiler.write_text(f'#!/bin/sh\necho run >> {tmp_path}/runs\nsleep 0.3\nexec {real} "$@"\n')
    compiler.chmod(0o755)
    code = (
        "from pathlib import Path; from runtime.kernels import build; import os\n"
        f"os.environ['CXX'] = {str(compiler)!r}; build.SOURCE = Path({str(sources)!r}); print(build.built())"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {process.communicate()[0] for process in both}
    assert len(said) == 1 and Path(said.pop().strip()).is_file()
    assert (tmp_path / "runs").read_text() == "run\nrun\n", "one compiles, one links"


def test_without_a_compiler_the_reference_serves_and_a_warning_says_so(
    sources: Path, monkeypatch: pytest.MonkeyPatch, recwarn: WarningsRecorder, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.delenv(library.PATH_VARIABLE, raising=False)
    monkeypatch.setattr(library, "_installed", lambda: None)
    assert library.load.__wrapped__() is None
    assert "there is no C++ compiler: install g++" in str(recwarn.pop(UserWarning).message)
    assert command.main(["build"]) == 2
    assert "build: there is no C++ compiler" in capsys.readouterr().err


def test_what_the_compiler_says_is_told(sources: Path) -> None:
    (sources / "portable.cpp").write_text("int f( {\n")
    with pytest.raises(build.BuildError, match=r"portable\.cpp:1:\d+: error"):
        build.built()
    assert not list(build._place().parent.glob("*.so"))
