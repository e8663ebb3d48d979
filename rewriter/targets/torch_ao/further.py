"""One thing more that is done to a text that has been rewritten, and how its file is read and spelled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.emit.naming import Importer
from rewriter.emit.splice import Splice
from rewriter.emit.style import Style
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.names_in_use import TakenNames, taken_names
from rewriter.python.code import Class, File
from rewriter.results import Finding, Refusal
from rewriter.settings import Settings
from rewriter.wanted import silenced


@dataclass(frozen=True)
class Further:
    """A finding with the stretches that it changes, all in the text that it was found in."""

    finding: Finding
    splices: tuple[Splice, ...]


Found = Further | Refusal


@dataclass(eq=False)
class Rewritten:
    """A file after the rewriting."""

    file: File
    path: Path
    settings: Settings
    style: Style
    knowledge: Knowledge
    importer: Importer

    def is_entry(self, cls: Class) -> bool:
        return cls.node.name in self.settings.entry

    def taken(self, cls: Class) -> TakenNames:
        return taken_names(self.knowledge.hierarchy, cls)

    def wants(self, item: Finding | Refusal) -> bool:
        selected = self.settings.selects(item.code, self.path)
        return selected and not silenced(self.settings, self.file, item.code, item.span)
