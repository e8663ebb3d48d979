"""After a change only what hangs on it is judged again, and what is said is what a run that remembers nothing says."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from rewriter import engine
from rewriter.cli import main
from rewriter.files import find
from rewriter.python.file_texts import Texts
from rewriter.python.grounds import Grounds, places_in
from rewriter.settings import Settings
from rewriter.work import Job, Work, forget, results_of

FILES = {
    "net/__init__.py": "from net.parts import *\n",
    "net/parts.py": """\
        import torch
        from torch import nn


        class Part(nn.Module):
            def __init__(self, act=torch.relu):
                super().__init__()
                self.act = act

            def forward(self, x):
                return self.act(x) + x


        def mixed(x, y):
            return torch.sigmoid(x) * y
        """,
    "net/model.py": """\
        from torch import nn
        from net import Part, mixed


        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.part = Part()
                self.pool = nn.AvgPool2d(2)

            def forward(self, x):
                return self.pool(self.pool(self.part(x))) + mixed(x, x)
        """,
    "net/other.py": """\
        import torch
        from torch import nn


        class Other(nn.Module):
            def forward(self, x):
                return torch.tanh(x)
        """,
    "net/loops.py": """\
        import torch
        from torch import nn


        class Loop(nn.Module):
            def forward(self, x):
                while x.sum() > 1:
                    x = torch.relu(x) - 1
                return x
        """,
    "net/walks.py": """\
        from torch import nn
        from net.model import Net


        def initialize(model: Net):
            for m in model.modules():
                if isinstance(m, nn.Linear):
                    nn.init.zeros_(m.weight)


        class Whole(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = Net()
                for m in self.modules():
                    if hasattr(m, "inplace"):
                        m.inplace = False

            def forward(self, x):
                return self.net(x) - 1
        """,
}
EDITS: dict[str, Callable[[str], str]] = {
    "another operation": lambda text: text.replace("torch.tanh", "torch.exp").replace("torch.sigmoid", "torch.cos"),
    "a comment": lambda text: text + "# said\n",
    "a class below": lambda text: text + "\n\nfrom net.parts import Part\n\n\nclass Below(Part):\n    extra = 1\n",
    "an attribute set from outside": lambda text: (
        text + "\n\ndef put(model):\n    model.act = None\n    model.pool = 1\n"
    ),
    "a call": lambda text: (
        text + "\n\nfrom net.parts import Part\nfrom torch import nn\n\npart = Part(act=nn.ReLU())\n"
    ),
    "a walk": lambda text: text + "\n\ndef walk(model):\n    for m in model.children():\n        m.kernel_size = 1\n",
    "another name": lambda text: text.replace("mixed", "blended"),
    "training": lambda text: text + "\n\ndef still(model):\n    model.pool.training = False\n",
    "what cannot be parsed": lambda text: text + "\n(\n",
    "something patched": lambda text: text + "\n\nimport torch\n\ntorch.tanh = torch.sinh\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace("\n        ", "\n").removeprefix("        "))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that the engine has been given."""
    names: list[str] = []
    real = engine.judge

    def noted(source: bytes, path: Path, *rest: object) -> object:
        names.append(path.name)
        return real(source, path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "judge", noted)
    return names


def said(capsysbinary: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, bytes, bytes]:
    capsysbinary.readouterr()
    code = main([*arguments, "--isolated", "-j", "1", "net"])
    return code, *capsysbinary.readouterr()


def test_a_file_that_nothing_hangs_on_is_judged_alone(project: Path, judged: list[str]) -> None:
    main(["check", "-q", "net"])
    judged.clear()
    (project / "net" / "other.py").write_text((project / "net" / "other.py").read_text().replace("tanh", "exp"))
    main(["check", "-q", "net"])
    assert judged == ["other.py"]


def test_who_asked_for_the_file_is_judged_with_it(project: Path, judged: list[str]) -> None:
    main(["check", "-q", "net"])
    judged.clear()
    (project / "net" / "parts.py").write_text((project / "net" / "parts.py").read_text().replace("sigmoid", "cos"))
    main(["check", "-q", "net"])
    assert {"parts.py", "model.py", "walks.py"} <= set(judged)


def test_one_file_that_is_asked_for_leaves_what_is_known_of_the_others(project: Path, judged: list[str]) -> None:
    main(["check", "-q", "net"])
    (project / "net" / "other.py").write_text((project / "net" / "other.py").read_text() + "# said\n")
    judged.clear()
    main(["check", "-q", "net/other.py"])
    main(["check", "-q", "net"])
    assert judged.count("other.py") <= 2 and "model.py" not in judged


@pytest.mark.parametrize("command", [("check", "-v"), ("fix", "--diff")], ids=" ".join)
def test_edits_at_random_are_told_as_by_a_run_that_remembers_nothing(
    project: Path, capsysbinary: pytest.CaptureFixture[bytes], command: tuple[str, ...]
) -> None:
    chance = random.Random(7)
    said(capsysbinary, *command)
    for _ in range(25):
        path = project / chance.choice(list(FILES))
        kept, edit = path.read_text(), chance.choice(list(EDITS))
        path.write_text(EDITS[edit](kept))
        assert said(capsysbinary, *command) == said(capsysbinary, *command, "--no-cache"), (path.name, edit)
        if edit == "what cannot be parsed" or chance.random() < 0.3:
            path.write_text(kept)
            assert said(capsysbinary, *command) == said(capsysbinary, *command, "--no-cache"), (path.name, "undone")


def test_what_was_asked_for_another_file_is_noted_as_if_it_was_asked_anew(project: Path) -> None:
    files = find([Path("net")], Settings(), False)
    for goal in ("judge", "rewrite"):
        together = _grounds(files, files, goal)
        assert together == _grounds(files[::-1], files, goal)
        for file in files:
            assert _grounds([file], files, goal)[file] == together[file], file


def _grounds(judged: list[Path], files: list[Path], goal: str) -> dict[Path, set[tuple[str, str]]]:
    forget()
    work = Work.of(Job(tuple(files), Settings(), f"rewriter.engine:{goal}"))
    found = {}
    for task in work.tasks(judged):
        part: Texts = work.parts[task.part]
        for result in results_of(work, task):
            assert result.noted is not None
            names = list(part.grounds.places)
            found[result.path] = {names[place] for place in places_in(result.noted.bits)}
    return found


def test_answers_in_a_circle_hang_on_the_same() -> None:
    grounds = Grounds()
    outer = grounds.begin()
    grounds.note("text", "a")
    inner = grounds.begin()
    grounds.note("text", "b")
    grounds.wait_for(outer)
    early = grounds.end(inner)
    assert early.is_open
    grounds.note("text", "c")
    late = grounds.end(outer)
    assert not early.is_open and early.bits == late.bits == 0b111
