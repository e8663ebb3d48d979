"""Which comments silence what, and which silence nothing."""

from __future__ import annotations

import tokenize

import pytest

from rewriter.results import Span
from rewriter.suppress import Suppressions

CODES = ("RW101", "RW106", "RW201")


def site(line: int, end_line: int | None = None) -> Span:
    return Span(line, 8, end_line or line, 20)


@pytest.mark.parametrize(
    ("comment", "silenced"),
    [
        ("# rewriter: ignore", {"RW101", "RW106", "RW201"}),
        ("# type: ignore  # rewriter: ignore[RW201]", {"RW201"}),
        ("#rewriter:ignore  because it is fast", {"RW101", "RW106", "RW201"}),
        ("# rewriter: ignore[RW101]", {"RW101"}),
        ("# rewriter: ignore [RW1]", {"RW101", "RW106"}),
        ("# rewriter: ignore[RW106, RW2]", {"RW106", "RW201"}),
        ("# rewriter: ignored", set()),
        ("# rewriter: ignore-files", set()),
        ("# rewriter: ignore[]", set()),
        ("# rewriter: ignore[RW101", set()),
        ("# rewriter: ignore[relu]", set()),
    ],
)
def test_what_a_comment_speaks_of(comment: str, silenced: set[str]) -> None:
    found = Suppressions.parse(f"x = 1\ny = x + 1  {comment}\n")
    assert {code for code in CODES if found.covers(code, site(2))} == silenced
    assert not any(found.covers(code, site(1)) for code in CODES)


def test_every_line_of_the_site_counts() -> None:
    found = Suppressions.parse("y = f(\n    x,  # rewriter: ignore\n    z,\n)\n")
    assert found.covers("RW101", site(1, 4))
    assert not found.covers("RW101", site(3, 4))


def test_a_whole_file() -> None:
    found = Suppressions.parse("x = 1\n# rewriter: ignore-file[RW1]\n")
    assert found.covers("RW101", site(90)) and not found.covers("RW201", site(90))


def test_strings_are_no_comments() -> None:
    found = Suppressions.parse('y = x + "# rewriter: ignore"\n"""\n# rewriter: ignore-file\n"""\n')
    assert found.found == []


def test_a_text_that_never_mentions_it_is_not_tokenized(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("tokenized")

    monkeypatch.setattr(tokenize, "generate_tokens", fail)
    assert Suppressions.parse("y = x + 1  # a comment\n").found == []


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_line_end(newline: str) -> None:
    found = Suppressions.parse(f"x = 1{newline}y = x + 1  # rewriter: ignore[RW101]{newline}")
    assert found.covers("RW101", site(2))


def test_unused_comments_are_named_with_their_place() -> None:
    text = "a = b + 1  # rewriter: ignore[RW101]\nc = 1  # rewriter: ignore[RW106]\nd = 1  # rewriter: ignore[bad]\n"
    found = Suppressions.parse(text)
    assert found.covers("RW101", site(1))
    assert found.unused(CODES) == [
        (Span(2, 7, 2, 32), "# rewriter: ignore[RW106]"),
        (Span(3, 7, 3, 30), "# rewriter: ignore[bad]"),
    ]


def test_codes_that_were_not_looked_for_are_not_called_unused() -> None:
    found = Suppressions.parse("c = 1  # rewriter: ignore[RW106]\nd = 1  # rewriter: ignore\n")
    assert [text for _, text in found.unused(["RW101"])] == ["# rewriter: ignore"]
    assert found.unused([]) == []


def test_a_comment_that_keeps_a_whole_file_has_its_use_without_a_finding() -> None:
    assert not Suppressions.parse("# rewriter: ignore-file\n").unused(["RW101"])
    assert Suppressions.parse("# rewriter: ignore-file[RW101]\n").unused(["RW101"])
