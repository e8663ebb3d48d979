"""What a pruner is: a rule that says which elements of a weight stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from runtime.schedule.policy import Moment

Weights = Mapping[str, nn.Parameter]
"""All parameters of the model by name."""


class Pruner:
    """Subclasses return from `mask` which elements of one parameter stay, or None to leave its mask alone."""

    parameters_in: ClassVar[str] = ""
    """The constructor's argument that names parameters."""

    def __init__(self, name: str) -> None:
        self.name = name

    def mask(self, name: str, weights: Weights, moment: Moment) -> Tensor | None:
        raise NotImplementedError(f"{type(self).__name__} must say in mask() which elements of a weight stay")


def as_list(weights: list[str] | str) -> list[str]:
    """The names of a list, or of one written without brackets; none of them with the `module.` of a DataParallel."""
    names = [weights] if isinstance(weights, str) else list(weights)
    if not names:
        raise ValueError("weights must name at least one parameter")
    return [plain_name(name) for name in names]


def plain_name(name: str) -> str:
    return name.removeprefix("module.")


def by_name(given: Mapping[str, float]) -> dict[str, float]:
    return {plain_name(name): value for name, value in given.items()}


def is_fraction(value: float, what: str) -> float:
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{what} must be at least 0 and below 1, not {value}")
    return value


def above(weight: Tensor, threshold: float) -> Tensor:
    """True where the magnitude is above the threshold."""
    return weight.detach().abs() > threshold


def all_stay(weight: Tensor) -> Tensor:
    return torch.ones_like(weight, dtype=torch.bool)
