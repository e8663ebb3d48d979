"""`check --add-ignores`: a comment on each line that has something, so that a project starts with nothing to say."""

from __future__ import annotations

import io
import sys
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from rewriter.console import ERROR, OK, say_failures, warn
from rewriter.files import NOTEBOOK, FileError, write_atomically
from rewriter.python.source import Source
from rewriter.report.summary import is_unused_suppression, plural
from rewriter.results import Failure, FileResult, Span
from rewriter.suppress import COMMENT


def add_ignores(results: list[FileResult]) -> int:
    written, without = add(results)
    changed = sum(result.before != result.after for result in written)
    print(f"Comments were added to {plural(changed, 'file')}.", file=sys.stderr)
    for path, span in without:
        warn(f"{path}:{span.line}: no comment can stand here; per-file-ignores in [tool.rewriter] can silence it")
    say_failures(written)
    return ERROR if without or any(result.failure for result in written) else OK


def add(results: Iterable[FileResult]) -> tuple[list[FileResult], list[tuple[Path, Span]]]:
    """The results after comments were written, and the places where no comment can stand."""
    written: list[FileResult] = []
    without: list[tuple[Path, Span]] = []
    for result in results:
        items = [item for item in result.items if not is_unused_suppression(item)]
        if result.failure is not None or not items or result.path.suffix == NOTEBOOK:
            written.append(result)
            continue
        after, left = with_comments(result.before, [(item.code, item.span) for item in items])
        without += [(result.path, span) for span in left]
        try:
            write_atomically(result.path, result.before, after)
            written.append(replace(result, after=after))
        except FileError as error:
            written.append(replace(result, failure=Failure("unwritable", str(error))))
    return written, without


def with_comments(content: bytes, found: Iterable[tuple[str, Span]]) -> tuple[bytes, list[Span]]:
    """The source with comments, and the places that none can cover."""
    source = Source.parse(content)
    comments, ends = _comments_and_ends(source)
    codes: dict[int, list[str]] = {}
    left: list[Span] = []
    for code, span in found:
        line = next((n for n in range(span.end_line, span.line - 1, -1) if n in ends), None)
        if line is None:
            left.append(span)
        elif code not in codes.setdefault(line, []):
            codes[line].append(code)
    lines = list(source.lines)
    for number, wanted in codes.items():
        lines[number - 1] = _commented(lines[number - 1], comments.get(number), wanted)
    return source.encode("".join(lines)), left


def _comments_and_ends(source: Source) -> tuple[dict[int, tuple[int, str]], set[int]]:
    """Where comments begin, and the lines whose end is the end of a line to Python, and not the inside of a string."""
    comments: dict[int, tuple[int, str]] = {}
    ends: set[int] = set()
    text = "".join(line.rstrip("\r\n") + "\n" for line in source.lines)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments[token.start[0]] = (token.start[1], token.string)
        elif token.type in (tokenize.NEWLINE, tokenize.NL):
            ends.add(token.start[0])
    return comments, ends


def _commented(line: str, comment: tuple[int, str] | None, codes: Sequence[str]) -> str:
    """With the codes in the comment that is there already, or in a new one at the end."""
    content = line.rstrip("\r\n")
    end = line[len(content) :]
    if comment is not None and (own := COMMENT.search(comment[1])) and own["brackets"] and own["brackets"][-1] == "]":
        close = comment[0] + own.end("brackets") - 1
        before = own["brackets"][1:-1].strip()
        return f"{content[:close]}{', ' if before else ''}{', '.join(codes)}{content[close:]}{end}"
    return f"{content.rstrip()}  # rewriter: ignore[{', '.join(codes)}]{end}"
