"""Looking at models: what a quantizer would see of them, what flows through them, and what was made of them.

Each name is imported when it is asked for.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "AverageMeter": "meters",
    "Preparation": "prepared",
    "RawOperation": "prepared",
    "Report": "report",
    "Sensitivity": "sensitivity",
    "Table": "tables",
    "TensorStatistics": "statistics",
    "Variant": "report",
    "accuracy": "meters",
    "activation_statistics": "statistics",
    "check_prepared": "prepared",
    "evaluate": "meters",
    "graph_svg": "graph",
    "load_activation_statistics": "statistics",
    "repeated_calls": "repeats",
    "save_activation_statistics": "statistics",
    "sensitivity_to_pruning": "sensitivity",
    "summary": "summaries",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
