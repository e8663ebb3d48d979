"""The classes that `--entry` names have to be in the files: one that is not there would change nothing in silence."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from rewriter.results import FileResult
from rewriter.settings import SettingsError

_MOST_SHOWN = 20


def refuse_unknown_entries(results: Iterable[FileResult], entries: tuple[str, ...]) -> None:
    """A file that failed has been read, too, unless Python cannot read it."""
    wanted = dict.fromkeys(entries)
    if not wanted:
        return
    there: dict[str, bool] = {}
    for cls in (cls for result in results for cls in _classes(result.before)):
        there[cls.name] = there.get(cls.name, False) or any(
            isinstance(member, ast.FunctionDef) and member.name == "forward" for member in cls.body
        )
    missing = [name for name in wanted if name not in there]
    if missing:
        with_forward = [name for name, has in there.items() if has]
        known = ", ".join(with_forward[:_MOST_SHOWN]) + (", ..." if len(with_forward) > _MOST_SHOWN else "")
        raise SettingsError(
            f"--entry {','.join(missing)}: the files have no such class; "
            + (f"those with a forward are {known}" if known else "none of theirs has a forward")
        )


def _classes(source: bytes) -> Iterator[ast.ClassDef]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
