"""How lines are laid out, and what a project's settings say of it."""

from __future__ import annotations

import configparser
import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

# What formatters set, from the one that most projects have.
USUAL = (88, 100, 120)


@dataclass(frozen=True)
class Formatter:
    """What a project's files of settings say to formatters and sorters of imports."""

    width: int | None = None
    first_party: tuple[str, ...] = ()
    sorts_by_name: bool = False
    """`import` and `from` statements are sorted together, by module."""


@dataclass(frozen=True)
class Style:
    width: int = USUAL[0]
    step: str = "    "
    """What one level of indentation is."""
    formatter: Formatter = Formatter()


def formatter_of(path: Path) -> Formatter:
    """The settings of the nearest folder that has some."""
    return _formatter_in(path.absolute().parent)


@lru_cache(maxsize=4096)
def _formatter_in(folder: Path) -> Formatter:
    for table in _tables(folder):
        return table
    return Formatter() if folder.parent == folder else _formatter_in(folder.parent)


def _tables(folder: Path) -> Iterator[Formatter]:
    for name in (".ruff.toml", "ruff.toml", "pyproject.toml"):
        document = _toml(folder / name)
        tool = document.get("tool", {}) if name == "pyproject.toml" else {"ruff": document} if document else {}
        if isinstance(tool, Mapping) and ("ruff" in tool or "black" in tool or "isort" in tool):
            yield _from_toml(tool)
    for name in ("setup.cfg", "tox.ini", ".flake8", ".isort.cfg", ".style.yapf"):
        found = _from_ini(folder / name)
        if found is not None:
            yield found


def _toml(file: Path) -> Mapping[str, Any]:
    from rewriter import toml  # an isolated run reads none

    try:
        return toml.read(file)
    except (*toml.ERRORS, RecursionError):
        return {}


def _from_toml(tool: Mapping[str, Any]) -> Formatter:
    ruff, black, isort = (_table(tool, name) for name in ("ruff", "black", "isort"))
    sorter = {**_table(ruff, "isort"), **_table(_table(ruff, "lint"), "isort")}
    widths = (ruff.get("line-length"), black.get("line-length"), isort.get("line_length"))
    first = [*_list(sorter.get("known-first-party")), *_list(isort.get("known_first_party"))]
    by_name = sorter.get("force-sort-within-sections") or isort.get("force_sort_within_sections")
    return Formatter(next((w for w in widths if _is_width(w)), None), tuple(first), by_name is True)


def _table(tool: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = tool.get(name, {})
    return found if isinstance(found, Mapping) else {}


def _list(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _is_width(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 40


_INI_WIDTHS = (
    ("flake8", "max-line-length"),
    ("flake8", "max_line_length"),
    ("pycodestyle", "max-line-length"),
    ("pycodestyle", "max_line_length"),
    ("isort", "line_length"),
    ("settings", "line_length"),
    ("yapf", "column_limit"),
    ("style", "column_limit"),
)


def _from_ini(file: Path) -> Formatter | None:
    if not file.is_file():
        return None
    parser = configparser.RawConfigParser(strict=False)
    with contextlib.suppress(OSError, UnicodeDecodeError, configparser.Error):
        parser.read_string(file.read_text(encoding="utf-8"))
    found = [parser.get(section, key, fallback="") for section, key in _INI_WIDTHS]
    widths = [int(text) for text in found if re.fullmatch(r"\d{2,4}", text.strip())]
    first = parser.get("isort", "known_first_party", fallback="")
    by_name = parser.get("isort", "force_sort_within_sections", fallback="").lower() == "true"
    if not widths and not first:
        return None
    return Formatter(widths[0] if widths else None, tuple(re.findall(r"\w+", first)), by_name)
