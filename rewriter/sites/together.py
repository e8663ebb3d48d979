"""Sites taken together: what several runs say of each, and which kinds compute by themselves."""

from __future__ import annotations

from collections.abc import Iterable

from rewriter.python.code import Function
from rewriter.sites.site import (
    FileLevelModuleCall,
    NewModuleCall,
    Operation,
    OperationOfAnyKind,
    OutsideCall,
    Site,
    SiteNode,
    UnknownCall,
)

COMPUTING = Operation | OperationOfAnyKind | FileLevelModuleCall | NewModuleCall | OutsideCall | UnknownCall
"""What computes by itself, or may; the other kinds come to something of the project that may have operations."""


def merged(function: Function, met: Iterable[Iterable[Site]]) -> list[Site]:
    """What several runs together say of the sites in a function."""
    found: dict[SiteNode, Site] = {}
    for sites in met:
        for site in sites:
            if site.function is function:
                known = found.get(site.node)
                found[site.node] = site if known is None else known.merged(site)
    return list(found.values())
