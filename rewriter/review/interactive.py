"""`fix --interactive`: one finding after the other, each with the lines that it alone would change."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from pathlib import Path

from rewriter.engine import rewrite
from rewriter.explain import of_code
from rewriter.files import FileError, read
from rewriter.python.project import Project
from rewriter.report.text import Style, message, shown_path
from rewriter.results import FileResult, Finding
from rewriter.selection import Place, Selection
from rewriter.settings import Settings

_KEYS = "y: apply, n: leave, a: apply this and all that follow, q: leave this and all that follow, e: explain the rule"


def ask(files: Sequence[Path], roots: Sequence[Path], settings: Settings, color: bool) -> Selection:
    """The findings that the person at the terminal wants. Talk goes to stderr; the end of stdin means `q`."""
    project = Project.for_paths(tuple(roots))
    return _Asking(project, settings, Style(color)).run(files)


@dataclass
class _Asking:
    project: Project
    settings: Settings
    style: Style
    taken: dict[Path, set[Place]] = field(default_factory=dict)
    all_that_follow: bool | None = None
    """What was answered once for all."""

    def run(self, files: Sequence[Path]) -> Selection:
        for result in self._results(files):
            places = self.taken.setdefault(result.path.resolve(), set())
            after = self._text(result)
            for number, finding in enumerate(found := self._offered(result), 1):
                place = (finding.code, finding.span)
                places.add(place)
                if self.all_that_follow is None:
                    with_it = self._text(result)
                    if self._wants(result, finding, f"{number}/{len(found)}", after, with_it):
                        after = with_it
                        continue
                    places.discard(place)
                elif not self.all_that_follow:
                    places.discard(place)
        return self._selection()

    def _results(self, files: Sequence[Path]) -> Iterator[FileResult]:
        for file in files:
            try:
                content = read(file)
            except FileError:
                continue  # the run that follows says so
            yield rewrite(content, file, self.settings, self.project)

    def _offered(self, result: FileResult) -> list[Finding]:
        needed = {index for edit in result.edits for index in edit.findings}
        return [finding for index, finding in enumerate(result.findings) if index in needed]

    def _selection(self) -> Selection:
        return Selection({path: frozenset(places) for path, places in self.taken.items() if places})

    def _text(self, result: FileResult) -> list[str]:
        """The file with everything that was taken so far."""
        settings = replace(self.settings, selection=self._selection(), unsafe_fixes=True)
        after = rewrite(result.before, result.path, settings, self.project).after
        return after.decode("utf-8", "replace").splitlines(keepends=True)

    def _wants(self, result: FileResult, finding: Finding, count: str, before: list[str], after: list[str]) -> bool:
        span, style = finding.span, self.style
        where = style.bold(f"{shown_path(result.path)}:{span.line}:{span.column + 1}")
        self._say(f"\n{where} {style.code(finding.code)} {message(finding, unsafe_fixes=True)}")
        if before == after:
            self._say("Nothing changes yet: this needs a finding that comes later, or that was left.")
        for line in list(unified_diff(before, after, n=2))[2:]:
            color = {"+": "32", "-": "31", "@": "2"}.get(line[0])
            self._say(style.paint(line.rstrip("\r\n"), color) if color else line.rstrip("\r\n"))
        while True:
            answer = self._answer(f"[{count}] apply? [y,n,a,q,e,?] ")
            if answer in ("a", "q"):
                self.all_that_follow = answer == "a"
            if answer in ("y", "n", "a", "q"):
                return answer in ("y", "a")
            self._say(of_code(finding.code) if answer == "e" else _KEYS)

    def _answer(self, question: str) -> str:
        print(self.style.bold(question), end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        return line.strip().lower()[:1] if line else "q"

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr)
