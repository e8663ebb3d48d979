"""What a schedule can do in an epoch."""

from runtime.schedule.policies.distillation import DistillationLossWeights, KnowledgeDistillationPolicy
from runtime.schedule.policies.learning_rate import LRPolicy, MultiStepMultiGammaLR
from runtime.schedule.policies.pruning import PruningPolicy
from runtime.schedule.policies.quantization import QuantizationPolicy
from runtime.schedule.policies.regularization import RegularizationPolicy
from runtime.schedule.policies.tracking import TrackingPolicy, tensorboard

__all__ = [
    "DistillationLossWeights",
    "KnowledgeDistillationPolicy",
    "LRPolicy",
    "MultiStepMultiGammaLR",
    "PruningPolicy",
    "QuantizationPolicy",
    "RegularizationPolicy",
    "TrackingPolicy",
    "tensorboard",
]
