"""`# rewriter: ignore[RW101]` on a line, `# rewriter: ignore-file` for a whole file."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass, field

from rewriter.results import Span

_COMMENT = re.compile(r"#\s*rewriter:\s*(?P<what>ignore-file|ignore)\b(?:\[(?P<codes>[^\]]*)\])?")


@dataclass
class _Suppression:
    span: Span
    text: str
    whole_file: bool
    codes: tuple[str, ...]
    used: bool = False

    def covers(self, code: str, span: Span) -> bool:
        on_line = self.whole_file or span.line <= self.span.line <= span.end_line
        return on_line and (not self.codes or code.startswith(self.codes))


@dataclass
class Suppressions:
    """A file's suppression comments. Remembers which ones were of use."""

    found: list[_Suppression] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> Suppressions:
        if "rewriter:" not in text:
            return cls()
        found = []
        for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
            if token.type == tokenize.COMMENT and (match := _COMMENT.search(token.string)):
                codes = tuple(c.strip() for c in (match["codes"] or "").split(",") if c.strip())
                span = Span(*token.start, *token.end)
                found.append(_Suppression(span, match.group(), match["what"] == "ignore-file", codes))
        return cls(found)

    def covers(self, code: str, span: Span) -> bool:
        hits = [s for s in self.found if s.covers(code, span)]
        for suppression in hits:
            suppression.used = True
        return bool(hits)

    def unused(self, selected: Iterable[str]) -> list[tuple[Span, str]]:
        """Comments that silenced nothing, of those that speak of a code which this run looked for."""
        codes = list(selected)
        return [
            (s.span, s.text)
            for s in self.found
            if not s.used and (not s.codes or any(code.startswith(s.codes) for code in codes))
        ]
