"""The regularizers of `distiller.regularization` that there are."""

from runtime.schedule.regularizers import GroupLassoRegularizer, L1Regularizer

__all__ = ["GroupLassoRegularizer", "L1Regularizer"]
