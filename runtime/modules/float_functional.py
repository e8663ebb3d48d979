"""torch.ao's FloatFunctional, made of modules: each of its methods runs a module of its own, which a quantizer sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.ao.nn.quantized import FloatFunctional

from runtime.modules import Concat, EltWiseAdd, EltWiseMult, Matmul


class FunctionalModules(nn.Module):
    """Stands for a FloatFunctional, with its methods. A quantizer takes each of them to be called once in a forward."""

    def __init__(self) -> None:
        super().__init__()
        self.sum = EltWiseAdd()
        self.product = EltWiseMult()
        self.concat = Concat()
        self.rectified_sum = EltWiseAdd()
        self.relu = nn.ReLU()
        self.matrix_product = Matmul()

    def add(self, x: Tensor, y: Any) -> Any:
        return self.sum(x, y)

    add_scalar = add

    def mul(self, x: Tensor, y: Any) -> Any:
        return self.product(x, y)

    mul_scalar = mul

    def cat(self, x: Sequence[Tensor], dim: int = 0) -> Any:

        return self.concat(*x, dim=dim)

    def add_relu(self, x: Tensor, y: Tensor) -> Any:
        return self.relu(self.rectified_sum(x, y))

    def matmul(self, x: Tensor, y: Tensor) -> Any:
        return self.matrix_product(x, y)


def convert_float_functionals(model: nn.Module) -> nn.Module:
    """Every FloatFunctional in `model` is replaced, in place; none has parameters or buffers. Returns `model`."""
    made: dict[nn.Module, nn.Module] = {}
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):
            if type(child) is FloatFunctional:
                setattr(parent, name, made.setdefault(child, FunctionalModules().train(child.training)))
    return model
