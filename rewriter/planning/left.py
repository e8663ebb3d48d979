"""What is said of sites that are left, whatever the rules would say of them."""

from __future__ import annotations

from collections.abc import Iterator

from rewriter.facts.making.construction import NoPlace
from rewriter.results import Refusal
from rewriter.rules.refusals import refuse
from rewriter.sites.site import (
    ChosenCall,
    ForeignOperation,
    FunctionCall,
    HandedFunction,
    MethodAgain,
    NewModuleCall,
    Operation,
    OperationOfAnyKind,
    OutsideCall,
    Site,
)


def all_refused(place: NoPlace, sites: list[Site]) -> Iterator[Refusal]:
    return (refuse(place.code, s, place.reason, place.advice) for s in sites if _is_said(s))


def _is_said(site: Site) -> bool:
    """Whether it matters that the site is left: it computes, or calls what does."""
    if isinstance(site, Operation):
        return site.tensor
    return isinstance(
        site,
        OperationOfAnyKind | ChosenCall | OutsideCall | NewModuleCall | FunctionCall | HandedFunction | MethodAgain,
    )


def of_other_quantizers(sites: list[Site]) -> Iterator[Refusal]:
    """Calls of other quantizers' modules, where these are not to become ours."""
    for site in sites:
        if isinstance(site, ForeignOperation):
            yield refuse("RW913", site, f"{site.written} is computed by a module of another quantizer")
