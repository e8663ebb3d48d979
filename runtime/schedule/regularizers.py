"""Terms of the loss that draw weights towards zero, one by one or whole structures at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from runtime.schedule.groups import DIMENSIONS, check_group, group_means, group_norms
from runtime.schedule.pruners.base import Weights, above, plain_name

__all__ = ["GroupLassoRegularizer", "L1Regularizer", "Regularizer"]

Criterion = Literal["Max", "Mean_Abs"]


class Regularizer:
    """Subclasses say what one weight adds to the loss, and which of its elements are as good as zero."""

    parameters_in: ClassVar[str] = "reg_regims"

    def __init__(self, name: str, threshold_criteria: str | None) -> None:
        self.name = name
        self.threshold_criteria = threshold_criteria

    @property
    def parameters(self) -> list[str]:
        raise NotImplementedError(f"{type(self).__name__} must name its parameters")

    def penalty(self, name: str, weight: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must say in penalty() what a weight adds to the loss")

    def mask(self, name: str, weight: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must say in mask() which elements stay")

    def loss(self, weights: Weights) -> Tensor:
        terms = [self.penalty(name, weights[name]) for name in self.parameters]
        return torch.stack(terms).sum()


class L1Regularizer(Regularizer):
    """Strength times the sum of magnitudes; `reg_regims` is {parameter: strength}.

    With `threshold_criteria` elements that are not above the strength are zero after each minibatch.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        reg_regims: Mapping[str, float],
        threshold_criteria: Criterion | None = None,
    ) -> None:
        super().__init__(name, threshold_criteria)
        self.strengths = {plain_name(parameter): strength for parameter, strength in reg_regims.items()}
        check_names(model, self.strengths)

    @property
    def parameters(self) -> list[str]:
        return list(self.strengths)

    def penalty(self, name: str, weight: Tensor) -> Tensor:
        return weight.abs().sum() * self.strengths[name]

    def mask(self, name: str, weight: Tensor) -> Tensor:
        return above(weight, self.strengths[name])


class GroupLassoRegularizer(Regularizer):
    """Strength times the sum of the structures' 2-norms; `reg_regims` is {parameter: [strength, group type]}.

    Group types are those of `runtime.schedule.groups`, and several joined with "+". With `threshold_criteria`
    structures whose largest ("Max") or mean ("Mean_Abs") magnitude is not above the strength are zero after each
    minibatch.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        reg_regims: Mapping[str, list[float | str]],
        threshold_criteria: Criterion | None = None,
    ) -> None:
        super().__init__(name, threshold_criteria)
        if threshold_criteria not in (None, "Max", "Mean_Abs"):
            raise ValueError(f"threshold_criteria must be 'Max', 'Mean_Abs' or nothing, not {threshold_criteria!r}")
        self.regimes = {plain_name(p): _strength_and_groups(p, regime) for p, regime in reg_regims.items()}
        check_names(model, self.regimes)

    @property
    def parameters(self) -> list[str]:
        return list(self.regimes)

    def penalty(self, name: str, weight: Tensor) -> Tensor:
        strength, groups = self.regimes[name]
        norms = [_norms_with_gradient(weight, group).sum() for group in groups]
        return torch.stack(norms).sum() * strength

    def mask(self, name: str, weight: Tensor) -> Tensor:
        strength, groups = self.regimes[name]
        stays = torch.ones_like(weight, dtype=torch.bool)
        for group in groups:
            if self.threshold_criteria == "Max":
                largest = group_norms(weight.detach(), group, torch.inf)
            else:
                largest = group_means(weight.detach(), group)
            stays &= largest > strength
        return stays


def check_names(model: nn.Module, named: Iterable[str]) -> None:
    known = {plain_name(name) for name, _ in model.named_parameters(remove_duplicate=False)}
    unknown = sorted(set(named) - known)
    if unknown:
        raise ValueError(f"the model has no parameters {', '.join(unknown)}")


def _norms_with_gradient(weight: Tensor, group: str) -> Tensor:
    """The 2-norms; a structure of zeros has the gradient zero."""
    check_group(weight, group)
    spanned = [d for d in range(weight.dim()) if d not in DIMENSIONS[group]]
    squares = weight.square().sum(dim=spanned)
    zero = squares == 0
    return torch.where(zero, torch.zeros_like(squares), torch.where(zero, torch.ones_like(squares), squares).sqrt())


def _strength_and_groups(parameter: str, regime: list[float | str]) -> tuple[float, list[str]]:
    if isinstance(regime, (str, float, int)) or len(regime) != 2:
        raise ValueError(f"reg_regims[{parameter!r}] must be [strength, group type], not {regime!r}")
    strength, groups = float(regime[0]), str(regime[1]).split("+")
    for group in groups:
        if group not in DIMENSIONS:
            raise ValueError(
                f"reg_regims[{parameter!r}]: group type must be one of {', '.join(DIMENSIONS)}, not {group!r}"
            )
    return strength, groups
