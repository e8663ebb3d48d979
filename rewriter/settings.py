"""What a user may set, in `[tool.rewriter]` of pyproject.toml or on the command line."""

from __future__ import annotations

import difflib
import fnmatch
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

DEFAULT_EXCLUDE = (
    ".bzr", ".direnv", ".eggs", ".git", ".hg", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".svn", ".tox",
    ".venv", "__pycache__", "_build", "build", "dist", "node_modules", "site-packages", "venv",
)  # fmt: skip


class SettingsError(Exception):
    """A setting that cannot be used; the message says which, where, and what was expected."""


@dataclass(frozen=True)
class Settings:
    select: tuple[str, ...] = ()
    """Codes or prefixes to apply; empty means all."""
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    unsafe_fixes: bool = False
    runtime_import: str = "runtime"
    """The package that emitted code imports `modules` from."""
    max_file_bytes: int = 2_000_000
    respect_gitignore: bool = True
    root: Path = Path()
    """The folder that patterns of files are relative to: that of pyproject.toml."""

    def selects(self, code: str, path: Path) -> bool:
        """Whether findings and refusals of this code are wanted in this file."""
        if self.select and not code.startswith(self.select):
            return False
        return not code.startswith(self.ignore) and not self.silenced(code, path)

    def silenced(self, code: str, path: Path) -> bool:
        """Whether per-file-ignores name the code for this file."""
        return any(
            code.startswith(codes) and self.matches(path, [glob]) for glob, codes in self.per_file_ignores.items()
        )

    def matches(self, path: Path, patterns: list[str] | tuple[str, ...]) -> bool:
        """Whether a pattern names the file, one of the folders above it, or its path from the settings' folder."""
        absolute = path.absolute()
        root = self.root.absolute()
        relative = absolute.relative_to(root) if absolute.is_relative_to(root) else absolute
        return any(
            fnmatch.fnmatch(relative.as_posix(), pattern)
            or any(fnmatch.fnmatch(part, pattern) for part in relative.parts)
            for pattern in patterns
        )

    @property
    def excluded(self) -> tuple[str, ...]:
        return (*self.exclude, *self.extend_exclude)


def load(config: Path | None, isolated: bool, paths: list[Path]) -> Settings:
    """The settings of the nearest pyproject.toml above the first path that has a `[tool.rewriter]`, or of `config`."""
    if isolated:
        return Settings()
    if config is not None:
        if not config.is_file():
            raise SettingsError(f"--config {config}: no such file")
        return _read(config, required=True)
    start = (paths[0] if paths else Path()).absolute()
    for folder in [start, *start.parents]:
        candidate = folder / "pyproject.toml"
        if candidate.is_file():
            return _read(candidate, required=False)
    return Settings()


def _read(file: Path, required: bool) -> Settings:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from error
    table = document.get("tool", {}).get("rewriter")
    if table is None:
        if required and file.name != "pyproject.toml":
            table = document  # a file of its own needs no [tool.rewriter] around its keys
        else:
            return Settings(root=file.parent)
    return replace(from_table(table, str(file)), root=file.parent)


def from_table(table: Mapping[str, Any], where: str) -> Settings:
    known = {f.name.replace("_", "-"): f.name for f in fields(Settings) if f.name != "root"}
    given: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known keys are {', '.join(sorted(known))}"
            raise SettingsError(f"{where}: unknown key {key!r} in [tool.rewriter]{hint}")
        given[known[key]] = _checked(known[key], value, f"{where}: {key}")
    return Settings(**given)


def _checked(name: str, value: Any, where: str) -> Any:
    if name == "per_file_ignores":
        if not isinstance(value, dict) or not all(_is_strings(v) for v in value.values()):
            raise SettingsError(f"{where} should be a table of pattern = [codes], not {value!r}")
        return {pattern: tuple(codes) for pattern, codes in value.items()}
    default = getattr(Settings, name, None)
    if isinstance(default, tuple):
        if not _is_strings(value):
            raise SettingsError(f"{where} should be a list of strings, not {value!r}")
        return tuple(value)
    if type(value) is not type(default):
        raise SettingsError(f"{where} should be a {type(default).__name__}, not {value!r}")
    if (
        name == "runtime_import"
        and isinstance(value, str)
        and not all(part.isidentifier() for part in value.split("."))
    ):
        raise SettingsError(f"{where} should be the dotted name of a package, not {value!r}")
    return value


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
