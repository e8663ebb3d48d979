"""A rewritten module in a file of its own: pickle stores functions and classes by where they are found."""

from torch import Tensor, nn

import runtime.modules


class MixOps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add = runtime.modules.EltWiseAdd()


def mix(x: Tensor, y: Tensor, *, ops: MixOps = runtime.modules.shared[MixOps]) -> Tensor:
    added: Tensor = ops.add(x, y)
    return added


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.mix = runtime.modules.Function(mix)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.mix(self.linear(x), x)
        return mixed
