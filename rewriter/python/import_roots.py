"""Where imports start from, and what belongs together there."""

from __future__ import annotations

from pathlib import Path


def import_root(path: Path) -> Path:
    """The folder that the file's imports start from: the first one above that is not a package."""
    folder = path if path.is_dir() else path.parent
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    return folder


def holds_installed(root: Path) -> bool:
    """Whether a folder holds packages that have nothing to do with each other."""
    return root.name in ("site-packages", "dist-packages")


def scope_of(path: Path) -> Path:
    """The whole package that a path belongs to; a path in no package stands for itself."""
    root = import_root(path)
    folder = path if path.is_dir() else path.parent
    return folder if folder == root and path.is_dir() else root / path.relative_to(root).parts[0]
