"""What a library is asked whose modules take the place of ours."""

from __future__ import annotations

from typing import Protocol

from rewriter.changes.change import Change, Substitution
from rewriter.results import Refusal
from rewriter.rules.context import Context
from rewriter.sites.site import Site


class Target(Protocol):
    """A library whose modules take the place of ours."""

    def change(self, change: Change, context: Context) -> Change | Refusal | None:
        """The change as the library has it; None where it needs none."""

    def needs(self, site: Site) -> bool:
        """Whether a module has to stand for it."""

    def substitution(self, found: Substitution) -> Substitution | Refusal: ...
