"""What there is to say of a text in an editor, whatever the disk holds. Knows nothing of the protocol."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rewriter.engine import judge, rewrite
from rewriter.python.project import Project
from rewriter.results import FileResult, Finding, Span
from rewriter.selection import Selection
from rewriter.settings import Settings, load


@dataclass(frozen=True)
class Document:
    path: Path
    text: str
    settings: Settings

    @classmethod
    def of(cls, path: Path, text: str) -> Document:
        """With the settings of the project that the file lies in. Raises SettingsError."""
        return cls(path, text, load(None, False, [path.parent]))

    def judged(self) -> FileResult:
        """Nothing for a file that the settings leave out."""
        if self.settings.excludes_named(self.path):
            return FileResult(self.path)
        return judge(self.text.encode(), self.path, self.settings, self._project)

    def fixed(self, finding: Finding | None = None) -> list[tuple[Span, str]]:
        """The edits that apply one finding, safe or not, or all that `fix` would apply."""
        settings = self.settings
        if finding is not None:
            places = {self.path.resolve(): frozenset([(finding.code, finding.span)])}
            settings = replace(settings, selection=Selection(places), unsafe_fixes=True)
        result = rewrite(self.text.encode(), self.path, settings, self._project)
        return [(edit.span, edit.text) for edit in result.edits]

    @property
    def _project(self) -> Project:
        """Read anew: other files may have changed."""
        return Project.for_paths([self.path])
