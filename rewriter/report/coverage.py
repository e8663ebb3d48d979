"""The coverage of a package, for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rewriter.report.covered import Coverage, total
from rewriter.report.text import shown_path
from rewriter.rules.refusals import REASONS

_NAMES = {rule.code: rule.name for rule in REASONS}
_COLUMNS = ("met", "rewritten", "shared", "unsafe", "left", "share")


def as_text(folders: Mapping[Path, Coverage]) -> str:
    whole = total(folders.values())
    rows = [(shown_path(folder), _cells(part)) for folder, part in folders.items() if part.met or part.unknown]
    rows.append(("all", _cells(whole)))
    width = max(len(name) for name, _ in rows)
    lines = [f"{'operations in':{width}}  {'  '.join(_COLUMNS)}"]
    lines += [f"{name:{width}}  {'  '.join(cells)}" for name, cells in rows]
    lines += _reasons(whole)
    return "".join(f"{line}\n" for line in lines)


def _cells(part: Coverage) -> list[str]:
    numbers = [part.met, part.rewritten, part.shared, part.unsafe, part.left.total()]
    share = f"{100 * part.rewritten / part.met:.1f}%" if part.met else "-"
    return [f"{cell!s:>{len(column)}}" for cell, column in zip([*numbers, share], _COLUMNS, strict=True)]


def _reasons(whole: Coverage) -> Iterator[str]:
    if whole.left or whole.unknown:
        yield ""
    for code, count in whole.left.most_common():
        yield f"{count:6}  left     {code}  {_NAMES[code]}"
    if whole.unknown:
        yield f"{whole.unknown:6}  unknown  calls of what the rewriter cannot see"


def as_json(folders: Mapping[Path, Coverage]) -> str:
    document = {
        "version": 1,
        "folders": {shown_path(folder): _document(part) for folder, part in folders.items()},
        "total": _document(total(folders.values())),
    }
    return json.dumps(document, indent=2) + "\n"


def _document(part: Coverage) -> dict[str, Any]:
    left = dict(sorted(part.left.items()))
    return {
        "files": part.files,
        "failed": part.failed,
        "met": part.met,
        "rewritten": part.rewritten,
        "shared": part.shared,
        "unsafe": part.unsafe,
        "left": left,
        "unknown_calls": part.unknown,
    }
