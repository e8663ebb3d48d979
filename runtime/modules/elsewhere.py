"""Modules of other quantizers that compute one operation: ours in their place, by what the catalogue says of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

import runtime.modules
from rewriter.torch_api.catalogue import foreign_class
from rewriter.torch_api.elsewhere import at_home
from rewriter.torch_api.row import parse_signature

_OTHER_NAMES = {"dim": "axis"}
"""What else a library calls a setting."""


def made_ours(module: nn.Module) -> Callable[[], nn.Module] | None:
    """What makes ours with the same settings; None for what has a state, or is known to no row of the catalogue."""
    kind = type(module)
    known = foreign_class(at_home(f"{kind.__module__}.{kind.__qualname__}"))
    if known is None or next(module.parameters(), None) is not None or next(module.buffers(), None) is not None:
        return None
    row, foreign = known
    settings: dict[str, Any] = {}
    for parameter in parse_signature(foreign.constructor):
        names = (parameter.name, _OTHER_NAMES.get(parameter.name, parameter.name))
        found = [vars(module)[n] for name in names for n in (name, f"_{name}") if n in vars(module)]
        if not found:
            return None
        settings[parameter.name] = found[0]
    return partial(getattr(runtime.modules, row.target.rpartition(".")[2]), **settings)
