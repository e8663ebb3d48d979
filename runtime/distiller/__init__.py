"""Distiller's names: code that was written for it ports by `import runtime.distiller as distiller`.

What stands behind a name is this package's own. Arguments that cannot be honoured are errors that say why.
"""

from importlib import import_module
from typing import Any

_SUBMODULES = ("modules", "pruning", "quantization", "regularization")
_HOMES = {
    "CompressionScheduler": "runtime.schedule",
    "DistillationLossWeights": "runtime.schedule",
    "KnowledgeDistillationPolicy": "runtime.schedule",
    "LRPolicy": "runtime.schedule",
    "LossComponent": "runtime.schedule",
    "PolicyLoss": "runtime.schedule",
    "PruningPolicy": "runtime.schedule",
    "QuantizationPolicy": "runtime.schedule",
    "RegularizationPolicy": "runtime.schedule",
    "ScheduledTrainingPolicy": "runtime.schedule",
    "dict_config": "runtime.schedule",
    "file_config": "runtime.schedule",
}
_RENAMED = {"config_component_from_file_by_class": ("runtime.schedule", "component_from_file")}

__all__ = [*_HOMES, *_RENAMED, *_SUBMODULES]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _RENAMED:
        home, renamed = _RENAMED[name]
        return getattr(import_module(home), renamed)
    raise AttributeError(f"{__name__} has no {name!r}; there are {', '.join(__all__)}")
