"""Many files: order, isolation, and workers that die."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriter.results import FileResult
from rewriter.run import Job, run, write
from rewriter.settings import Settings

ENGINE = "tests.rewriter.faulty_engine:rewrite"


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    for index in range(8):
        (tmp_path / f"f{index}.py").write_text({3: "die", 5: "raise"}.get(index, "x"))
    return sorted(tmp_path.iterdir())


def test_a_worker_that_dies_is_replaced_and_its_file_named(paths: list[Path]) -> None:
    results = list(run(paths, Job(tuple(paths), Settings(), ENGINE), workers=2))
    assert [r.path for r in results] == paths
    kinds = {r.path.name: r.failure.kind for r in results if r.failure}
    assert kinds == {"f3.py": "crash", "f5.py": "internal"}
    assert all(r.after.endswith(b"# seen\n") for r in results if r.failure is None)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (result,) = run([tmp_path / "gone.py"], Job((tmp_path,), Settings()))
    assert result.failure is not None and result.failure.kind == "unreadable" and "gone.py" in result.failure.message


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"changed meanwhile")
    result = write(FileResult(path, b"before", b"after"))
    assert result.failure is not None and result.failure.kind == "unwritable" and not result.changed
