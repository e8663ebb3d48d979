"""How many work, where, in which parts, and what is remembered: the results are the same, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from rewriter.cli import main
from rewriter.cluster import connected
from rewriter.run import run
from rewriter.settings import Settings
from rewriter.work import Job
from tests.rewriter.test_cache import BASE, MODEL, said

PACKAGES = ("one", "two", "three", "four", "five")
HELPER = "import torch\n\n\ndef helper(x, y):\n    return torch.cat([x, y]) * 2\n"
ENGINE = "tests.rewriter.faulty_engine:rewrite"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five packages, two of which an import connects; more parts than two workers need to be busy."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    top = tmp_path / "top"
    for name in PACKAGES:
        folder = top / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "base.py").write_text(BASE)
        (folder / "model.py").write_text(MODEL.replace("net.", f"{name}."))
        (folder / "helper.py").write_text(HELPER)
        (folder / "wrong.py").write_text("def f(:\n")
    (top / "two" / "user.py").write_text("import one.model\n")
    (top / "alone.py").write_text(MODEL.replace("net.base", "one.base"))
    monkeypatch.chdir(top)
    return top


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A real one, with two workers in processes of their own."""
    distributed = pytest.importorskip("distributed")
    settings = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**settings) as cluster:
        yield cluster.scheduler_address.replace("tcp://", "dask://")


WAYS = {
    "one process": ["-j", "1", "--no-cache"],
    "two": ["-j", "2", "--no-cache"],
    "seven": ["-j", "7", "--no-cache"],
    "nothing remembered yet": ["-j", "2"],
    "all remembered": [],
}


def test_every_way_says_the_same(project: Path, scheduler: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    ways = {**WAYS, "a cluster": ["--executor", scheduler, "--no-cache"]}
    for command in (["fix", "--diff"], ["check", "--format", "json", "-v"]):
        outputs = {way: said(capsysbinary, *command, *options, ".") for way, options in ways.items()}
        assert b"alone.py" in outputs["two"][1]
        assert {way: output for way, output in outputs.items() if output != outputs["one process"]} == {}


def test_a_changed_file_costs_its_own_part(project: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    said(capsysbinary, "fix", "--diff", ".")
    model = project / "four" / "model.py"
    model.write_text(model.read_text().replace("relu", "tanh"))
    entries = project.parent / "cache" / "rewriter" / "results"
    before = {entry: entry.read_bytes() for entry in entries.iterdir()}
    remembering = said(capsysbinary, "fix", "--diff", ".")
    changed = [entry for entry in entries.iterdir() if before.get(entry) != entry.read_bytes()]
    assert len(changed) == 1 < len(before)
    assert remembering == said(capsysbinary, "fix", "--diff", "--no-cache", ".")


@pytest.mark.parametrize("way", ["-j 1", "-j 2", "cluster"])
def test_what_is_written_is_the_same(project: Path, scheduler: str, way: str) -> None:
    expected = {r.path: r.after for r in run(sorted(project.rglob("*.py")), Job((project,), Settings()), 1)}
    main(["fix", "-q", *(["--executor", scheduler] if way == "cluster" else way.split()), "."])
    assert {path: path.read_bytes() for path in sorted(project.rglob("*.py"))} == expected


def executors() -> Iterator[Executor]:
    yield ThreadPoolExecutor(3)
    yield ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def test_any_executor_will_do(project: Path) -> None:
    files, job = sorted(project.rglob("*.py")), Job((project,), Settings())
    expected = [(r.path, r.after, r.items, r.failure) for r in run(files, job, 1)]
    for executor in executors():
        with executor:
            assert [(r.path, r.after, r.items, r.failure) for r in run(files, job, executor)] == expected


def test_a_worker_of_an_executor_that_dies_fails_its_files_alone(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"f{number}.py").write_text("die" if number == 2 else "x")
    files = sorted(tmp_path.iterdir())
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        results = list(run(files, Job((tmp_path,), Settings(), ENGINE), executor))
    assert [r.path for r in results] == files
    assert results[2].failure is not None and results[2].failure.kind == "crash"


def test_no_scheduler(
    project: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, _, error = said(capsysbinary, "check", "--executor", "dask://localhost:1", ".")
    assert code == 2 and b'pip install "torch-rewriter[dask]"' in error
    with pytest.raises(SystemExit):
        main(["check", "--executor", "localhost:1", "."])
    assert b"expected dask://HOST:PORT" in capsysbinary.readouterr().err


def test_what_was_read_goes_to_each_worker_once(project: Path, scheduler: str) -> None:
    """However many tasks there are, the scheduler is sent the project's texts once."""
    files, job = sorted(project.rglob("*.py")), Job((project,), Settings())
    with connected(scheduler) as cluster:
        results = list(run(files, job, cluster))
        assert len(cluster._shared) == 1 and cluster.workers == 2  # type: ignore[attr-defined]
    assert [r.path for r in results] == files


def test_a_fork_is_not_made_where_other_threads_run(project: Path) -> None:
    code = (
        "import sys, threading; from pathlib import Path; from rewriter.run import run; from rewriter.work import Job\n"
        "from rewriter.settings import Settings\n"
        "from rewriter import pool\n"
        "if __name__ == '__main__':\n"
        "    assert pool._may_fork() == (sys.platform == 'linux')\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "    assert not pool._may_fork()\n"
        "    files = sorted(Path('.').rglob('*.py'))\n"
        "    print(len(list(run(files, Job((Path('.'),), Settings()), 2))))\n"
    )
    script = project.parent / "script.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{len(list(project.rglob('*.py')))}\n", "")
