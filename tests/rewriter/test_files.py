"""Finding files as git sees them, and writing them whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rewriter.files import FileError, find, read, write_atomically
from rewriter.settings import Settings


def tree(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")


def found(root: Path, settings: Settings | None = None) -> list[str]:
    return [p.relative_to(root).as_posix() for p in find([root], settings or Settings(root=root))]


def test_folders_are_walked_without_what_git_ignores(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", "b.txt", "pkg/c.py", "venv/d.py", ".git/e.py", "out/f.py", "pkg/gen/g.py", "pkg/gen/keep.py")
    (tmp_path / ".gitignore").write_text("out/\n")
    (tmp_path / "pkg" / ".gitignore").write_text("gen/*\n!gen/keep.py\n")
    assert found(tmp_path) == ["a.py", "pkg/c.py", "pkg/gen/keep.py"]
    everything = found(tmp_path, Settings(respect_gitignore=False, root=tmp_path))
    assert "out/f.py" in everything and "venv/d.py" not in everything


def test_a_gitignore_above_the_given_folder_counts(tmp_path: Path) -> None:
    tree(tmp_path, "pkg/a.py", "pkg/made/b.py")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("made\n")
    assert [p.name for p in find([tmp_path / "pkg"], Settings())] == ["a.py"]


def test_named_files_are_taken_whatever_they_are_called(tmp_path: Path) -> None:
    tree(tmp_path, "venv/odd.txt")
    assert find([tmp_path / "venv" / "odd.txt"], Settings()) == [tmp_path / "venv" / "odd.txt"]
    with pytest.raises(FileError, match=r"gone\.py: no such file"):
        find([tmp_path / "gone.py"], Settings())


def test_named_files_that_are_excluded(tmp_path: Path) -> None:
    tree(tmp_path, "build/a.py", "third_party/deep/b.py", "c.py")
    settings = Settings(extend_exclude=("third_party",), root=tmp_path / "build" / "..")
    named = [tmp_path / "build" / "a.py", tmp_path / "third_party" / "deep", tmp_path / "c.py"]
    assert len(find(named, settings)) == 3
    assert find(named, settings, force_exclude=True) == [tmp_path / "c.py"]
    assert find(named, Settings(root=tmp_path / "build"), force_exclude=True)[0] == named[0]


def test_a_path_that_cannot_be_looked_at(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be found: File name too long"):
        find([tmp_path / ("a" * 5000)], Settings())


def test_each_file_once_and_links_to_folders_not_followed(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", "pkg/b.py")
    (tmp_path / "same.py").symlink_to("a.py")
    (tmp_path / "round").symlink_to(tmp_path)
    assert len(found(tmp_path)) == 2


def test_excluded_patterns(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", "third_party/b.py", "pkg/legacy_c.py")
    assert found(tmp_path, Settings(extend_exclude=("third_party", "pkg/legacy_*"), root=tmp_path)) == ["a.py"]


def test_what_folders_above_are_called_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "build/venv/a.py", "here/x.txt")
    monkeypatch.chdir(tmp_path / "here")
    assert find([tmp_path / "build" / "venv"], Settings()) == [tmp_path / "build" / "venv" / "a.py"]
    assert find([Path("../build/venv")], Settings()) == [Path("../build/venv/a.py")]


def test_a_file_is_known_by_its_own_name_before_its_links(tmp_path: Path) -> None:
    tree(tmp_path, "m.py")
    (tmp_path / "a.py").symlink_to("m.py")
    (tmp_path / "z.py").symlink_to("m.py")
    assert found(tmp_path) == ["m.py"]


def test_a_folder_that_may_not_be_listed_is_said_when_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a.py", "closed/b.py", "z.py")
    real = os.scandir

    def scandir(folder: Path) -> object:
        if folder.name == "closed":
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert found(tmp_path) == ["a.py", "closed", "z.py"]
    with pytest.raises(FileError, match="closed: this folder may not be listed"):
        read(tmp_path / "closed")


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(FileError, match=r"pipe\.py: cannot be read: it is not a regular file"):
        read(tmp_path / "pipe.py")
    with pytest.raises(FileError, match=r"gone\.py: cannot be read: No such file"):
        read(tmp_path / "gone.py")


def test_written_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    path.chmod(0o755)
    write_atomically(path, b"old", b"new")
    assert path.read_bytes() == b"new" and stat.S_IMODE(path.stat().st_mode) == 0o755
    assert [p.name for p in tmp_path.iterdir()] == ["a.py"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write the files of others and leave them theirs")
def test_written_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    os.chown(path, 4321, 4322)
    path.chmod(0o640)
    write_atomically(path, b"old", b"new")
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (4321, 4322, 0o640)


def test_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_bytes(b"old")
    (tmp_path / "soft.py").symlink_to("real.py")
    write_atomically(tmp_path / "soft.py", b"old", b"new")
    assert (tmp_path / "soft.py").is_symlink() and (tmp_path / "real.py").read_bytes() == b"new"
    os.link(tmp_path / "real.py", tmp_path / "hard.py")
    write_atomically(tmp_path / "hard.py", b"new", b"newer text")
    write_atomically(tmp_path / "real.py", b"newer text", b"short")
    assert (tmp_path / "real.py").read_bytes() == b"short" and (tmp_path / "real.py").stat().st_nlink == 2


def test_a_file_that_changed_meanwhile_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"somebody else's")
    with pytest.raises(FileError, match="changed since it was read"):
        write_atomically(path, b"old", b"new")
    assert path.read_bytes() == b"somebody else's"


def test_a_save_while_the_new_text_goes_to_disk_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", lambda _: path.write_bytes(b"saved by an editor"))
    with pytest.raises(FileError, match="changed since it was read"):
        write_atomically(path, b"old", b"new")
    assert path.read_bytes() == b"saved by an editor"
    assert [p.name for p in tmp_path.iterdir()] == ["a.py"]


def test_a_read_only_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anything
    with pytest.raises(FileError, match=r"a\.py: cannot be written: it is read-only"):
        write_atomically(path, b"old", b"new")
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("links", [1, 2])
def test_an_interruption_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: int) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    if links == 2:
        os.link(path, tmp_path / "b.py")
    real = os.fsync
    calls = []

    def interrupted(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(descriptor)

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"old", b"something much longer")
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == links
