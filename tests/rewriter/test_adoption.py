"""A project that begins with many findings: what was there before, comments, settings, exit codes, completion."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rewriter.cli import main
from rewriter.python.source import Source
from rewriter.rules.listing import ALL, REASONS

MODEL = """\
import torch
from torch import nn

from there import table


class Net(nn.Module):
    def forward(self, x):
        x = torch.exp(x) + 1
        return table["wave"](x) * table["wave"](x)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "model.py").write_text(MODEL)
    return tmp_path


def codes(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    capsys.readouterr()
    code = main([*arguments, "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    return code, [item["code"] for file in document["files"] for item in (*file["findings"], *file["refusals"])]


def test_only_what_is_new_is_reported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "-o", "known.json"]) == 0
    assert codes(capsys, "check", "--baseline", "known.json") == (0, [])
    moved = MODEL.replace("\n\nclass", "\n\n# moved\n\nclass").replace(
        "return table", "x = x - 2\n        return table"
    )
    (project / "src" / "model.py").write_text(moved)
    assert codes(capsys, "check", "--baseline", "known.json") == (1, ["RW101"])
    assert main(["fix", "-q", "--baseline", "known.json"]) == 0
    after = (project / "src" / "model.py").read_text()
    assert "torch.exp(x) + 1" in after and "self.sub(x, 2)" in after
    assert codes(capsys, "check", "--baseline", "known.json") == (0, [])


def test_the_same_line_elsewhere_is_new(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["baseline"])
    text = MODEL + MODEL[MODEL.index("\n\nclass") :].replace("Net", "Other")
    (project / "src" / "model.py").write_text(text)
    (project / "src" / "copy.py").write_text(MODEL)
    code, found = codes(capsys, "check", "--baseline", ".rewriter-baseline.json")
    assert code == 1 and sorted(found) == sorted(["RW101", "RW103", "RW901"] * 2)


def test_a_baseline_counts_from_its_own_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["baseline"])
    monkeypatch.chdir(project / "src")
    assert codes(capsys, "check", "--baseline", "../.rewriter-baseline.json") == (0, [])


def test_what_is_gone_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["baseline"])
    (project / "src" / "model.py").write_text(MODEL.replace(" + 1", ""))
    assert main(["check", "-q", "--baseline", ".rewriter-baseline.json"]) == 1, "the line of exp is another one"
    assert "2 of the baseline's entries found nothing; `rewriter baseline`" in capsys.readouterr().err


STORED = """\
import torch
from torch import nn


def swish(x):
    return x * torch.sigmoid(x)


class Act(nn.Module):
    def __init__(self, act=swish):
        super().__init__()
        self.act = act

    def forward(self, x):
        return self.act(x)


net = nn.Sequential(Act(), Act(torch.relu))
"""


def test_a_finding_that_needs_another_one_is_not_stale(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "stored.py").write_text(STORED)
    main(["baseline"])
    capsys.readouterr()
    assert main(["check", "--baseline", ".rewriter-baseline.json"]) == 0
    assert "found nothing" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), ("[]", "not a baseline"), ("{", "not a baseline")]
)
def test_what_is_no_baseline(project: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str) -> None:
    if content:
        Path("known.json").write_text(content)
    assert main(["check", "--baseline", "known.json"]) == 2
    assert said in capsys.readouterr().err


def test_ignores_are_added_and_silence_all(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = MODEL.replace("+ 1", "+ 1  # noqa").replace(
        '* table["wave"](x)',
        '* table["wave"](\n            x,\n        ) + torch.clamp(x, """\n""")  # rewriter: ignore[RW101]',
    )
    (project / "src" / "model.py").write_text(text)
    assert main(["check", "-q", "--add-ignores"]) == 0
    assert "Comments were added to 1 file." in capsys.readouterr().err
    after = (project / "src" / "model.py").read_text()
    assert "x = torch.exp(x) + 1  # noqa  # rewriter: ignore[RW103, RW101]\n" in after
    assert "            x,  # rewriter: ignore[RW901]\n" in after
    assert after.endswith('""")  # rewriter: ignore[RW101, RW103]\n')
    assert Source.parse(after.encode()).tree.body[-1].end_lineno == Source.parse(text.encode()).tree.body[-1].end_lineno
    assert codes(capsys, "check") == (0, [])


def test_where_no_comment_can_stand(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = MODEL.replace("torch.exp(x) + 1", "torch.exp(x) + \\\n            1")
    (project / "src" / "model.py").write_text(text)
    assert main(["check", "-q", "--add-ignores"]) == 2
    assert "src/model.py:9: no comment can stand here; per-file-ignores" in capsys.readouterr().err
    assert "+ \\\n            1  # rewriter: ignore[RW101]\n" in (project / "src" / "model.py").read_text()


def test_exit_codes_of_fix(project: Path) -> None:
    assert main(["fix", "-q", "--diff", "--exit-non-zero-on-fix"]) == 1
    assert main(["fix", "-q", "--exit-non-zero-on-fix"]) == 1
    assert main(["fix", "-q", "--exit-non-zero-on-fix"]) == 0


def test_to_select_rules_hides_no_reason(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert codes(capsys, "check", "--select", "RW1") == (1, ["RW103", "RW101", "RW901"])
    assert codes(capsys, "check", "--select", "RW103") == (1, ["RW103", "RW901"])
    assert codes(capsys, "check", "--select", "RW103,RW902") == (1, ["RW103"])
    assert codes(capsys, "check", "--select", "RW901") == (0, ["RW901"])
    assert codes(capsys, "check", "--select", "RW1", "--ignore", "RW9") == (1, ["RW103", "RW101"])


def test_the_settings_that_hold_can_be_read_back(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = 'select = ["RW1"]\nper-file-ignores = { "tests/*" = ["RW9"] }\nextend-exclude = ["größe \\"x\\""]\n'
    (project / "pyproject.toml").write_text(f"[tool.rewriter]\n{own}")
    assert main(["check", "--show-settings", "--unsafe-fixes"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"# from {project / 'pyproject.toml'}\n[tool.rewriter]\n")
    assert "unsafe-fixes = true" in shown
    (project / "again.toml").write_text(shown)
    assert main(["check", "--show-settings", "--config", "again.toml"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == shown.splitlines()[1:]


def test_all_rules_with_their_whole_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "--all"]) == 0
    said = capsys.readouterr().out
    assert all(rule.explanation in said for rule in ALL) and said.count("\n# RW") == len(ALL) - 1
    assert main(["rule", "RW9", "--all"]) == 0
    said = capsys.readouterr().out
    assert all(rule.explanation in said for rule in REASONS) and "RW101" not in said


def completed(shell_script: str, *words: str) -> set[str]:
    line = f'COMP_WORDS=({" ".join(words)} ""); COMP_CWORD={len(words)}' if words[-1] == "" else ""
    line = line or f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}"
    command = f'{shell_script}\n{line}\n_rewriter; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return set(subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True).stdout.split())


def test_bash_completes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert completed(script, "rewriter", "r") == {"report", "run", "rule"}
    assert completed(script, "rewriter", "check", "--format", "s") == {"sarif"}
    assert completed(script, "rewriter", "fix", "--un") == {"--unsafe-fixes"}
    assert completed(script, "rewriter", "rule", "RW20") == {rule.code for rule in ALL if rule.code.startswith("RW20")}
    assert completed(script, "rewriter", "completion", "z") == {"zsh"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_take_the_script(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for wanted in ("baseline", "--unsafe-fixes" if shell == "zsh" else "-l unsafe-fixes", "rdjson", "RW101"):
        assert wanted in script
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here to read the script")
    (tmp_path / "script").write_text(script)
    subprocess.run([shell, "-n", tmp_path / "script"], check=True)


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here")
def test_fish_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "fish"])
    (tmp_path / "script.fish").write_text(capsys.readouterr().out)

    def completed(line: str) -> set[str]:
        command = f"source {tmp_path / 'script.fish'}; complete -C '{line}'"
        done = subprocess.run(["fish", "--no-config", "-c", command], check=True, capture_output=True, text=True)
        return {found.split("\t")[0] for found in done.stdout.splitlines()}

    assert {"report", "run", "rule"} <= completed("rewriter r")
    assert completed("rewriter check --format s") == {"sarif"}
    assert completed("rewriter fix --uns") == {"--unsafe-fixes"}
    assert "RW204" in completed("rewriter rule RW20")


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHON": sys.executable}
    command = command.replace("rewriter", '"$PYTHON" -m rewriter', 1)
    return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("rewriter check >&-", 2, "rewriter: error: stdout is closed; -o FILE writes the report to a file\n"),
        ("rewriter check -q >&-", 1, ""),
        ("rewriter check - <&-", 2, "rewriter: error: stdin is closed, and - stands for it\n"),
        ("rewriter check -q 2>&-", 1, ""),
        ("rewriter fix -q <&- >&- 2>&-", 0, ""),
        ("rewriter rule RW101 >&-", 2, "rewriter: error: stdout is closed; -o FILE writes the report to a file\n"),
    ],
)
def test_closed_streams(project: Path, command: str, code: int, said: str) -> None:
    done = shell(command, project)
    assert (done.returncode, done.stderr, done.stdout) == (code, said, "")
    if command.startswith("rewriter fix"):
        assert "self.add" in (project / "src" / "model.py").read_text()


def test_a_pyproject_that_is_nested_too_deeply(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text(f"a = {'[' * 5000}{']' * 5000}\n")
    assert main(["check"]) == 2
    assert capsys.readouterr().err.endswith("pyproject.toml: cannot be read: it is nested too deeply\n")


def test_folders_that_cannot_be_looked_into(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("closed", "blind"):
        (project / name).mkdir()
        (project / name / "model.py").write_text(MODEL)
    listed, looked = os.scandir, Path.stat

    def scandir(path: str | Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    def stat(path: Path, **more: bool) -> os.stat_result:
        if path.parent.name == "blind":
            raise PermissionError(13, "Permission denied", str(path))
        return looked(path, **more)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(Path, "stat", stat)
    assert main(["check"]) == 2
    said = capsys.readouterr().out
    assert "closed: error unreadable: this folder may not be listed" in said
    assert "blind: error unreadable: this folder may not be listed" in said
    assert "src/model.py:9:13: RW103" in said
