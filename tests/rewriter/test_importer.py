"""Rewriting on import: what runs is what `fix` writes, whatever the cache holds."""

from __future__ import annotations

import copy
import importlib
import inspect
import linecache
import os
import pickle
import shutil
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path

import pytest
import torch

from rewriter import engine
from rewriter.cli import main
from rewriter.importer import RewriteError, RewriteWarning, Rewriting, hook, rewriting, snapshot
from rewriter.results import Failure, FileResult
from rewriter.settings import Settings

BLOCKS = """\
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x):
        return self.linear(x) + x
"""
PACKAGE = {
    "lib/__init__.py": "from .blocks import Block\nfrom .sub import head\n",
    "lib/blocks.py": BLOCKS,
    "lib/sub/__init__.py": "from . import head\n",
    "lib/sub/head.py": """\
import torch

from ..blocks import Block


class Head(Block):
    def forward(self, x):
        return torch.cat([super().forward(x), x])
""",
    "lib/plain.py": "WIDTH = 3\n",
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on Python's path that holds the package; what was imported from it goes with the test."""
    folder = tmp_path / "site"
    write(folder, PACKAGE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    yield folder
    forget()


def forget() -> None:
    """As if a new process began."""
    for name in [name for name in sys.modules if name.split(".")[0] in ("lib", "space", "single")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    linecache.clearcache()


def imported(*modules: str, settings: Settings | None = None) -> Rewriting:
    """The named modules as a new process gets them."""
    forget()
    with rewriting("lib", settings=settings) as library:
        for module in modules or ("lib", "lib.plain"):
            importlib.import_module(module)
    return library


def fixed(site: Path, *options: str, package: str = "lib") -> dict[str, bytes]:
    """What `fix` makes of a copy of the package, by the places of the files."""
    target = site.parent / "fixed"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(site, target, ignore=shutil.ignore_patterns("__pycache__"))
    assert main(["fix", "-q", "--isolated", *options, str(target / package)]) == 0
    return {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*.py")}


def of(library: Rewriting, site: Path) -> dict[str, bytes]:
    return {r.path.relative_to(site).as_posix(): r.after for r in library.results.values()}


def no_engine(*_: object) -> None:
    raise AssertionError("the engine was asked again")


def test_what_is_imported_is_what_fix_writes(site: Path) -> None:
    assert of(imported(), site) == fixed(site)
    source = Path(inspect.getfile(sys.modules["lib"].Block.forward))
    assert source.read_bytes() == fixed(site)["lib/blocks.py"] != BLOCKS.encode()
    assert {p.relative_to(site).as_posix(): p.read_text() for p in site.rglob("*.py")} == PACKAGE


def test_the_settings_count(site: Path) -> None:
    settings = Settings(ignore=("RW104",), extend_exclude=("sub",))
    results = of(imported(settings=settings), site)
    options = ["--ignore", "RW104"]
    assert results == {name: text for name, text in fixed(site, *options).items() if "sub" not in name}


def test_the_rewritten_package_works(site: Path) -> None:
    imported()
    head = sys.modules["lib.sub.head"].Head(4)
    x = torch.randn(2, 4)
    expected = torch.cat([head.linear(x) + x, x])
    assert torch.equal(head(x), expected) and {"add", "concat"} <= dict(head.named_children()).keys()
    assert torch.equal(pickle.loads(pickle.dumps(head))(x), expected)
    assert torch.equal(copy.deepcopy(head)(x), expected)


def test_a_second_import_asks_the_cache_alone(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = imported()
    monkeypatch.setattr(engine, "rewrite", no_engine)
    assert imported().results == first.results


def change_a_subclass(site: Path) -> None:
    head = site / "lib/sub/head.py"
    head.write_text(head.read_text() + "\n    def add(self):\n        pass\n\n    mul = add\n")


def add_a_subclass(site: Path) -> None:
    write(site, {"lib/more.py": "from .blocks import Block\n\n\nclass More(Block):\n    add = None\n"})


@pytest.mark.parametrize("edit", [change_a_subclass, add_a_subclass])
def test_an_edit_elsewhere_in_the_package_counts(site: Path, edit: Callable[[Path], None]) -> None:
    """The attribute that a base class gets has to keep clear of the names in its subclasses."""
    before = of(imported("lib.blocks"), site)["lib/blocks.py"]
    edit(site)
    after = of(imported("lib.blocks"), site)["lib/blocks.py"]
    assert after == fixed(site)["lib/blocks.py"] != before


def test_a_removed_file_counts(site: Path) -> None:
    add_a_subclass(site)
    before = of(imported("lib.blocks"), site)["lib/blocks.py"]
    (site / "lib/more.py").unlink()
    assert of(imported("lib.blocks"), site)["lib/blocks.py"] == fixed(site)["lib/blocks.py"] != before


def test_another_rewriter_or_other_settings_have_entries_of_their_own(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key(settings: Settings) -> str:
        return snapshot.Snapshot.take(site / "lib", settings).key

    keys = {key(Settings()), key(Settings(ignore=("RW1",))), key(Settings(runtime_import="mine"))}
    assert key(Settings(per_file_ignores={"a": ("RW1",)})) not in keys and len(keys) == 3
    assert key(Settings(root=site)) in keys
    monkeypatch.setattr(snapshot, "_program", lambda: b"the next version")
    assert key(Settings()) not in keys


def test_files_beside_the_package_do_not_count(site: Path) -> None:
    """A copy of the package alone gives the same, and so must a package that has neighbours."""
    write(site, {"other.py": "from lib import Block\n\n\nclass Other(Block):\n    add = None\n"})
    assert b"self.add = " in of(imported("lib.blocks"), site)["lib/blocks.py"]


@pytest.mark.parametrize("suffix", [".py", ".py.json"])
@pytest.mark.parametrize("damage", [b"", b"garbage", None], ids=["empty", "garbage", "missing"])
def test_damaged_entries_are_made_again(site: Path, suffix: str, damage: bytes | None) -> None:
    first = imported()
    entries = [p for p in (site.parent / "cache").rglob(f"*{suffix}") if "blocks" in p.name]
    (entry,) = entries
    whole = entry.read_bytes()
    if damage is None:
        entry.unlink()
    else:
        entry.write_bytes(damage)
    assert imported().results == first.results
    assert entry.read_bytes() == whole
    assert sys.modules["lib"].Block(2).add is not None


def test_one_changed_byte_is_damage(site: Path) -> None:
    first = imported()
    for entry in [p for p in (site.parent / "cache").rglob("blocks.py*") if p.is_file()]:
        entry.write_bytes(entry.read_bytes().replace(b"EltWiseAdd", b"EltWiseSub"))
        assert imported().results == first.results


def test_damaged_bytecode_is_passed_over(site: Path) -> None:
    imported()
    for bytecode in (site.parent / "cache").rglob("*.pyc"):
        bytecode.write_bytes(bytecode.read_bytes()[:20])
    imported()
    assert sys.modules["lib"].Block(2).add is not None


def test_bytecode_of_the_original_is_neither_run_nor_replaced(site: Path) -> None:
    importlib.import_module("lib")
    bytecode = {path: path.read_bytes() for path in site.rglob("*.pyc")}
    imported()
    assert sys.modules["lib"].Block(2).add is not None
    assert bytecode and all(path.read_bytes() == content for path, content in bytecode.items())


def test_a_cache_that_cannot_be_written(site: Path) -> None:
    (site.parent / "cache").write_text("in the way")
    with pytest.warns(RewriteWarning, match="nothing can be kept in the cache"):
        assert of(imported(), site) == fixed(site)
    assert "self.add(" in inspect.getsource(sys.modules["lib"].Block.forward)


def test_a_cache_that_others_can_write_is_not_used(site: Path) -> None:
    imported()
    cache = site.parent / "cache" / "rewriter"
    assert cache.stat().st_mode & 0o777 == 0o700
    for kept in cache.rglob("*.py"):
        kept.write_text("raise SystemExit('planted')")
    cache.chmod(0o777)
    with pytest.warns(RewriteWarning, match="can be written by other users; close it with: chmod go-w"):
        assert of(imported(), site) == fixed(site)


def test_people_see_the_source_that_runs(site: Path) -> None:
    imported()
    lib = sys.modules["lib"]
    blocks = sys.modules["lib.blocks"]
    assert blocks.__file__ == str(site / "lib/blocks.py")
    assert "self.add(self.linear(x), x)" in inspect.getsource(lib.Block.forward)
    assert "self.add = runtime.modules.EltWiseAdd()" in inspect.getsource(lib.Block)
    assert inspect.getsource(blocks).encode() == fixed(site)["lib/blocks.py"]
    assert isinstance(blocks.__loader__, SourceFileLoader)
    assert blocks.__loader__.get_source("lib.blocks") == inspect.getsource(blocks)
    try:
        lib.Block(2)(None)
    except TypeError:
        frames = traceback.extract_tb(sys.exc_info()[2])
        line = next(f for f in frames if f.name == "forward" and f.line and "add" in f.line)
        assert line.line == "return self.add(self.linear(x), x)"
        assert Path(line.filename).read_text().splitlines()[(line.lineno or 0) - 1].strip() == line.line


def test_a_module_is_reloaded_rewritten_after_the_block(site: Path) -> None:
    imported()
    blocks = sys.modules["lib.blocks"]
    (site / "lib/blocks.py").write_text(BLOCKS.replace("+ x", "* x"))
    importlib.reload(blocks)
    assert "self.mul(self.linear(x), x)" in inspect.getsource(blocks.Block)
    change_a_subclass(site)
    importlib.reload(blocks)
    assert inspect.getsource(blocks).encode() == fixed(site)["lib/blocks.py"]


def test_what_is_imported_after_the_block_stays_as_it_is(site: Path) -> None:
    imported("lib.blocks")
    write(site, {"lib/late.py": BLOCKS})
    late = importlib.import_module("lib.late")
    assert "+ x" in inspect.getsource(late.Block.forward)


def test_only_what_is_named(site: Path) -> None:
    with rewriting("lib.sub") as library:
        import lib  # type: ignore[import-not-found]
    assert sorted(library.results) == ["lib.sub", "lib.sub.head"]
    assert not hasattr(lib.Block(2), "add") and hasattr(lib.head.Head(2), "concat")


@pytest.mark.parametrize("package", ["lib", "lib.ops", "lib.net"])
def test_parts_of_a_package_may_be_rewritten_alone(site: Path, package: str) -> None:
    """A function and the module that calls it stand in two files; each has to do with the other as it is."""
    ops = "import torch\n\n\ndef scaled(x: torch.Tensor) -> torch.Tensor:\n    return torch.relu(x) * 2\n"
    net = (
        "from torch import nn\n\nfrom .ops import scaled\n\n\nclass Net(nn.Module):\n"
        "    def forward(self, x):\n        return scaled(x) + scaled(-x)\n"
    )
    write(site, {"lib/__init__.py": "", "lib/ops.py": ops, "lib/net.py": net})
    with rewriting(package) as library:
        importlib.import_module("lib.net")
    assert all(result.changed for name, result in library.results.items() if name != "lib")
    x = torch.randn(3)
    assert torch.equal(sys.modules["lib.net"].Net()(x), torch.relu(x) * 2 + torch.relu(-x) * 2)


def test_a_namespace_package_and_a_single_file(site: Path) -> None:
    subclass = "from ..inner.blocks import Block\n\n\nclass Other(Block):\n    add = None\n"
    write(site, {"space/inner/blocks.py": BLOCKS, "space/outer/other.py": subclass, "single.py": BLOCKS})
    with rewriting("space", "single") as library:
        importlib.import_module("space.inner.blocks")
        importlib.import_module("single")
    assert of(library, site) == {
        place: fixed(site, package=package)[place]
        for package, place in {"space": "space/inner/blocks.py", "single.py": "single.py"}.items()
    }
    assert b"self.add2 = " in library.results["space.inner.blocks"].after


def test_a_file_that_fails_is_imported_as_it_is_and_named(site: Path) -> None:
    write(site, {"lib/__init__.py": ""})
    with pytest.warns(RewriteWarning, match=r"lib/blocks\.py is imported as it is: too-large") as caught:
        library = imported("lib.blocks", settings=Settings(max_file_bytes=100))
    assert not hasattr(sys.modules["lib.blocks"].Block(2), "add")
    assert library.results["lib.blocks"].failure is not None
    assert any(str(w.message).endswith("of max-file-bytes") for w in caught)


def test_a_file_of_which_nothing_can_be_rewritten_is_named(site: Path) -> None:
    write(
        site,
        {
            "lib/seq.py": "from torch import nn\n\n\nclass S(nn.Module):\n    def __init__(self):\n        self.a = 1\n\n    def forward(self, x):\n        return x + 1\n"
        },
    )
    for _ in range(2):  # the second time from the cache
        with pytest.warns(
            RewriteWarning, match=r"lib/seq\.py is imported as it is: .* \(RW904; `rewriter check"
        ) as caught:
            imported("lib.seq")
        assert Path(caught[0].filename).name != "library.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_that_ends_takes_nothing_away(site: Path) -> None:
    program = (
        "import os, sys\nfrom rewriter.importer import rewriting\nwith rewriting('lib') as library:\n"
        "    import lib.plain\n    if os.fork() == 0:\n        sys.exit()\n    os.wait()\n    import lib.late\n"
        "print(library.results['lib.late'].after.decode(), end='')\n"
    )
    subclass = "from .late import Block\n\n\nclass Later(Block):\n    add = None\n"
    write(site, {"lib/__init__.py": "", "lib/late.py": BLOCKS, "lib/later.py": subclass})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(Path(__file__).parents[2])])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment)
    assert done.stdout == fixed(site)["lib/late.py"], done.stderr


def test_a_fault_in_the_way_of_rewriting_never_breaks_an_import(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot, "temporary_folder", full)
    with pytest.warns(RewriteWarning, match="No space left on device"):
        imported("lib.blocks")
    assert not hasattr(sys.modules["lib.blocks"].Block(2), "add")


def test_how_deep_an_import_stands_does_not_matter(site: Path) -> None:
    import runtime.modules  # noqa: F401 -- what it imports itself is not what this is about

    write(site, {"lib/long.py": BLOCKS.replace("+ x", "+ x" * 60), "lib/__init__.py": ""})

    def down(levels: int) -> Rewriting:
        return down(levels - 1) if levels else imported("lib.long")

    deep = down(sys.getrecursionlimit() - len(inspect.stack()) - 120)
    assert of(deep, site)["lib/long.py"] == fixed(site)["lib/long.py"] != (site / "lib/long.py").read_bytes()


def test_a_failure_is_not_kept(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: bytes, path: Path, *_: object) -> FileResult:
        return FileResult(path, source, source, failure=Failure("internal", "MemoryError"))

    with monkeypatch.context() as circumstances, pytest.warns(RewriteWarning, match="internal: MemoryError"):
        circumstances.setattr(engine, "rewrite", fail)
        imported()
    assert of(imported(), site) == fixed(site)


def test_an_edit_inside_the_block_counts(site: Path) -> None:
    write(site, {"lib/__init__.py": ""})
    with rewriting("lib") as library:
        importlib.import_module("lib.plain")
        write(site, {"lib/blocks.py": BLOCKS.replace("+ x", "* x")})
        importlib.import_module("lib.blocks")
    assert of(library, site)["lib/blocks.py"] == fixed(site)["lib/blocks.py"]


def test_other_loaders_are_left_alone(site: Path) -> None:
    class Loader(SourceFileLoader):
        pass

    class Finder:
        def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
            spec = PathFinder.find_spec(name, path)
            if name == "lib.blocks" and spec is not None:
                spec.loader = Loader(name, spec.origin or "")
            return spec

    sys.meta_path.insert(0, Finder())
    with pytest.warns(RewriteWarning, match=r"lib/blocks\.py is imported as it is: it comes through Loader"):
        imported()
    assert type(sys.modules["lib.blocks"].__loader__) is Loader


def test_modules_that_were_imported_before(site: Path) -> None:
    importlib.import_module("lib")
    with pytest.raises(
        RewriteError, match=r"lib has been imported already .* `python -m rewriter run SCRIPT --rewrite lib`"
    ):
        rewriting("lib").__enter__()
    with rewriting("lib.plain"):  # its parent may have been
        importlib.import_module("lib.plain")


def test_a_block_may_be_entered_again(site: Path) -> None:
    imported()
    with rewriting("lib") as library:
        importlib.import_module("lib")
    assert library.results == {} and library not in sys.meta_path


def test_a_name_that_nobody_imports_is_said(site: Path) -> None:
    with pytest.warns(RewriteWarning, match="nothing called 'libb' was imported"), rewriting("libb"):
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ZeroDivisionError), rewriting("libb"):
            1 / 0  # noqa: B018


@pytest.mark.parametrize(
    ("packages", "message"),
    [
        ((), "name at least one package"),
        (("lib/blocks",), "dotted name of a package or module, not 'lib/blocks'"),
        (("torch.nn",), r"torch\.nn cannot be rewritten: torch is what"),
        (("runtime",), "runtime cannot be rewritten"),
        (("json.decoder",), r"json\.decoder cannot be rewritten"),
    ],
)
def test_names_that_cannot_be_meant(packages: tuple[str, ...], message: str) -> None:
    with pytest.raises(RewriteError, match=message):
        rewriting(*packages)


def test_what_the_rewriter_needs_for_its_work_cannot_be_rewritten() -> None:
    """It would have to rewrite a module in order to be able to rewrite it."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom rewriter.engine import rewrite\n"
        "from rewriter.settings import Settings\n"
        f"assert rewrite({BLOCKS.encode()!r}, Path('m.py'), Settings()).changed\n"
        "print(*{name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names - set(sys.argv[1:]))"
    )
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}", *hook.FOUNDATIONS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["__main__"], "")


def test_a_foreign_runtime(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "runtime"]:
        monkeypatch.delitem(sys.modules, name)
    write(site, {"runtime.py": "x = 1\n"})
    importlib.invalidate_caches()
    with pytest.raises(RewriteError, match=r"Python would import .*runtime\.py in its place"):
        imported()
    for name in ("nowhere", "nowhere.runtime"):
        with pytest.raises(RewriteError, match=f"Python finds no package '{name}'"):
            imported(settings=Settings(runtime_import=name))
