"""One source file as text, tree and positions, and the way back to its bytes."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from rewriter.python.private_names import with_full_names
from rewriter.results import Failure, Span

# The line ends of Python's own tokenizer; str.splitlines knows more (form feed, U+2028).
LINE_BREAK = re.compile(r"\r\n|\r|\n")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


class SourceError(Exception):
    """The bytes are not Python source that can be handled; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True)
class Text:
    """What stands where in a file."""

    text: str

    @cached_property
    def lines(self) -> list[str]:
        """Each line with its own line end."""
        found = _LINE.findall(self.text)
        return found[:-1] if found and not found[-1] else found

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *accumulate(len(line) for line in self.lines)]

    def offset(self, line: int, column: int) -> int:
        """The index in `text` of an ast position, whose columns count UTF-8 bytes."""
        content = self.lines[line - 1] if line <= len(self.lines) else ""
        if not content.isascii():
            column = len(content.encode()[:column].decode())
        return self._starts[line - 1] + column

    def position(self, offset: int) -> tuple[int, int]:
        """Line from 1 and column from 0 in characters."""
        line = bisect_right(self._starts, offset, hi=len(self.lines) or 1)
        return line, offset - self._starts[line - 1]

    def line_end(self, line: int) -> int:
        """The index in `text` just behind the line end of `line`."""
        return self._starts[line]


@dataclass(frozen=True)
class Source(Text):
    """A parsed file. `text` has no byte order mark; `encode` puts it back."""

    tree: ast.Module
    encoding: str
    bom: bytes

    @classmethod
    def parse(cls, data: bytes) -> Source:
        """Raises SourceError for anything that Python itself, or an exact round trip, would not accept."""
        text, encoding, bom = decode(data)
        return cls(text, _parse(text), encoding, bom)

    def encode(self, text: str) -> bytes:
        return self.bom + text.encode(self.encoding)

    def start(self, node: ast.expr | ast.stmt | ast.arg) -> int:
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt | ast.arg) -> int:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.offset(node.end_lineno, node.end_col_offset)

    def segment(self, node: ast.expr | ast.stmt) -> str:
        return self.text[self.start(node) : self.end(node)]

    def span(self, node: ast.expr | ast.stmt) -> Span:
        return Span(*self.position(self.start(node)), *self.position(self.end(node)))

    @cached_property
    def comments(self) -> dict[int, bool]:
        """The lines with a comment, and whether nothing else stands there."""
        if "#" not in self.text:
            return {}
        tokens = tokenize.generate_tokens(io.StringIO(self.text, newline="").readline)
        found = (token for token in tokens if token.type == tokenize.COMMENT)
        return {token.start[0]: token.line[: token.start[1]].isspace() or not token.start[1] for token in found}

    @cached_property
    def newline(self) -> str:
        """The file's first line end, which inserted lines take up."""
        match = re.search(r"\r\n|\r|\n", self.text)
        return match.group() if match else "\n"


def decode(data: bytes) -> tuple[str, str, bytes]:
    """Text, encoding and byte order mark; raises SourceError where there is no such text."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        bom = b"\xef\xbb\xbf" if encoding == "utf-8-sig" else b""
        encoding = "utf-8" if bom else encoding
        text = data[len(bom) :].decode(encoding)
        exact = bom + text.encode(encoding) == data
    except (SyntaxError, UnicodeError, LookupError) as error:
        raise SourceError(Failure("encoding", f"cannot decode the file: {error}")) from error
    if not exact:
        raise SourceError(Failure("encoding", f"the file does not survive a round trip through {encoding}"))
    return text, encoding, bom


def _parse(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the author's business
            return with_full_names(ast.parse(text), text)
    except SyntaxError as error:
        line, column = error.lineno or 1, max((error.offset or 1) - 1, 0)
        raise SourceError(Failure("syntax", error.msg, Span(line, column, line, column))) from error
    except (RecursionError, MemoryError) as error:
        raise SourceError(Failure("too-deep", "the code is nested too deeply to parse")) from error
    except ValueError as error:  # null bytes
        raise SourceError(Failure("syntax", str(error))) from error
