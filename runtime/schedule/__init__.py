"""Compression during training: what is pruned, regularized and quantized, and in which epochs.

Each name is imported when it is asked for, so that a schedule without a file needs no YAML.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "CompressionScheduler": "scheduler",
    "DistillationLossWeights": "policies",
    "KnowledgeDistillationPolicy": "policies",
    "LRPolicy": "policies",
    "LossComponent": "policy",
    "Moment": "policy",
    "MultiStepMultiGammaLR": "policies",
    "PolicyLoss": "policy",
    "PruningPolicy": "policies",
    "QuantizationPolicy": "policies",
    "RegularizationPolicy": "policies",
    "ScheduledTrainingPolicy": "policy",
    "TrackingPolicy": "policies",
    "tensorboard": "policies",
    "AutomatedGradualPruner": "pruners",
    "CoupledFilterPruner": "pruners",
    "L1RankedStructureParameterPruner": "pruners",
    "L1RankedStructureParameterPruner_AGP": "pruners",
    "L2RankedStructureParameterPruner": "pruners",
    "L2RankedStructureParameterPruner_AGP": "pruners",
    "MagnitudeParameterPruner": "pruners",
    "Pruner": "pruners",
    "SensitivityPruner": "pruners",
    "SparsityLevelParameterPruner": "pruners",
    "ChannelRemover": "policies.extensions",
    "FilterRemover": "policies.extensions",
    "Recipe": "thinning",
    "thin": "thinning",
    "GroupLassoRegularizer": "regularizers",
    "L1Regularizer": "regularizers",
    "Regularizer": "regularizers",
    "ScheduleError": "config",
    "component_from_file": "config",
    "dict_config": "config",
    "file_config": "config",
    "load_checkpoint": "checkpoint",
    "save_checkpoint": "checkpoint",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
