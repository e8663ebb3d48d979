"""What a user may set, in `[tool.rewriter]` of pyproject.toml or on the command line."""

from __future__ import annotations

import difflib
import fnmatch
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from rewriter.baseline import Baseline
from rewriter.evidence import Evidence
from rewriter.selection import Selection

DEFAULT_EXCLUDE = (
    ".bzr", ".direnv", ".eggs", ".git", ".hg", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".svn", ".tox",
    ".venv", "__pycache__", "_build", "build", "dist", "node_modules", "site-packages", "venv",
)  # fmt: skip


PLAIN = "plain"
"""The target that is the way back."""
TORCH_AO = "torch-ao"
LIBRARIES = (TORCH_AO, "distiller", "aimet", "brevitas")
"""Whose modules the catalogue knows besides our own."""
TARGETS = ("runtime", *LIBRARIES, PLAIN)
FALLBACKS = ("", "runtime")

REASONS = "RW9"
"""What the codes of reasons begin with."""

NO_KEYS = ("root", "origin", "isolated", "selection", "baseline", "evidence")
"""What a file of settings cannot set."""


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
    target: str = "runtime"
    """Whose modules take the place of operations; `plain` is the way back to operators and functions."""
    fallback: str = ""
    """`runtime`: what the target has no module for is taken from there."""
    entry: tuple[str, ...] = ()
    """For torch-ao: the classes that get stubs where tensors come in and leave, and a `fuse_model()`."""
    source: str = ""
    """The library whose modules are to become ours, as `--from` names it."""
    max_file_bytes: int = 2_000_000
    all_operations: bool = False
    """Operations on integers, masks and constants, which do not concern a quantizer, become modules as well."""
    respect_gitignore: bool = True
    root: Path = Path()
    """The folder that patterns of files are relative to: that of pyproject.toml, or the current one."""
    origin: Path | None = field(default=None, compare=False, repr=False)
    """The file that they come from, if any."""
    selection: Selection | None = None
    """The findings that somebody picked, which are applied, and nothing else."""
    isolated: bool = field(default=False, compare=False)
    """No file of settings is read, that of a formatter neither."""
    baseline: Baseline | None = None
    """The findings that were there before, which count as suppressed."""
    evidence: Evidence | None = None
    """What observed executions have shown of what the source leaves open."""

    def selects(self, code: str, path: Path) -> bool:
        """Whether findings and refusals of this code are wanted in this file.

        To select rules hides no reason: reasons are chosen among only by codes of reasons.
        """
        chosen = self.select
        if code.startswith(REASONS):
            chosen = tuple(selected for selected in self.select if selected.startswith(REASONS))
        if chosen and not code.startswith(chosen):
            return False
        return not code.startswith(self.ignore) and not self.silenced(code, path)

    def silenced(self, code: str, path: Path) -> bool:
        """Whether per-file-ignores name the code for this file."""
        return any(
            code.startswith(codes) and self.matches(path, [glob]) for glob, codes in self.per_file_ignores.items()
        )

    def matches(self, path: Path, patterns: Iterable[str]) -> bool:
        """Whether a pattern names the file or a folder above it, by name or by the path from the settings' folder."""
        real, root = path.resolve(), self.root.resolve()
        relative = real.relative_to(root) if real.is_relative_to(root) else Path(path.name)
        places = {*relative.parts, relative.as_posix(), *(p.as_posix() for p in relative.parents)}
        return any(fnmatch.fnmatch(place, pattern) for pattern in patterns for place in places)

    def excluding(self) -> Callable[[Path], bool]:
        """Whether a walk leaves out a file or folder. What the folders above it are called does not matter."""
        root = f"{str(self.root.resolve()).rstrip(os.sep)}{os.sep}"
        patterns = [fnmatch.translate(os.path.normcase(pattern)) for pattern in (*self.exclude, *self.extend_exclude)]
        matches = re.compile("|".join(patterns) or r"(?!)").match

        def excludes(entry: Path) -> bool:
            below = str(entry).removeprefix(root)
            names = {entry.name} if below == str(entry) else {entry.name, below.replace(os.sep, "/")}
            return any(matches(os.path.normcase(name)) for name in names)

        return excludes

    def excludes_named(self, path: Path) -> bool:
        """Whether a walk from the settings' folder would have left out this path, or a folder above it."""
        real, root = path.resolve(), self.root.resolve()
        above = [folder for folder in real.parents if folder != root and folder.is_relative_to(root)]
        return any(map(self.excluding(), [real, *above]))


def load(config: Path | None, isolated: bool, paths: Sequence[Path]) -> Settings:
    """The settings of `config`, or of the nearest pyproject.toml above the first path that has a `[tool.rewriter]`."""
    if isolated:
        return Settings(isolated=True)
    if config is not None:
        if not config.is_file():
            raise SettingsError(f"--config {config}: no such file")
        return _own_file(config)
    start = (paths[0] if paths else Path()).resolve()
    for folder in [start, *start.parents]:
        candidate = folder / "pyproject.toml"
        if candidate.is_file() and (table := _table(_document(candidate), candidate)) is not None:
            return replace(from_table(table, str(candidate)), root=folder, origin=candidate)
    return Settings()


def _own_file(config: Path) -> Settings:
    """A file of its own needs no [tool.rewriter] around its keys. Its patterns start from the current folder."""
    document = _document(config)
    table = _table(document, config)
    if table is None:
        table = {} if config.name == "pyproject.toml" else document
    return replace(from_table(table, str(config)), origin=config)


def shown(settings: Settings) -> str:
    """The settings that hold, as a table of TOML."""
    lines = [f"# from {settings.origin}" if settings.origin else "# no [tool.rewriter] was found: the defaults"]
    lines.append("[tool.rewriter]")
    for field_ in fields(Settings):
        if field_.name not in NO_KEYS:
            lines.append(f"{field_.name.replace('_', '-')} = {_toml(getattr(settings, field_.name))}")
    return "".join(f"{line}\n" for line in lines)


def _toml(value: Any) -> str:
    """JSON's strings, numbers and lists are TOML's."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _document(file: Path) -> dict[str, Any]:
    from rewriter import toml  # most commands find no such file

    try:
        return toml.read(file)
    except toml.ERRORS as error:
        raise SettingsError(f"{file}: {error}") from error
    except RecursionError as error:
        raise SettingsError(f"{file}: cannot be read: it is nested too deeply") from error


def _table(document: Mapping[str, Any], file: Path) -> dict[str, Any] | None:
    tool = document.get("tool", {})
    table = tool.get("rewriter") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise SettingsError(f"{file}: tool.rewriter should be a table, not {table!r}")
    return table


def from_table(table: Mapping[str, Any], where: str) -> Settings:
    known = {f.name.replace("_", "-"): f.name for f in fields(Settings) if f.name not in NO_KEYS}
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
    default = getattr(Settings, name)
    if isinstance(default, tuple):
        if not _is_strings(value):
            raise SettingsError(f"{where} should be a list of strings, not {value!r}")
        return tuple(value)
    if type(value) is not type(default):
        expected = {bool: "true or false", int: "a whole number", str: "a string"}[type(default)]
        raise SettingsError(f"{where} should be {expected}, not {value!r}")
    if name == "max_file_bytes" and value < 1:
        raise SettingsError(f"{where} should be at least 1, not {value!r}")
    if name == "runtime_import" and not all(part.isidentifier() for part in str(value).split(".")):
        raise SettingsError(f"{where} should be the dotted name of a package, not {value!r}")
    if name == "source" and value not in ("", *LIBRARIES):
        raise SettingsError(f"{where} should be one of {', '.join(LIBRARIES)}, not {value!r}")
    if name == "fallback" and value not in FALLBACKS:
        raise SettingsError(f"{where} should be 'runtime' or empty, not {value!r}")
    if name == "target" and value not in TARGETS:
        raise SettingsError(f"{where} should be one of {', '.join(TARGETS)}, not {value!r}")
    return value


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
