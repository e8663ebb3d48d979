"""No room left while `fix` writes: no file in part, none lost, nothing beside them, and the failure is said."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.rewriter.test_kills import FILES, MODEL, ROOT, after_all

LONG = "\n" + "# a comment that fills the file up\n" * 60


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
@pytest.mark.parametrize("room", [100, 500, 1500, 9000])
def test_no_room_for_a_file(tmp_path: Path, room: int) -> None:
    """As a full disk does, the limit ends a write in the middle; some files here are longer than others."""
    project = tmp_path / "project"
    project.mkdir()
    for index in range(FILES):
        (project / f"m{index}.py").write_text(MODEL.format(index) + (LONG if index % 2 else ""))
    after = after_all(project)
    done = subprocess.run(
        [sys.executable, "-m", "rewriter", "fix", "--isolated", "-j", "2", str(project)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY)),
    )
    fits = {name: len(content) <= room for name, content in after.items()}
    assert done.returncode == (0 if all(fits.values()) else 2) and "Traceback" not in done.stderr
    assert (done.stdout + done.stderr).count("cannot be written") >= list(fits.values()).count(False)
    for index in range(FILES):
        content = (project / f"m{index}.py").read_bytes()
        before = (MODEL.format(index) + (LONG if index % 2 else "")).encode()
        assert content == (after[f"m{index}.py"] if fits[f"m{index}.py"] else before)
    assert {path.name for path in project.iterdir()} == set(after)
    assert [path for path in (tmp_path / "cache").rglob(".*") if path.is_file()] == []
