"""Models written for other quantizers: what computes there in methods or modules, made of modules that ours sees."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.ao.nn.quantized import FloatFunctional
from torch.ao.quantization import DeQuantStub, QuantStub

from runtime.modules import AddReLU, Concat, EltWiseAdd, EltWiseMult, Matmul
from runtime.modules.elsewhere import made_ours

Site = tuple[str, int, int]
"""File, line of the function, and place in its code: where a method is called."""


class FunctionalModules(nn.Module):
    """Stands for a FloatFunctional, with its methods; each place that calls one has a module of its own.

    The modules are made when the places are first come to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[tuple[str, Site], str] = {}

    def add(self, x: Tensor, y: Any) -> Any:
        return self._at("add", EltWiseAdd)(x, y)

    def add_scalar(self, x: Tensor, y: float) -> Any:
        return self._at("add", EltWiseAdd)(x, y)

    def mul(self, x: Tensor, y: Any) -> Any:
        return self._at("mul", EltWiseMult)(x, y)

    def mul_scalar(self, x: Tensor, y: float) -> Any:
        return self._at("mul", EltWiseMult)(x, y)

    def cat(self, x: Sequence[Tensor], dim: int = 0) -> Any:
        return self._at("cat", Concat)(*x, dim=dim)

    def add_relu(self, x: Tensor, y: Tensor) -> Any:
        return self._at("add_relu", AddReLU)(x, y)

    def matmul(self, x: Tensor, y: Tensor) -> Any:
        return self._at("matmul", Matmul)(x, y)

    def _at(self, kind: str, make: Callable[[], nn.Module]) -> nn.Module:
        """The module for the place from which the method was called."""
        frame = sys._getframe(2)
        site = (frame.f_code.co_filename, frame.f_code.co_firstlineno, frame.f_lasti)
        name = self.names.get((kind, site))
        if name is None:
            number = sum(known == kind for known, _ in self.names) + 1
            name = self.names[kind, site] = f"op_{kind}" if number == 1 else f"op_{kind}{number}"
            self.add_module(name, make().train(self.training))
        return self.get_submodule(name)


def from_torch_ao(model: nn.Module) -> nn.Module:
    """`model`, in which each FloatFunctional, each stub and each operation of another quantizer has been replaced.

    None of them has parameters or buffers.
    """
    made: dict[nn.Module, nn.Module] = {}
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):
            if child is not None and (make := _make(child)) is not None:
                setattr(parent, name, made.setdefault(child, make().train(child.training)))
    return model


def uses_torch_ao(model: nn.Module) -> bool:
    return any(_make(module) is not None for module in model.modules())


def _make(module: nn.Module) -> Callable[[], nn.Module] | None:
    """What stands for a module of torch.ao that computes in no forward, or only marks a place, or for one of others."""
    if type(module) is FloatFunctional:
        return FunctionalModules
    return nn.Identity if type(module) in (QuantStub, DeQuantStub) else made_ours(module)
