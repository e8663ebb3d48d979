"""`# rewriter: ignore[RW101]` on a line, `# rewriter: ignore-file` for a whole file."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rewriter.results import Span

COMMENT = re.compile(r"#\s*rewriter:\s*(?P<what>ignore-file|ignore)(?![\w-])\s*(?P<brackets>\[[^\]]*\]?)?")
_CODE = re.compile(r"RW\d*")


@dataclass
class _Suppression:
    span: Span
    text: str
    whole_file: bool
    codes: tuple[str, ...] | None
    """Codes or prefixes; None means all. Empty where the brackets hold nothing that could be a code."""
    used: bool = False

    def covers(self, code: str, span: Span) -> bool:
        on_line = self.whole_file or span.line <= self.span.line <= span.end_line
        return on_line and self.speaks_of(code)

    def speaks_of(self, code: str) -> bool:
        return self.codes is None or code.startswith(self.codes)


@dataclass
class Suppressions:
    """A file's suppression comments. Remembers which ones were of use."""

    found: list[_Suppression] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> Suppressions:
        if "rewriter:" not in text:
            return cls()
        return cls([_suppression(token, match) for token in _comments(text) if (match := COMMENT.search(token.string))])

    def covers(self, code: str, span: Span) -> bool:
        hits = [s for s in self.found if s.covers(code, span)]
        for suppression in hits:
            suppression.used = True
        return bool(hits)

    def unused(self, selected: Iterable[str]) -> list[tuple[Span, str]]:
        """Comments that silenced nothing, of those that speak of a code which this run looked for, or of no code.

        One that keeps a whole file as it is, whatever there may be to find, has its use without a finding.
        """
        codes = list(selected)
        return [
            (s.span, s.text)
            for s in self.found
            if not s.used
            and not (s.whole_file and s.codes is None)
            and (s.codes == () or any(s.speaks_of(code) for code in codes))
        ]

    def named(self) -> Iterator[tuple[Span, str, str]]:
        """Every code or prefix that a comment names, with the comment."""
        yield from ((s.span, s.text, code) for s in self.found for code in s.codes or ())


def _comments(text: str) -> Iterator[tokenize.TokenInfo]:
    # tokenize takes no lone \r for a line end, as the parser does. The columns of comments stay.
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        yield from (t for t in tokenize.generate_tokens(io.StringIO(lines).readline) if t.type == tokenize.COMMENT)
    except (tokenize.TokenError, SyntaxError):
        return  # the parser took what tokenize does not: the comments up to here are all that can be told from strings


def _suppression(token: tokenize.TokenInfo, match: re.Match[str]) -> _Suppression:
    span = Span(*token.start, *token.end)
    return _Suppression(span, match.group().strip(), match["what"] == "ignore-file", _codes(match["brackets"]))


def _codes(brackets: str | None) -> tuple[str, ...] | None:
    """A list that is not closed, or that holds something else than codes, must not silence more than was meant."""
    if brackets is None:
        return None
    codes = [code.strip() for code in brackets.strip("[]").split(",") if code.strip()]
    if not brackets.endswith("]") or not all(_CODE.fullmatch(code) for code in codes):
        return ()
    return tuple(codes)
