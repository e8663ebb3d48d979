"""What the catalogue says to people: the operations of a rule, and the rows of README.md that name them.

python -m rewriter.torch_api.documentation     writes those rows anew
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from rewriter.torch_api.catalogue import FAMILIES, ROWS
from rewriter.torch_api.row import Row

README = Path(__file__).parents[2] / "README.md"
BEGIN = "<!-- written by python -m rewriter.torch_api.documentation -->\n"
_NAMED = 5
"""Operations that README.md names of each family; `rewriter rule` lists all."""
_SHORT = (("torch.nn.functional.", "F."), ("torch.Tensor.", "Tensor."), ("torch.nn.", "nn."), ("runtime.modules.", ""))


def operations(code: str) -> str:
    """A Markdown list of what a rule rewrites: each operation, how it is written, and what it becomes."""
    lines = [_line(row) for row in ROWS if row.code == code]
    return "\n".join(["**Operations**, how they are written, and the module that each becomes.", "", *lines])


def with_rows(text: str) -> str:
    """README.md with its rows as they have to be."""
    before, _, rest = text.partition(BEGIN)
    after = rest[rest.index("| RW201") :]
    return before + BEGIN + "".join(_rows()) + after


def _rows() -> Iterator[str]:
    yield "\n| code | what it does |\n|---|---|\n"
    families: dict[str, list[str]] = defaultdict(list)
    for family in FAMILIES:
        code, _, title = (family.__doc__ or "").strip().rstrip(".").partition(": ")
        names = list(dict.fromkeys(row.attribute for row in family.ROWS))[:_NAMED]
        families[code].append(f"{title} ({', '.join(f'`{name}`' for name in names)} ...)")
    for code, parts in families.items():
        yield f"| {code} | {'; '.join(parts)} |\n"


def _line(row: Row) -> str:
    written = " ".join(f"`{_short(spelling.name)}`" for spelling in row.spellings)
    targets = " or ".join(f"`{_short(target)}`" for target in dict.fromkeys([row.target, row.flexible_target]))
    return f"- {written}: {targets}"


def _short(name: str) -> str:
    return next((short + name[len(full) :] for full, short in _SHORT if name.startswith(full)), name)


if __name__ == "__main__":
    README.write_text(with_rows(README.read_text()))
