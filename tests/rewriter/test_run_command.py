"""`rewriter run`: a program runs as under Python itself, but for what it imports."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = "from torch import nn\n\n\nclass Block(nn.Module):\n    def forward(self, x):\n        return x + 1\n"
SHOW = "import sys, lib, near\nprint(sys.argv, sys.path[0], sorted(globals().keys() - {'__annotations__'}), __file__, __package__)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "near.py").write_text("")
    (tmp_path / "lib.py").write_text("WIDTH = 3\n")
    return tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(ROOT), str(folder)])
    environment = {**os.environ, "PYTHONPATH": paths, "XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(folder, "-m", "rewriter", "run", *arguments)


@pytest.mark.parametrize(
    "program",
    [
        SHOW,
        "import lib\ndef f():\n    raise ValueError('x')\nf()\n",
        "import lib, sys\nsys.exit(3)\n",
        "import lib, sys\nsys.exit('no')\n",
        "import lib\nx = = 1\n",
        "import lib, atexit\natexit.register(lambda: print('bye', lib.WIDTH))\n1 / 0\n",
        "# -*- coding: latin-1 -*-\nimport lib\nprint(ascii('\xe4'))\n",
        "import lib, pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)\n",
        "import lib, threading\nthreading.Thread(target=lambda: print(A)).start()\nA = 1\n",
        "import lib, sys\nsys.excepthook = lambda kind, error, trace: print(kind, trace.tb_lineno)\n1 / 0\n",
    ],
    ids=["names", "error", "exit", "exit with text", "syntax", "atexit", "encoding", "pickle", "thread", "hook"],
)
def test_it_is_as_without(folder: Path, program: str) -> None:
    (folder / "bin" / "main.py").write_bytes(program.encode("latin-1"))
    with_it = run(folder, "bin/main.py", "--rewrite", "lib", "-v", "--", "--rewrite", "x")
    without = python(folder, "bin/main.py", "-v", "--", "--rewrite", "x")
    assert (with_it.returncode, with_it.stdout, with_it.stderr) == (without.returncode, without.stdout, without.stderr)


def test_a_module_is_as_without(folder: Path) -> None:
    (folder / "near.py").write_text("")
    package = folder / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "main.py").write_text(SHOW)
    with_it = run(folder, "-m", "package.main", "--rewrite", "lib", "a", "-b")
    without = python(folder, "-m", "package.main", "a", "-b")
    assert (with_it.returncode, with_it.stderr) == (0, "")
    assert with_it.stdout == without.stdout


def test_children_that_start_afresh_find_the_script(folder: Path) -> None:
    program = (
        "import lib, multiprocessing\ndef f(x):\n    return x + lib.WIDTH\n"
        "if __name__ == '__main__':\n    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(f, [1, 2]))\n"
    )
    (folder / "main.py").write_text(program)
    assert run(folder, "main.py", "--rewrite", "lib").stdout == "[4, 5]\n"


@pytest.mark.skipif(not find_spec("torch"), reason="the library imports it")
def test_the_library_is_rewritten(folder: Path) -> None:
    (folder / "lib.py").write_text(BLOCK)
    program = "import lib, sys\nprint([n for n, _ in lib.Block().named_children()], sys.argv[1:])\nlib.Block()(None)\n"
    (folder / "main.py").write_text(program)
    done = run(folder, "-v", "--rewrite", "lib", "main.py", "--rewrite=x")
    assert done.stdout == "['add'] ['--rewrite=x']\n" and done.returncode == 1
    assert "return self.add(x, 1)" in done.stderr and str(folder / "cache") in done.stderr
    assert "lib.py:6:16: RW101 `+` becomes self.add" in done.stderr
    assert "1 operation rewritten in 1 file (1 file read)." in done.stderr
    ignoring = run(folder, "--ignore", "RW101", "--rewrite=lib", "main.py")
    assert ignoring.stdout == "[] []\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["main.py"], "the following arguments are required: --rewrite"),
        (["main.py", "--rewrite"], "argument --rewrite: expected one argument"),
        (["--rewrite", "lib"], "the following arguments are required: SCRIPT"),
        (["--rewrit", "lib", "main.py"], "the following arguments are required: --rewrite"),
        (["gone.py", "--rewrite", "lib"], "gone.py: no such file"),
        (["main.py", "--rewrite", "torch"], "torch cannot be rewritten"),
        (["main.py", "--rewrite", "rewriter.cli"], "rewriter.cli cannot be rewritten"),
        (["--select", "RW777", "main.py", "--rewrite", "lib"], "no code begins with 'RW777'"),
    ],
)
def test_wrong_usage(folder: Path, arguments: list[str], message: str) -> None:
    (folder / "main.py").write_text("print('ran')\n")
    done = run(folder, *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert message in done.stderr.splitlines()[-1]


def test_a_package_that_is_never_imported_is_said(folder: Path) -> None:
    (folder / "main.py").write_text("print('ran')\n")
    done = run(folder, "main.py", "--rewrite", "libb")
    assert done.returncode == 0 and "nothing called 'libb' was imported" in done.stderr


def test_an_interrupted_program_ends_as_without(folder: Path) -> None:
    (folder / "main.py").write_text(
        "import lib, os, signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nos.kill(os.getpid(), signal.SIGINT)\n"
    )
    with_it, without = run(folder, "main.py", "--rewrite", "lib"), python(folder, "main.py")
    assert with_it.returncode == without.returncode != 0
    assert with_it.stderr.splitlines()[-1] == without.stderr.splitlines()[-1] == "KeyboardInterrupt"
