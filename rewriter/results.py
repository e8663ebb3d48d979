"""What the engine says about a file: data only, shared by every layer above and below it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path

from rewriter.python.grounds import Noted


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of text. Lines count from 1, columns from 0 in characters; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int
    cell: int = 0
    """In a notebook the number of the cell, in which the lines count then; 0 in files."""


class Safety(enum.Enum):
    """Whether `fix` applies a finding on its own or only with --unsafe-fixes."""

    SAFE = "safe"
    UNSAFE = "unsafe"


@dataclass(frozen=True)
class Finding:
    """One thing that the rewriter would change: the site, its `__init__` line and its import, all or none."""

    code: str
    message: str
    span: Span
    safety: Safety = Safety.SAFE
    why_unsafe: str = ""


@dataclass(frozen=True)
class Refusal:
    """One thing left as it is, or done in part: why, and what a person could do about it."""

    code: str
    message: str
    span: Span
    advice: str = ""
    is_remark: bool = False
    """The operation becomes a module all the same: one that several executions share."""


@dataclass(frozen=True)
class Edit:
    """A stretch of the old text and what takes its place."""

    span: Span
    text: str
    findings: tuple[int, ...] = ()
    """Which of the file's findings need it, as indices; none for the imports, which several may share."""


@dataclass(frozen=True)
class Failure:
    """Why a file could not be handled at all; nothing of it was changed."""

    kind: str
    """syntax, encoding, too-large, too-deep, unreadable, changed, self-check, crash or internal."""
    message: str
    span: Span | None = None


@dataclass(frozen=True)
class FileResult:
    """Everything that is known of one file after a run over it."""

    path: Path
    before: bytes = b""
    after: bytes = b""
    """Equal to `before` when nothing changes, and whenever `failure` is set."""
    findings: tuple[Finding, ...] = ()
    """Applied in `after` when safe (or unsafe fixes are on); reported either way."""
    refusals: tuple[Refusal, ...] = ()
    suppressed: tuple[Finding | Refusal, ...] = ()
    """Silenced by a comment or by per-file-ignores; not applied."""
    edits: tuple[Edit, ...] = field(default=(), compare=False)
    """All of them together, in the order of the source, turn `before` into `after`."""
    failure: Failure | None = None
    noted: Noted | None = field(default=None, compare=False, repr=False)
    """What the result hangs on besides the file; not kept with it."""
    open: tuple[Span, ...] = field(default=(), compare=False)
    """Expressions whose values would decide what the source leaves open; not kept between runs."""
    unwritten: bool = False
    """The new text was not asked for: `after` is `before`, though something would change."""

    @property
    def items(self) -> list[Finding | Refusal]:
        """Findings and refusals in the order of the source."""
        found: list[Finding | Refusal] = [*self.findings, *self.refusals]
        return sorted(found, key=lambda item: (item.span.cell, item.span))

    @property
    def changed(self) -> bool:
        return self.unwritten or self.after != self.before
