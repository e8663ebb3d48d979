"""The command line as a user meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rewriter import engine
from rewriter.cli import main
from rewriter.files import write_atomically

MODEL = "from torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return x + 1\n"
DONE = "x = 1\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "done.py").write_text(DONE)
    return tmp_path


def run(*arguments: str, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, **env}
    return subprocess.run(
        [sys.executable, "-m", "rewriter", *arguments], input=stdin, capture_output=True, env=environment
    )


def test_check_reports_and_writes_nothing(project: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["check"]) == 1
    out = capsysbinary.readouterr().out.decode()
    assert "model.py:6:16: RW101 `+` becomes self.add, runtime.modules.EltWiseAdd" in out
    assert "1 operation to rewrite in 1 file (2 files read)." in out
    assert (project / "model.py").read_text() == MODEL
    assert main(["check", "done.py"]) == 0
    assert main(["check", "--exit-zero"]) == 0


def test_fix_writes_and_a_second_run_has_nothing_to_do(project: Path) -> None:
    assert main(["fix", "-q"]) == 0
    assert "self.add(x, 1)" in (project / "model.py").read_text()
    assert main(["check", "-q"]) == 0


def test_the_patch_applies(project: Path) -> None:
    (project / "sub").mkdir()
    (project / "sub" / "odd.py").write_bytes(MODEL.replace("\n", "\r\n").rstrip("\r\n").encode("latin-1"))
    subprocess.run(["git", "init", "-q"], check=True)
    patch = run("fix", "--diff").stdout
    assert (project / "model.py").read_text() == MODEL
    subprocess.run(["git", "apply", "--check", "-"], input=patch, check=True)
    subprocess.run(["git", "apply", "-"], input=patch, check=True)
    assert main(["check", "-q"]) == 0


def test_out_dir_gets_the_whole_tree(project: Path) -> None:
    (project / "model.py").chmod(0o755)
    for _ in range(2):  # what the first run wrote is no source for the second
        assert main(["fix", "-q", "--out-dir", "copy"]) == 0
        assert sorted(p.name for p in (project / "copy").rglob("*.py")) == ["done.py", "model.py"]
    assert (project / "model.py").read_text() == MODEL
    assert "self.add" in (project / "copy" / "model.py").read_text()
    assert (project / "copy" / "model.py").stat().st_mode & 0o777 == 0o755
    assert (project / "copy" / "done.py").read_text() == DONE


def test_out_dir_keeps_files_of_one_name_apart(project: Path) -> None:
    for folder in ("a", "b"):
        (project / folder / "deep").mkdir(parents=True)
        (project / folder / "deep" / "m.py").write_text(f"# {folder}\n")
    assert main(["fix", "-q", "a", "b", "--out-dir", "out"]) == 0
    assert [(project / "out" / f / "deep" / "m.py").read_text() for f in "ab"] == ["# a\n", "# b\n"]
    assert main(["fix", "-q", "a/deep/m.py", "../" + project.name + "/b/deep/m.py", "--out-dir", "named"]) == 0
    assert [(project / "named" / f / "deep" / "m.py").read_text() for f in "ab"] == ["# a\n", "# b\n"]


def test_out_dir_and_files_that_fail(project: Path) -> None:
    (project / "broken.py").write_text("def f(:\n")
    os.mkfifo(project / "pipe.py")
    done = run("fix", "broken.py", "pipe.py", "model.py", "--out-dir", "out")
    assert (
        done.returncode == 2 and b"pipe.py: error unreadable: cannot be read: it is not a regular file" in done.stdout
    )
    assert sorted(p.name for p in (project / "out").iterdir()) == ["broken.py", "model.py"]
    assert (project / "out" / "broken.py").read_text() == "def f(:\n"


def test_out_dir_that_cannot_take_one_file(project: Path) -> None:
    (project / "out" / "done.py").mkdir(parents=True)
    done = run("fix", "--out-dir", "out")
    assert done.returncode == 2 and b"done.py: error unwritable: out/done.py: cannot be written" in done.stdout
    assert "self.add" in (project / "out" / "model.py").read_text()


def test_stdin() -> None:
    fixed = run("fix", "-", "--stdin-filename", "m.py", stdin=MODEL.replace("\n", "\r\n").encode())
    assert fixed.returncode == 0 and b"self.add(x, 1)\r\n" in fixed.stdout
    checked = run("check", "-", "--stdin-filename", "m.py", stdin=MODEL.encode())
    assert checked.returncode == 1 and b"m.py:6:16: RW101" in checked.stdout


def test_broken_files_do_not_stop_the_others(project: Path) -> None:
    (project / "broken.py").write_text("def f(:\n")
    done = run("fix")
    assert done.returncode == 2 and b"broken.py:1:7: error syntax: " in done.stdout
    assert "self.add" in (project / "model.py").read_text()


def test_json(project: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["check", "--format", "json"]) == 1
    report = json.loads(capsysbinary.readouterr().out)
    (model,) = [f for f in report["files"] if f["path"] == "model.py"]
    assert model["findings"][0]["code"] == "RW101"
    assert model["findings"][0]["range"] == {"line": 6, "column": 16, "end_line": 6, "end_column": 21}
    assert report["summary"]["findings"] == {"RW101": 1} and report["summary"]["changed"] == 1


def test_sarif_and_github(project: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    main(["check", "--format", "sarif", "-o", "report.sarif"])
    sarif = json.loads((project / "report.sarif").read_text())
    assert sarif["version"] == "2.1.0"
    (found,) = sarif["runs"][0]["results"]
    assert found["ruleId"] == "RW101" and found["locations"][0]["physicalLocation"]["region"]["startLine"] == 6
    assert found["ruleId"] in {rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]}
    main(["check", "--format", "github"])
    line = capsysbinary.readouterr().out.decode().splitlines()[0]
    assert line.startswith("::warning file=model.py,line=6,col=16,endLine=6,endColumn=21,title=RW101::")


def test_statistics_and_color(project: Path) -> None:
    out = run("check", "--statistics", "--color", "always").stdout.decode()
    assert "     1  to rewrite  RW101  arithmetic-to-module" in out and "\033[" in out
    assert "\033[" not in run("check", NO_COLOR="1").stdout.decode()


def test_rule(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    def rule(*arguments: str) -> str:
        assert main(["rule", *arguments]) == 0
        return capsysbinary.readouterr().out.decode()

    assert "RW101  arithmetic-to-module" in rule() and "RW902  runs-again" in rule()
    assert {line[:3] for line in rule("rw9").splitlines()} == {"RW9"}
    assert "runtime.modules.EltWiseAdd(inplace=True)" in rule("rw101")
    assert [r["code"] for r in json.loads(rule("RW101", "--format", "json"))] == ["RW101"]
    assert main(["rule", "RW199"]) == 2
    assert b"there is no rule 'RW199'; near it: RW101, " in capsysbinary.readouterr().err


def test_a_fault_of_ours_is_no_finding(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fault(*_: object) -> None:
        raise AttributeError("nothing there")

    monkeypatch.setattr("rewriter.commands.render", fault)
    assert main(["check"]) == 2
    err = capsys.readouterr().err
    assert "AttributeError: nothing there" in err and err.endswith("please report it with the lines above\n")


@pytest.mark.parametrize(
    ("runtime", "model", "given"),
    [
        ("runtime.py", "model.py", "model.py"),
        ("runtime/__init__.py", "pkg/__init__.py", "pkg"),
        ("src/runtime.py", "src/pkg/__init__.py", "."),
        ("src/runtime/__init__.py", "tests/model.py", "tests"),
        ("tools/runtime.py", "tools/model.py", "."),
    ],
)
def test_a_runtime_module_of_the_projects_own(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    runtime: str,
    model: str,
    given: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {"pyproject.toml": "", runtime: "x = 1\n", model: MODEL}.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    for command in ("check", "fix"):
        assert main([command, given]) == 2
        assert (
            f"{Path(runtime).absolute()} has the name of the package that rewritten code imports"
            in capsys.readouterr().err
        )
    assert Path(model).read_text() == MODEL
    done = run("fix", "-", "--stdin-filename", model, stdin=MODEL.encode())
    assert done.returncode == 2 and done.stdout == b"" and b"runtime-import" in done.stderr
    Path("pyproject.toml").write_text("[tool.rewriter]\nruntime-import = 'quant_runtime'\n")
    assert main(["fix", "-q", given]) == 0
    assert "import quant_runtime.modules\n" in Path(model).read_text()


def test_a_runtime_module_matters_only_where_something_is_rewritten(project: Path) -> None:
    (project / "runtime.py").write_text("x = 1\n")
    (project / "elsewhere").mkdir()
    (project / "elsewhere" / "runtime.py").write_text("x = 1\n")
    assert main(["check", "-q", "done.py"]) == 0
    (project / "runtime.py").unlink()
    assert main(["fix", "-q"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("check nowhere", "nowhere: no such file or folder"),
        ("fix --diff --out-dir x", "not allowed with argument --diff"),
        ("", "the following arguments are required: COMMAND"),
        ("check --sel RW1", "unrecognized arguments: --sel"),
        ("check --select banana", "select: no code begins with 'banana'; near it: RW1, RW2"),
        ("check --select RW110", "select: no code begins with 'RW110'; near it: RW10"),
        ("fix --ignore RW1,rw106", "ignore: no code begins with 'rw106'; near it: RW106."),
        ("check --select ,", "argument --select: expected codes like RW101"),
        ("check - other.py", "- stands for stdin and cannot be mixed"),
        ("fix - --out-dir x", "--out-dir is for files"),
        ("check --stdin-filename m.py", "give - as the path"),
        ("check -j 0", "expected a number of processes, at least 1, not '0'"),
        ("check -o no/such/report.txt", "--output no/such/report.txt: there is no folder no/such"),
        ("check -o .", "--output .: cannot be written: Is a directory"),
        ("fix --out-dir .", "--out-dir . would write"),
    ],
)
def test_wrong_usage(project: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str) -> None:
    try:
        code: object = main(arguments.split())
    except SystemExit as wrong:
        code = wrong.code
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "") and message in captured.err.splitlines()[-1]
    assert (project / "model.py").read_text() == MODEL


def test_unknown_codes_in_the_settings(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text("[tool.rewriter]\nper-file-ignores = { 'a/*' = ['RW106', 'RW1006'] }\n")
    assert main(["check"]) == 2
    assert "per-file-ignores, 'a/*': no code begins with 'RW1006'; near it: RW10" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("arguments", ["check", "check --format json", "fix --diff", "fix - --stdin-filename m.py"])
def test_stdout_that_cannot_be_written(project: Path, arguments: str) -> None:
    command = [sys.executable, "-m", "rewriter", *arguments.split()]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(command, input=MODEL.encode(), stdout=full, stderr=subprocess.PIPE, env=environment)
    assert done.returncode == 2
    assert (
        done.stderr.decode().splitlines()[-1] == "rewriter: error: stdout: cannot be written: No space left on device"
    )


def test_a_useless_suppression_is_a_finding(project: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    (project / "done.py").write_text("x = 1  # rewriter: ignore\n")
    assert main(["check", "done.py"]) == 1
    out = capsysbinary.readouterr().out.decode()
    assert "done.py:1:8: RW990 `# rewriter: ignore` silences nothing" in out and "1 suppression of no use" in out
    assert main(["check", "-q", "--ignore", "RW990", "done.py"]) == 0
    assert main(["check", "-q", "--exit-zero", "done.py"]) == 0


def test_unsafe_findings_are_counted_apart(project: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    model = "from torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    (project / "model.py").write_text(f"{model}        self.rnn = nn.LSTM(3, 4)\n")
    assert main(["check", "model.py"]) == 0
    assert "0 operations to rewrite in 0 files; 1 more with --unsafe-fixes" in capsysbinary.readouterr().out.decode()
    assert main(["check", "--unsafe-fixes", "model.py"]) == 1
    assert main(["fix", "--unsafe-fixes", "model.py"]) == 0
    out = capsysbinary.readouterr().out.decode()
    assert "1 operation rewritten in 1 file (1 file read)." in out and "only with" not in out


def test_no_python_files(project: Path) -> None:
    (project / "empty").mkdir()
    done = run("check", "empty")
    assert done.returncode == 0 and b"warning: no Python files under the paths given" in done.stderr


def test_ctrl_c_while_writing_says_what_was_written(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "second.py").write_text(MODEL)

    def interrupted(path: Path, before: bytes, after: bytes) -> None:
        write_atomically(path, before, after)
        raise KeyboardInterrupt  # between the writing and the noting of it

    monkeypatch.setattr("rewriter.output.write_atomically", interrupted)
    assert main(["fix"]) == 130
    assert capsys.readouterr().err == "rewriter: interrupted; written before: model.py\n"
    assert "self.add" in (project / "model.py").read_text() and (project / "second.py").read_text() == MODEL


def test_ctrl_c_before_writing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "rewrite", interrupted)
    assert main(["fix", "-j", "1"]) == 130
    assert capsys.readouterr().err == "rewriter: interrupted; nothing was written\n"


def test_several_processes_give_the_same_report(project: Path) -> None:
    for index in range(6):
        (project / f"m{index}.py").write_text(MODEL.replace("Net", f"Net{index}"))
    assert run("check", "-j", "3").stdout == run("check", "-j", "1").stdout


def test_importing_the_cli_is_light() -> None:
    code = "import sys, rewriter.cli; print([m for m in ('torch', 'libcst', 'pathspec') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == b"[]"


def test_checking_one_file_is_quick_and_needs_no_torch(project: Path, tmp_path: Path) -> None:
    code = (
        "import sys, time; sys.modules['torch'] = None\n"
        "from rewriter.cli import main; code = main(['check', '-q', 'model.py'])\n"
        "assert not any(m.startswith('libcst.matchers') for m in sys.modules)\n"
        "print(code, time.process_time())"
    )
    # An installed package has its bytecode, whatever the environment of these tests says.
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONPYCACHEPREFIX": str(tmp_path / "bytecode"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment) for _ in range(3)]
    assert all(done.returncode == 0 for done in runs), runs[0].stderr
    best = min(float(done.stdout.split()[1]) for done in runs)
    assert runs[0].stdout.split()[0] == b"1" and best < 0.6
