"""Modules that code would take for others by what they have: `if hasattr(m, "stride"): ...` in a walk."""

from __future__ import annotations

from dataclasses import replace

from rewriter.changes.change import Change
from rewriter.changes.made import Made, Make, MakeAgain, MakeEarlier, MakeElsewhere, Tie, TieMembers, Wrap, WrapMethod
from rewriter.facts.instances.storing_nothing import made_class
from rewriter.facts.walks.one_more.new_ones import HAD_BY_WRAPPERS
from rewriter.results import Refusal
from rewriter.rules.context import Context
from rewriter.rules.refusals import refuse
from rewriter.sites.site import Site
from rewriter.torch_api import catalogue


def kept_away(change: Change, context: Context) -> Change | Refusal:
    """The change, where its module has nothing that code around the class asks modules for; or why it stays."""
    asked, make = context.asked_attributes, change.make
    if not asked:
        return change
    if isinstance(make, Tie) and not isinstance(make, TieMembers):
        return replace(change, make=replace(make, hidden=True))
    had = _had(make, change.site, context)
    name = min(asked if had is None else asked & had, default=None)
    if name is None:
        return change
    why = f"code asks modules for `{name}`, and would take the new one for another"
    return refuse("RW904", change.site, f"{change.what} is left: {why}")


def _had(make: Made, site: Site, context: Context) -> frozenset[str] | None:
    """What the module, and those inside of it, may have beside what each module has; None where that is not known."""
    if isinstance(make, MakeAgain | MakeEarlier):
        cls = made_class(context.knowledge, make.expression, site.function.global_name)
        row = catalogue.by_target(cls) if isinstance(cls, str) else None
        return None if row is None else row.arguments
    if isinstance(make, Make) and not isinstance(make, MakeElsewhere):
        return HAD_BY_WRAPPERS if make.target.startswith("runtime.") else make.row.arguments
    return HAD_BY_WRAPPERS if isinstance(make, Wrap | WrapMethod) else None
