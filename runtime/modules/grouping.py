"""Joining tensors, and taking them apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from runtime.modules.base import Operation
from runtime.modules.scripting.signatures import Signature


class Join(Operation):
    """Takes its tensors one by one, `concat(a, b)`, or as one sequence, `concat([a, b])`."""

    def forward(self, *tensors: Any, **given: Any) -> Any:
        if len(tensors) == 1 and not isinstance(tensors[0], Tensor):
            return super().forward(*tensors, **given)
        return super().forward(tensors, **given) if tensors else super().forward(**given)

    def signatures(self) -> Iterable[Signature]:
        """TorchScript makes a list of the last arguments by itself, if only keywords can follow."""
        for signature in super().signatures():
            tensors, *others = signature.parameters
            yield replace(signature, parameters=(tensors, *(replace(p, keyword_only=True) for p in others)))


class Concat(Join):
    """`torch.cat`."""

    takes = ("dim",)
    function = torch.cat


class Stack(Join):
    """`torch.stack`."""

    takes = ("dim",)
    function = torch.stack


class HStack(Join):
    """`torch.hstack`."""

    function = torch.hstack


class VStack(Join):
    """`torch.vstack`."""

    function = torch.vstack


class DStack(Join):
    """`torch.dstack`."""

    function = torch.dstack


class Chunk(Operation):
    """`torch.chunk`."""

    takes = ("chunks", "dim")
    function = torch.chunk


class Split(Operation):
    """`torch.split`, whose method calls the size `split_size`."""

    takes = ("split_size_or_sections", "dim", "split_size")
    function = torch.split

    def forward(self, tensor: Tensor, *args: Any, **given: Any) -> Sequence[Tensor]:
        arguments = {**self.fixed, **given}
        if "split_size" in arguments:
            arguments["split_size_or_sections"] = arguments.pop("split_size")
        parts: Sequence[Tensor] = torch.split(tensor, *args, **arguments)
        return parts

    def signatures(self) -> Iterable[Signature]:
        """TorchScript knows one name for the size, Python two."""
        for signature in super().signatures():
            tensor, size, dim = signature.parameters
            for name in ("split_size_or_sections", "split_size"):
                yield replace(signature, parameters=(tensor, replace(size, name=name), dim))
