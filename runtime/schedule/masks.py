"""Which elements of a model's parameters are pruned.

A mask belongs to a Parameter, not to a module: a quantizer may wrap the module or rename the Parameter, the mask stays
with it. The Parameter keeps its name and its identity, so checkpoints and optimizers do not notice that it is pruned.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from runtime.modules.plain_weights import without_pruning
from runtime.quantization.metadata import unwrapped

_PREFIX = "module."


class Mask:
    """The mask of one parameter: False where an element is pruned, None where nothing is."""

    def __init__(self, parameter: nn.Parameter) -> None:
        self.parameter = parameter
        self.mask: Tensor | None = None
        self.forward_only = False
        """Elements are zero while the model runs, and the optimizer may bring them back."""
        self.double_copies = False
        """The optimizer steps from the weights as they were before they were masked."""
        self.dense: Tensor | None = None
        self.temporary = False
        """The mask is forgotten as soon as it was applied."""

    def apply(self) -> None:
        """Puts zeros where the mask is False."""
        if self.mask is None:
            return
        with torch.no_grad():
            if self.double_copies:
                self.dense = self.parameter.detach().clone()
            self.parameter.masked_fill_(~self.mask, 0.0)
        if self.temporary:
            self.mask, self.temporary = None, False

    def restore_dense(self) -> None:
        """Puts back what was there before the mask was applied, if that was kept."""
        if self.dense is not None:
            with torch.no_grad():
                self.parameter.copy_(self.dense)
            self.dense = None

    @property
    def sparsity(self) -> float:
        return 0.0 if self.mask is None else 1.0 - self.mask.float().mean().item()


class Masks(Mapping[str, Mask]):
    """The masks of all parameters by name, with or without the `module.` of a DataParallel.

    What `torch.nn.utils.prune` has pruned before is taken over: its hooks go, its masks stay.
    """

    def __init__(self, model: nn.Module) -> None:
        adopted = _without_torch_pruning(model)
        self._masks = {name: Mask(parameter) for name, parameter in unwrapped(model).named_parameters()}
        for name, mask in adopted.items():
            self[name].mask = mask
            self[name].apply()

    def __getitem__(self, name: str) -> Mask:
        try:
            return self._masks[self.normalized(name)]
        except KeyError:
            near = difflib.get_close_matches(name, self._masks, n=3)
            hint = f"; near are {', '.join(near)}" if near else ""
            raise KeyError(f"the model has no parameter {name!r}{hint}") from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.normalized(name) in self._masks

    def __iter__(self) -> Iterator[str]:
        return iter(self._masks)

    def __len__(self) -> int:
        return len(self._masks)

    def normalized(self, name: str) -> str:
        return name if name in self._masks else name.removeprefix(_PREFIX)

    def weights(self) -> dict[str, nn.Parameter]:
        return {name: mask.parameter for name, mask in self.items()}

    def apply(self, forward: bool = True) -> None:
        """Zeroes what is pruned; after a step of the optimizer (`forward=False`) not what may come back."""
        for mask in self.values():
            if forward or not mask.forward_only:
                mask.apply()

    def state_dict(self) -> dict[str, Any]:
        return {
            name: {"mask": mask.mask, "forward_only": mask.forward_only, "double_copies": mask.double_copies}
            | {"dense": mask.dense}
            for name, mask in self.items()
            if mask.mask is not None
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        unknown = [name for name in state if name not in self]
        if unknown:
            raise ValueError(f"the checkpoint holds masks of {unknown}, which this model does not have")
        for name, mask in self.items():
            given = state.get(name)
            mask.mask = None if given is None else given["mask"].to(mask.parameter.device)
            mask.dense = None if given is None else given["dense"]
            mask.forward_only = given is not None and given["forward_only"]
            mask.double_copies = given is not None and given["double_copies"]


def _without_torch_pruning(model: nn.Module) -> dict[str, Tensor]:
    """Takes torch's pruning hooks out of the modules, and returns their masks by the parameter's name."""
    found = {}
    for module_name, module in unwrapped(model).named_modules():
        for attribute, mask in without_pruning(module).items():
            found[f"{module_name}.{attribute}".lstrip(".")] = mask.bool()
    return found
