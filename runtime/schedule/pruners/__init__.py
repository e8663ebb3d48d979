"""Rules that say which elements of a weight are pruned."""

from runtime.schedule.pruners.base import Pruner
from runtime.schedule.pruners.coupled import CoupledFilterPruner
from runtime.schedule.pruners.elements import (
    MagnitudeParameterPruner,
    SensitivityPruner,
    SparsityLevelParameterPruner,
)
from runtime.schedule.pruners.gradual import (
    AutomatedGradualPruner,
    L1RankedStructureParameterPruner_AGP,
    L2RankedStructureParameterPruner_AGP,
)
from runtime.schedule.pruners.structures import L1RankedStructureParameterPruner, L2RankedStructureParameterPruner

__all__ = [
    "AutomatedGradualPruner",
    "CoupledFilterPruner",
    "L1RankedStructureParameterPruner",
    "L1RankedStructureParameterPruner_AGP",
    "L2RankedStructureParameterPruner",
    "L2RankedStructureParameterPruner_AGP",
    "MagnitudeParameterPruner",
    "Pruner",
    "SensitivityPruner",
    "SparsityLevelParameterPruner",
]
