"""Many files: order, isolation, workers that die, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from rewriter.run import run
from rewriter.settings import Settings
from rewriter.work import Job

ENGINE = "tests.rewriter.faulty_engine:rewrite"
ROOT = Path(__file__).parents[2]


def files(folder: Path, *contents: str) -> list[Path]:
    for index, content in enumerate(contents):
        (folder / f"f{index}.py").write_text(content)
    return sorted(folder.iterdir())


def test_a_worker_that_dies_is_replaced_and_its_file_named(tmp_path: Path) -> None:
    paths = files(tmp_path, "x", "x", "x", "die", "x", "raise", "x", "x")
    results = list(run(paths, Job(tuple(paths), Settings(), ENGINE), workers=2))
    assert [r.path for r in results] == paths
    kinds = {r.path.name: r.failure.kind for r in results if r.failure}
    assert kinds == {"f3.py": "crash", "f5.py": "internal"}
    assert all(r.after.endswith(b"# seen\n") for r in results if r.failure is None)


def test_what_was_finished_before_a_worker_died_is_not_done_again(tmp_path: Path) -> None:
    """The first file is still waiting when the last one kills its worker; those between them have been done."""
    paths = files(tmp_path, "wait", "x", "x", "x", "die")
    results = list(run(paths, Job(tuple(paths), Settings(), ENGINE), workers=2))
    assert [r.path.name for r in results if r.failure is None] == ["f0.py", "f1.py", "f2.py", "f3.py"]
    done = (tmp_path / "log").read_text().split()
    assert [done.count(f"f{index}.py") for index in (1, 2, 3)] == [1, 1, 1]


def test_ctrl_c_ends_every_process_without_a_word_from_the_workers(tmp_path: Path) -> None:
    """Two workers are busy, the third has nothing left to do; an idle one is where Python would print a traceback."""
    paths = files(tmp_path, "wait", "wait", "x")
    code = (
        "import sys; from pathlib import Path; from rewriter.run import run; from rewriter.work import Job\n"
        "from rewriter.settings import Settings\n"
        f"try: list(run([Path(p) for p in sys.argv[1:]], Job((), Settings(), {ENGINE!r}), 3))\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, paths)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # which nohup ignores
    )
    log = tmp_path / "log"
    while process.poll() is None and not (log.exists() and len(log.read_text().split()) == 3):
        time.sleep(0.02)
    time.sleep(0.2)  # for the third worker to come back from its file
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=20) == ("interrupted\n", "")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (result,) = run([tmp_path / "gone.py"], Job((tmp_path,), Settings()))
    assert result.failure is not None and result.failure.kind == "unreadable" and "gone.py" in result.failure.message
