"""Sums of products that an equation describes, as products of matrices, for which there are integer kernels."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from torch import Tensor, nn

import runtime.modules as wrappers


@dataclass(frozen=True)
class Contraction:
    """Of two tensors. Names of dimensions, each in the order of its tensor."""

    first: str
    second: str
    result: str

    @property
    def batch(self) -> str:
        """In all three."""
        return "".join(name for name in self.first if name in self.second and name in self.result)

    @property
    def summed(self) -> str:
        """In both tensors alone."""
        return "".join(name for name in self.first if name in self.second and name not in self.result)

    def terms(self, a: Tensor) -> int:
        """How many products each sum has."""
        return prod(a.shape[self.first.index(name)] for name in self.summed)

    def matrices(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, rows, terms) and (batch, terms, columns), each of the batch's dimensions by itself."""
        left = _in_order(a, self.first, self.batch, self._of_one(self.first), self.summed)
        right = _in_order(b, self.second, self.batch, self.summed, self._of_one(self.second))
        return left, right

    def unfolded(self, product: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """The result, from the product of the matrices."""
        sizes = dict(zip(self.first, a.shape, strict=True)) | dict(zip(self.second, b.shape, strict=True))
        names = self.batch + self._of_one(self.first) + self._of_one(self.second)
        return product.reshape([sizes[name] for name in names]).permute([names.index(name) for name in self.result])

    def _of_one(self, names: str) -> str:
        return "".join(name for name in names if name in self.result and name not in self.batch)


def contraction_of(module: nn.Module) -> Contraction | None:
    """What a module computes whose equation says that it is such a sum, of two tensors."""
    equation = module.fixed.get("equation") if isinstance(module, wrappers.Einsum) else None
    if not isinstance(equation, str):
        return None
    operands, arrow, result = equation.replace(" ", "").partition("->")
    sides = [*operands.split(","), result]
    plain = bool(arrow) and len(sides) == 3 and all(side.isalpha() and len(set(side)) == len(side) for side in sides)
    if not plain:
        return None
    first, second, result = sides
    alone = (set(first) ^ set(second)) - set(result)
    return None if alone or set(result) - set(first + second) else Contraction(first, second, result)


def _in_order(x: Tensor, names: str, batch: str, rows: str, columns: str) -> Tensor:
    sizes = dict(zip(names, x.shape, strict=True))
    moved = x.permute([names.index(name) for name in batch + rows + columns])
    flat = (prod(sizes[name] for name in part) for part in (rows, columns))
    return moved.reshape([*(sizes[name] for name in batch), *flat])
