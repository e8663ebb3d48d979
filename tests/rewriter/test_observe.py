"""`rewriter observe` leaves a program as it is, and what it has seen answers what the source leaves open."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rewriter.cli import main
from rewriter.observe.within import instrument, kinds

MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)

    def forward(self, x, table: "str"):
        act = table.get("act")
        y = act(self.lin(x))
        block = table.get("block")
        z = block(x)
        if table.get("never"):
            return act(x) * y
        mask = table.get("mask") * 2
        return table.get("scale") * y, y * 2, mask
"""
SCRIPT = """\
import torch
from torch import nn

from model import Net

if __name__ == "__main__":
    net = Net()
    for number in range(3):
        net(torch.ones(2, 4), {"act": torch.relu, "block": nn.ReLU(), "scale": 3, "mask": torch.ones(4, dtype=torch.bool)})
"""
# A program that needs no torch to run, though the rewriter reads it as one that uses it.
OPEN = """\
import sys

sys.path.insert(0, {stub!r})
import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x, table: "str"):
        f = table.get("f")
        return f(x) * 2


def run(times=1):
    for _ in range(times):
        Net().forward(2, {{"f": abs}})


"""
PROGRAMS = {
    "returns": "run(3)\nprint(__name__, __spec__, __package__, __file__ == sys.path[0] + '/train.py', sys.argv, sorted(globals()))",
    "exits": "run()\nsys.exit(7)",
    "exits with a text": "run()\nsys.exit('bad luck')",
    "raises": "def inner():\n    run()\n    {}['k']\n\n\ntry:\n    inner()\nexcept KeyError as error:\n    raise ValueError('no') from error",
    "raises with a hook": "def hook(kind, error, trace):\n    while trace:\n        print(trace.tb_lineno, trace.tb_frame.f_code.co_name)\n        trace = trace.tb_next\n\n\nsys.excepthook = hook\nrun()\n1 / 0",
    "is interrupted": "import os, signal\nrun()\nos.kill(os.getpid(), signal.SIGINT)",
    "is terminated": "import os, signal\nrun()\nos.kill(os.getpid(), signal.SIGTERM)",
    "is killed": "import os, signal\nrun(5)\nos.kill(os.getpid(), signal.SIGKILL)",
    "aborts": "import os\nrun(5)\nos.abort()",
    "leaves at once": "import os\nrun(4)\nos._exit(5)",
    "handles a signal": "import os, signal\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\nrun()\nos.kill(os.getpid(), signal.SIGTERM)",
    "forks": "import os\nrun()\npid = os.fork()\nrun(2)\nif pid == 0:\n    os._exit(3)\nprint(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    "starts processes": "from multiprocessing import get_context\n\nif __name__ == '__main__':\n    for way in ('fork', 'spawn'):\n        with get_context(way).Pool(2) as pool:\n            print(pool.map(run, [1, 2, 3]))",
    "starts another Python": "import subprocess\nrun()\nprint(subprocess.run([sys.executable, '-c', 'import sys; print(sys.path[1:])'], capture_output=True).stdout)",
    "has threads": "import threading\nthreads = [threading.Thread(target=run, args=(500,)) for _ in range(4)]\n[t.start() for t in threads]\n[t.join() for t in threads]\nprint('joined')",
    "fails in a thread": "import threading\nrun()\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()",
    "reads stdin": "run()\nprint(sys.stdin.read())",
    "closes its files": "import os\nos.closerange(3, 100)\nrun(2)\nprint(os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd') else '')",
    "reads its own source": "import inspect\nrun()\nprint(inspect.getsource(Net), inspect.getsource(run))",
    "pickles": "import pickle\nrun()\nprint(pickle.dumps(Net), type(__loader__))",
}


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with something that is imported as torch."""
    folder = tmp_path_factory.mktemp("stub")
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").write_text("from torch import nn\n")
    (folder / "torch" / "nn.py").write_text("class Module:\n    pass\n")
    return folder


def run(command: list[str], folder: Path) -> tuple[int, bytes, bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=folder, env=environment, input=b"typed", capture_output=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def observed(folder: Path, *program: str) -> tuple[int, bytes, bytes]:
    own = [sys.executable, "-m", "rewriter", "observe", "--isolated", "-q", "-j", "1"]
    return run([*own, "--", *program], folder)


def counts(folder: Path) -> dict[str, int]:
    files = json.loads((folder / "evidence.json").read_text())["files"]
    found: dict[str, int] = {}
    for place in (place for file in files.values() for place in file["places"]):
        for kind, seen in place["kinds"].items():
            found[kind] = found.get(kind, 0) + seen["count"]
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_does_what_it_does(name: str, stub: Path, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(OPEN.format(stub=str(stub)) + PROGRAMS[name] + "\n")
    program = [sys.executable, "train.py", "an argument"]
    assert observed(tmp_path, *program) == run(program, tmp_path)
    assert counts(tmp_path)["function builtins.abs"] >= 1


def test_an_imported_file_is_observed_as_well_as_a_module_that_is_run(stub: Path, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(OPEN.format(stub=str(stub)))
    (tmp_path / "train.py").write_text("import model\n\nmodel.run(2)\n")
    program = [sys.executable, "-m", "train"]
    assert observed(tmp_path, *program) == run(program, tmp_path)
    assert counts(tmp_path)["function builtins.abs"] == 2
    (tmp_path / "model.py").write_text(OPEN.format(stub=str(stub)) + "run(3)\n1 / 0\n")
    program = [sys.executable, "-m", "model"]
    assert observed(tmp_path, *program) == run(program, tmp_path)
    assert counts(tmp_path)["function builtins.abs"] == 3, "what belongs to an older text is gone"


def test_evidence_of_the_same_text_adds_up(stub: Path, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(OPEN.format(stub=str(stub)) + "run(len(sys.argv))\n")
    observed(tmp_path, sys.executable, "train.py")
    observed(tmp_path, sys.executable, "train.py", "more")
    assert counts(tmp_path)["function builtins.abs"] == 3


def test_a_signal_reaches_the_program(stub: Path, tmp_path: Path) -> None:
    waits = "import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(4))\nrun()\nprint('ready', flush=True)\ntime.sleep(60)"
    (tmp_path / "train.py").write_text(OPEN.format(stub=str(stub)) + waits)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "rewriter", "observe", "--isolated", "--", sys.executable, "train.py"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 4
    assert counts(tmp_path)["function builtins.abs"] == 1


def test_the_users_own_sitecustomize_is_imported(stub: Path, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "sitecustomize.py").write_text("print('mine')\n")
    (tmp_path / "train.py").write_text(
        OPEN.format(stub=str(stub)) + "run()\nprint(sys.modules['sitecustomize'].__file__)\n"
    )
    program = ["env", f"PYTHONPATH={tmp_path / 'lib'}:{Path(__file__).parents[2]}", sys.executable]
    plain = run([*program, "train.py"], tmp_path)
    assert plain[1].startswith(b"mine\n")
    own = ["-m", "rewriter", "observe", "--isolated", "-q", "--", sys.executable, "train.py"]
    assert run([*program, *own], tmp_path) == (plain[0], b"mine\n" + plain[1], plain[2]), (
        "once for rewriter, once for it"
    )


def test_wrong_usage_is_said_before_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["observe"]) == 2
    assert "rewriter observe -- python train.py" in capsys.readouterr().err
    assert main(["observe", "-o", "nowhere/evidence.json", "--", "true"]) == 2
    assert "there is no folder nowhere" in capsys.readouterr().err
    assert main(["observe", "--", "no-such-program"]) == 2
    assert "no-such-program: cannot be started" in capsys.readouterr().err
    Path("evidence.json").write_text("[]")
    assert main(["observe", "--", "true"]) == 2
    assert "this is not evidence" in capsys.readouterr().err


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was observed while its script ran."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "model.py").write_text(MODEL)
    (folder / "train.py").write_text(SCRIPT)
    assert observed(folder, sys.executable, "train.py") == (0, b"", b"")
    return folder


def reported(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    main(["check", "--isolated", "--no-cache", "-v", str(folder), *more])
    return capsys.readouterr().out


def test_evidence_makes_findings_that_are_unsafe_and_say_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = reported(project, capsys)
    after = reported(project, capsys, "--evidence", str(project / "evidence.json"))
    assert "12:13: RW911 left: it is not known what `act()` computes" in before
    assert "18:40: RW901 left" in before and "18:16: RW901 left" in before and "17:16: RW901 left" in before
    said = "only with --unsafe-fixes: observed, not proven: `act` was function torch.relu (3 times)"
    assert f"12:13: RW205 `act()` is called by self.call, a module for whichever function it is ({said})" in after
    assert "18:40: RW101 `*` becomes self.mul, runtime.modules.EltWiseMult (only with --unsafe-fixes: observed" in after
    assert "17:16" not in after, "masks are no business of a quantizer"
    assert "`y` was tensor float32 (3 times)" in after
    assert "14:13: RW911" in before and "14:13: RW911" not in after, "a module that is called is one already"
    assert "16:20: RW901 left: it is not known whether `*` works on tensors\n" in after, "nobody has come there"
    assert "2 suppressed" in after


def test_evidence_changes_nothing_that_the_source_proves(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proven = "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x: torch.Tensor):\n        return x + 1\n"
    (project / "proven.py").write_text(proven)
    command = ["fix", "--isolated", "--no-cache", "--diff", str(project)]
    main(command)
    without = capsys.readouterr().out
    main([*command, "--evidence", str(project / "evidence.json")])
    assert capsys.readouterr().out == without != ""
    (project / "proven.py").unlink()


def test_what_rests_on_evidence_is_written_when_asked_for_and_runs(project: Path, tmp_path: Path) -> None:
    own = [
        sys.executable,
        "-m",
        "rewriter",
        "fix",
        "--isolated",
        "--unsafe-fixes",
        "-q",
        "--evidence",
        "evidence.json",
        ".",
    ]
    for name in ("model.py", "train.py", "evidence.json"):
        (tmp_path / name).write_bytes((project / name).read_bytes())
    assert run(own, tmp_path) == (0, b"", b"")
    text = (tmp_path / "model.py").read_text()
    assert "y = self.call(act, self.lin(x))" in text
    assert "z = block(x)" in text and "return act(x) * y" in text
    assert run([sys.executable, "train.py"], tmp_path) == (0, b"", b"")


def test_stale_evidence_is_dropped_and_said(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.py").write_text(f"# a line more\n{MODEL}")
    (tmp_path / "evidence.json").write_bytes((project / "evidence.json").read_bytes())
    main(["check", "--isolated", "--no-cache", str(tmp_path), "--evidence", str(tmp_path / "evidence.json")])
    out, err = capsys.readouterr()
    assert "observed, not proven" not in out and "RW911 left" in out
    assert "model.py: its evidence is not used: the file has changed since" in err


def test_what_differs_from_run_to_run_is_left_and_said(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads((project / "evidence.json").read_text())
    for place in document["files"]["model.py"]["places"]:
        if "tensor float32" in place["kinds"]:
            place["kinds"]["float"] = {"count": 1}
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "evidence.json").write_text(json.dumps(document))
    out = reported(tmp_path, capsys, "--evidence", str(tmp_path / "evidence.json"))
    assert (
        "RW901 left: it is not known whether `*` works on tensors (observed, not proven: `y` was tensor float32 (3 times), float (once))"
        in out
    )


COMPILED = """\
import torch
from torch._dynamo.testing import CompileCounter

from model import Net

table = {"act": torch.relu, "block": torch.nn.ReLU(), "scale": 3, "mask": torch.ones(4, dtype=torch.bool)}
torch.manual_seed(0)
net, x = Net(), torch.ones(2, 4)
counter = CompileCounter()
compiled = torch.compile(net, backend=counter, fullgraph=True)
print(compiled(x, table)[0].sum().item(), counter.frame_count, counter.op_count)
torch._dynamo.reset()
print([str(graph.code) for graph in torch._dynamo.explain(net)(x, table).graphs])
plain = Net.forward
print(torch.jit.trace(lambda a: plain(type("Own", (), {"lin": staticmethod(torch.relu)}), a, table)[1], (x,)).graph)


class Log(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        print(getattr(function, "__name__", function))
        return function(*args, **(kwargs or {}))


with Log():
    net(x, table)
print(torch.func.vmap(lambda a: net(a, table)[1])(torch.ones(3, 4)).shape)
"""


def test_what_is_compiled_traced_or_watched_stays_the_same(project: Path, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "train.py").write_text(COMPILED)
    program = [sys.executable, "train.py"]
    assert observed(tmp_path, *program) == run(program, tmp_path)
    assert counts(tmp_path)["function torch.relu"] >= 2


TRICKY = '''\
"""Text."""
from __future__ import annotations

def f(é, b, *rest):
    ü = "é" + (n := é) * b
    ü += n
    é[0] += b
    return (lambda: é * n)(), f"{é * b}", [*rest], b if é else n, é.real.imag
'''


def test_the_right_expressions_are_recorded_whatever_stands_around_them() -> None:
    content = TRICKY.encode()
    tree = ast.parse(content)
    lines = TRICKY.split("\n")
    wanted = {"(n := é)": 0, "ü": 1, "é.real": 2, "é * n": 3}
    places: list[instrument.Place] = []
    for text in wanted:
        line, column = next(
            (i, at) for i, row in enumerate(lines) if (at := row.find(f"{text} += n" if text == "ü" else text)) >= 0
        )
        places.append((line + 1, column, line + 1, column + len(text)))
    places[0] = (places[0][0], places[0][1] + 1, places[0][2], places[0][3] - 1)
    shown = ast.unparse(instrument.instrumented(content, places, 5))
    assert (
        "(__rewriter_saw__(5, (n := é)) * b)" in shown.replace('"', "'") or "__rewriter_saw__(5, (n := é)) * b" in shown
    )
    assert "__rewriter_saw__(6, ü)\n    ü += n" in shown
    assert "__rewriter_saw__(7, é.real).imag" in shown
    assert "lambda: __rewriter_saw__(8, é * n)" in shown
    assert ast.dump(tree) == ast.dump(ast.parse(content))


def test_kinds_are_found_without_running_code_of_the_value() -> None:
    class Hostile:
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(name)

        __class__ = property(lambda self: 1 / 0)  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise AssertionError

        __hash__ = None  # type: ignore[assignment]

    kind, shape = kinds.shown(kinds.key_of(Hostile()))
    assert kind.startswith("object ") and kind.endswith("Hostile") and shape is None
    assert kinds.shown(kinds.key_of([1, (2.0, None)])) == ("list[int | tuple[None | float]]", None)
    assert kinds.shown(kinds.key_of([])) == ("list", None)


def _left(report: str) -> int:
    """How many operations a page, or a table of coverage, says are left."""
    return sum(map(int, re.findall(r"(\d+)  left", report))) or report.count("RW911")


@pytest.mark.parametrize("command", ["report", "coverage"])
def test_other_reports_use_evidence_too(
    command: str, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "report"
    own = [command, "--isolated", "--no-cache", "-o", str(place), str(project / "model.py")]
    main(own)
    without = place.read_text()
    main([*own, "--evidence", str(project / "evidence.json")])
    assert _left(without) > _left(place.read_text())
    capsys.readouterr()
    assert main([*own, "--evidence", "nowhere.json"]) == 2
    assert "nowhere.json: cannot be read: No such file" in capsys.readouterr().err
