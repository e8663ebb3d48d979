"""What other libraries have as one operation, made of modules that a quantizer knows."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from runtime.modules.operations import EltWiseAdd


class AddReLU(nn.Module):
    """`relu(input + other)`: a sum and its activation, which a quantizer makes one step of."""

    def __init__(self) -> None:
        super().__init__()
        self.add = EltWiseAdd()
        self.relu = nn.ReLU()

    def forward(self, input: Any, other: Any) -> Tensor:
        result: Tensor = self.relu(self.add(input, other))
        return result
