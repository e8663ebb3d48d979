"""`[tool.rewriter]`: what it may hold, where it is found, and what its patterns mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriter.cli import main
from rewriter.settings import Settings, SettingsError, load

MODEL = "from torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return x + 1\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL)
    return tmp_path


def configured(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "pyproject.toml"
    file.write_text(f"[tool.rewriter]\n{text}\n")
    return file


def test_every_key(tmp_path: Path) -> None:
    configured(
        tmp_path,
        """
        select = ["RW1"]
        ignore = ["RW105"]
        exclude = ["old"]
        extend-exclude = ["made"]
        unsafe-fixes = true
        runtime-import = "quant.runtime"
        max-file-bytes = 1000
        respect-gitignore = false
        per-file-ignores = { "tests/*" = ["RW"] }
        """,
    )
    assert load(None, False, [tmp_path]) == Settings(
        select=("RW1",),
        ignore=("RW105",),
        exclude=("old",),
        extend_exclude=("made",),
        unsafe_fixes=True,
        runtime_import="quant.runtime",
        max_file_bytes=1000,
        respect_gitignore=False,
        per_file_ignores={"tests/*": ("RW",)},
        root=tmp_path,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("selct = []", "unknown key 'selct' in [tool.rewriter]; did you mean 'select'?"),
        ("unsafe_fixes = true", "unknown key 'unsafe_fixes' in [tool.rewriter]; did you mean 'unsafe-fixes'?"),
        (
            "root = 'x'",
            "unknown key 'root' in [tool.rewriter]; known keys are all-operations, entry, exclude, extend-exclude, ",
        ),
        ("select = 'RW1'", "select should be a list of strings, not 'RW1'"),
        ("exclude = [1]", "exclude should be a list of strings, not [1]"),
        ("per-file-ignores = ['a']", "per-file-ignores should be a table of pattern = [codes], not ['a']"),
        ("per-file-ignores = { a = 'RW1' }", "per-file-ignores should be a table of pattern = [codes]"),
        ("max-file-bytes = '1'", "max-file-bytes should be a whole number, not '1'"),
        ("max-file-bytes = true", "max-file-bytes should be a whole number, not True"),
        ("max-file-bytes = 0", "max-file-bytes should be at least 1, not 0"),
        ("unsafe-fixes = 1", "unsafe-fixes should be true or false, not 1"),
        ("runtime-import = 'a-b'", "runtime-import should be the dotted name of a package, not 'a-b'"),
        ("[", "Invalid"),
    ],
)
def test_errors_name_the_file_the_key_and_what_was_expected(tmp_path: Path, text: str, message: str) -> None:
    file = configured(tmp_path, text)
    with pytest.raises(SettingsError) as raised:
        load(None, False, [tmp_path])
    assert str(raised.value).startswith(f"{file}: ") and message in str(raised.value)
    assert load(None, True, [tmp_path]) == Settings()


def test_a_tool_table_of_another_shape(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool]\nrewriter = 1\n")
    with pytest.raises(SettingsError, match=r"tool\.rewriter should be a table, not 1"):
        load(None, False, [tmp_path])


def test_the_nearest_file_with_settings_counts(tmp_path: Path) -> None:
    configured(tmp_path, "ignore = ['RW1']")
    configured(tmp_path / "sub", "ignore = ['RW2']")
    (tmp_path / "sub" / "deeper").mkdir()
    (tmp_path / "sub" / "deeper" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert load(None, False, [tmp_path / "sub" / "deeper"]).ignore == ("RW2",)
    assert load(None, False, [tmp_path / "sub" / ".."]).ignore == ("RW1",)


def test_a_file_named_on_the_command_line(project: Path) -> None:
    configured(project, "ignore = ['RW101']")
    assert main(["check", "-q"]) == 0
    (project / "own.toml").write_text("select = ['RW106']\n")
    assert main(["check", "-q", "--config", "own.toml"]) == 0
    (project / "own.toml").write_text("[tool.rewriter]\nselect = ['RW101']\n")
    assert main(["check", "-q", "--config", "own.toml"]) == 1
    assert main(["check", "-q", "--isolated"]) == 1
    assert main(["check", "-q", "--config", "gone.toml"]) == 2


def test_the_command_line_comes_before_the_file(project: Path) -> None:
    configured(project, "ignore = ['RW101']")
    assert main(["check", "-q", "--ignore", "RW106"]) == 1
    configured(project, "select = ['RW106']")
    assert main(["check", "-q", "--select", "RW1"]) == 1


@pytest.mark.parametrize(
    ("pattern", "ignored"),
    [
        ("models/*", {"models/new.py", "models/old/resnet.py"}),
        ("models", {"models/new.py", "models/old/resnet.py"}),
        ("models/old", {"models/old/resnet.py"}),
        ("resnet.py", {"models/old/resnet.py"}),
        ("models/n*.py", {"models/new.py"}),
        ("old/*", set()),
    ],
)
def test_per_file_ignores(tmp_path: Path, pattern: str, ignored: set[str]) -> None:
    settings = Settings(per_file_ignores={pattern: ("RW1",)}, root=tmp_path)
    names = ("main.py", "models/new.py", "models/old/resnet.py")
    assert {name for name in names if not settings.selects("RW101", tmp_path / name)} == ignored
    assert all(settings.selects("RW201", tmp_path / name) for name in names)


def test_patterns_start_at_the_settings_not_above_them(tmp_path: Path) -> None:
    root = tmp_path / "models"
    settings = Settings(per_file_ignores={"models": ("RW1",)}, root=root)
    assert settings.selects("RW101", root / "resnet.py")


def test_codes_by_prefix(tmp_path: Path) -> None:
    settings = Settings(select=("RW1", "RW9"), ignore=("RW106",))
    wanted = [code for code in ("RW101", "RW106", "RW201", "RW901") if settings.selects(code, tmp_path / "m.py")]
    assert wanted == ["RW101", "RW901"]
