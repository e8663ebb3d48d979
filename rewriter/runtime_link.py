"""Whether the `import runtime.modules` of rewritten code finds this distribution's package, and not another one.

Who sets runtime-import to a name of his own is believed: what is there may be anything that offers `modules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from rewriter.python.import_roots import import_root
from rewriter.settings import Settings, SettingsError

NAME = Settings.runtime_import
_MARK = Path("modules") / "handles.py"
_PROJECT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


def refuse_foreign_runtime(files: Iterable[Path], settings: Settings) -> None:
    """Emitted code imports `runtime`; a project with a module of that name would get its own instead."""
    if settings.runtime_import == NAME and (file := _foreign_in_project(files)) is not None:
        raise SettingsError(
            f"{file} has the name of the package that rewritten code imports, and Python finds one of the two only: "
            'make that package available under another name and set runtime-import = "<its name>" in [tool.rewriter]'
        )


def _foreign_in_project(files: Iterable[Path]) -> Path | None:
    """A module of the project's own called `runtime`: Python finds one of the two, and the code of the other breaks."""
    folders = {file.absolute().parent for file in files}
    for root in sorted({root for folder in folders for root in _import_roots(folder)}):
        if (root / NAME / _MARK).is_file():
            continue
        for candidate in (root / NAME / "__init__.py", root / f"{NAME}.py"):
            if candidate.is_file():
                return candidate
        if _is_package(root / NAME):
            return root / NAME
    return None


def _is_package(folder: Path) -> bool:
    """Whether a folder without `__init__.py` is imported from: it holds source, and not only logs or sockets."""
    return any(True for pattern in ("*.py", "*/__init__.py") for _ in folder.glob(pattern))


def _import_roots(folder: Path) -> Iterator[Path]:
    """The folder above the package, the project's own, and its src."""
    yield import_root(folder)
    top = next((f for f in [folder, *folder.parents] if any((f / mark).exists() for mark in _PROJECT_MARKS)), None)
    if top is not None:
        yield from (top, top / "src")


def foreign_at_import(name: str) -> str | None:
    """Why this process, as its path stands, would not find the wrappers; None where it would."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # a package above it is missing, or was made by hand
        spec = None
    if spec is None:
        return f"rewritten code imports {name}.modules, and Python finds no package {name!r}"
    if name != NAME or any((Path(folder) / _MARK).is_file() for folder in spec.submodule_search_locations or ()):
        return None
    return (
        f"rewritten code imports {name}.modules, and Python would import {spec.origin or name} in its place: make the "
        f"package that belongs to the rewriter available under another name, and set runtime_import to that"
    )
