"""Reads YAML into plain values that remember where they stand, so that an error can say line and column.

Nothing but mappings, sequences, strings, numbers, booleans and null is read: a tag that names a Python object is an
error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

Step = str | int
Where = tuple[Step, ...]
"""The keys and indices that lead to a value."""

_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq", "merge")}


class ScheduleError(ValueError):
    """A schedule that means nothing; the message begins with file, line and column."""


@dataclass
class Document:
    """A YAML file's values, and the line and column of each; values that were given outright have none."""

    name: str
    values: Any = None
    keys: dict[Where, tuple[int, int]] = field(default_factory=dict)
    """Where the key or the item begins that leads to a value."""
    ends: dict[Where, tuple[int, int]] = field(default_factory=dict)
    """Where the value itself begins."""

    def error(self, where: Sequence[Step], message: str, at_key: bool = False) -> str:
        """The message with its place; of a value that is not there, the place of what it should be in."""
        if not self.ends:
            return f"{self.name}, {'.'.join(map(str, where))}: {message}"
        path = tuple(where)
        while path and path not in self.ends:
            path = path[:-1]
        found = self.keys if at_key else self.ends
        line, column = found.get(path) or self.ends.get(path) or (1, 1)
        return f"{self.name}:{line}:{column}: {message}"

    def raise_error(self, where: Sequence[Step], message: str, at_key: bool = False) -> NoReturn:
        raise ScheduleError(self.error(where, message, at_key))


def read(path: str | Path) -> Document:
    """Reads one file; whatever is wrong with its form is a ScheduleError."""
    yaml, errors, safe = _ruamel()
    document = Document(str(path))
    reader = yaml.YAML(typ="safe", pure=True)
    try:
        node = reader.compose(Path(path).read_text(encoding="utf-8"))
    except errors.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ScheduleError(f"{path}:{line}:{column}: this is not YAML: {error.problem or error.context}") from error
    except (errors.YAMLError, UnicodeDecodeError) as error:
        raise ScheduleError(f"{path}:1:1: this is not YAML: {str(error).splitlines()[0]}") from error
    if node is None:
        raise ScheduleError(f"{path}:1:1: the file is empty; a schedule needs at least policies:")
    document.values = _Reader(document, safe).value(node, (), ())
    return document


class _Reader:
    """Makes plain values of the nodes that the parser found."""

    def __init__(self, document: Document, safe: Any) -> None:
        self.document = document
        self.safe = safe
        self.open: list[Any] = []

    def value(self, node: Any, where: Where, key_mark: Any) -> Any:
        place = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.document.ends[where] = place
        self.document.keys.setdefault(where, (key_mark.line + 1, key_mark.column + 1) if key_mark else place)
        tag = str(node.tag)
        if tag not in _PLAIN:
            self.document.raise_error(where, f"the tag {tag} is not read here: write plain values only")
        if node in self.open:
            self.document.raise_error(where, "an alias leads back to what it is a part of")
        self.open.append(node)
        try:
            if node.id == "mapping":
                return self._mapping(node, where)
            if node.id == "sequence":
                return [self.value(item, (*where, i), None) for i, item in enumerate(node.value)]
            return self.safe.construct_object(node)
        finally:
            self.open.pop()

    def _mapping(self, node: Any, where: Where) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, item in self._entries(node):
            if key.id != "scalar":
                self.document.raise_error(where, "a key must be one word, not a list or a mapping")
            name = str(key.value)
            value = self.value(item, (*where, name), key.start_mark)
            if name in values and values[name] != value:
                self.document.raise_error((*where, name), f"{name!r} stands here twice, with different values")
            values[name] = value
        return values

    def _entries(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """The pairs of a mapping; those that `<<` brings in come first, so that its own ones win."""
        own = [(key, item) for key, item in node.value if str(key.tag) != "tag:yaml.org,2002:merge"]
        names = {str(key.value) for key, _ in own}
        for key, item in node.value:
            if str(key.tag) == "tag:yaml.org,2002:merge":
                merged = item.value if item.id == "sequence" else [item]
                for mapping in merged:
                    yield from ((k, v) for k, v in mapping.value if str(k.value) not in names)
        yield from own


def _ruamel() -> tuple[Any, Any, Any]:
    try:
        from ruamel import yaml
        from ruamel.yaml import constructor, error
    except ImportError as missing:
        raise ImportError('schedules are YAML: pip install "torch-rewriter[schedule]"') from missing
    return yaml, error, constructor.SafeConstructor(loader=yaml.YAML(typ="safe", pure=True))
