"""A table: rows to compute with, plain text, and a table of rich's where that prints it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """`rows` are dictionaries with the `columns` as keys."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    footer: str = ""

    def __str__(self) -> str:
        cells = [list(self.columns), *([shown(row[column]) for column in self.columns] for row in self.rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(self.columns))]
        numeric = [self.is_numeric(column) for column in self.columns]
        lines = [_line(line, widths, numeric) for line in cells]
        return "\n".join([self.title, *lines, *([self.footer] if self.footer else [])])

    def __rich__(self) -> Any:
        from rich.table import Table as RichTable

        table = RichTable(title=self.title, caption=self.footer or None)
        for column in self.columns:
            table.add_column(column, justify="right" if self.is_numeric(column) else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*(shown(row[column]) for column in self.columns))
        return table

    def is_numeric(self, column: str) -> bool:
        return all(isinstance(row[column], (int, float, type(None))) for row in self.rows)


def shown(value: Any) -> str:
    """A number with thousands apart or four digits, a shape with crosses, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (tuple, list)):
        return "x".join(map(str, value))
    return str(value)


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    aligned = (
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    )
    return "  ".join(aligned).rstrip()
