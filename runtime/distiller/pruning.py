"""The pruners of `distiller.pruning` that there are."""

from runtime.schedule.pruners import (
    AutomatedGradualPruner,
    L1RankedStructureParameterPruner,
    L1RankedStructureParameterPruner_AGP,
    L2RankedStructureParameterPruner,
    L2RankedStructureParameterPruner_AGP,
    MagnitudeParameterPruner,
    SensitivityPruner,
    SparsityLevelParameterPruner,
)

__all__ = [
    "AutomatedGradualPruner",
    "L1RankedStructureParameterPruner",
    "L1RankedStructureParameterPruner_AGP",
    "L2RankedStructureParameterPruner",
    "L2RankedStructureParameterPruner_AGP",
    "MagnitudeParameterPruner",
    "SensitivityPruner",
    "SparsityLevelParameterPruner",
]
