"""Who looks on while modules run."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.fx

# Older versions of torch have `is_fx_tracing` alone, which means more in newer ones. The flag behind them has other names.
_IN_FX: Callable[[], bool] = getattr(
    torch.fx._symbolic_trace, "is_fx_symbolic_tracing", torch.fx._symbolic_trace.is_fx_tracing
)


def is_watched() -> bool:
    """Whether somebody makes a graph of what runs: the modules that it may name are those that there are."""
    return torch.compiler.is_compiling() or bool(torch._C._is_tracing()) or is_traced_by_fx()


def is_traced_by_fx() -> bool:
    """Whether torch.fx runs stand-ins through a model: it looks up each module that runs among the model's own."""
    return not torch.compiler.is_compiling() and _IN_FX()
