"""Sums of products by an equation: matrices of integers where they are such, floating point where not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime import int8
from runtime.quantization.contraction import contraction_of
from tests.runtime.int8.small import differences, quantized

SIZES = {"b": 3, "h": 2, "i": 4, "j": 5, "c": 6, "k": 7}
EQUATIONS = (
    *("bhic,bhjc->bhij", "bhij,bhjc->bhic", "bic,hjc->bihj", "bihc,hjc->bhij", "ic,cj->ji", "bic,bjc->ijb"),
    *("bi,bj->bij", "bcih,hck->bkhi", " b h i c , b h j c -> b h i j ", "bi,bi->bi", "bic,c->bi"),
)


@pytest.mark.parametrize("equation", EQUATIONS)
def test_a_product_of_matrices_is_what_the_equation_says(equation: str) -> None:
    found = contraction_of(wrappers.Einsum(equation))
    assert found is not None
    a, b = (torch.randint(-9, 9, [SIZES[name] for name in side]).double() for side in (found.first, found.second))
    product = torch.matmul(*found.matrices(a, b))
    assert torch.equal(found.unfolded(product, a, b), torch.einsum(equation, a, b))
    assert found.terms(a) == torch.einsum(equation, torch.ones_like(a), torch.ones_like(b)).max()


@pytest.mark.parametrize("equation", ["bii,bi->bi", "bic,bj->bij", "...i,ij->...j", "bi,bj", "bi->b", "bi,bj,bk->ijk"])
def test_other_equations_are_none(equation: str) -> None:
    assert contraction_of(wrappers.Einsum(equation)) is None


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
        self.scores, self.softmax = wrappers.Einsum("b i h c, b j h c -> b h i j"), nn.Softmax(-1)
        self.mix, self.out = wrappers.Einsum("bhij,bjhc->bihc"), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (layer(x).unflatten(-1, (2, 4)) for layer in (self.query, self.key, self.value))
        out: Tensor = self.out(self.mix(self.softmax(self.scores(q, k)), v).flatten(2))
        return out


def test_attention_by_equations_is_in_integers() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 8)
    model = quantized(Attending(), x)
    converted = int8.convert(model)
    assert not int8.report(converted).in_float
    assert all(most <= 1 for most in differences(model, converted, x).values())
    compiled = int8.compile(converted, x)
    assert compiled.program is not None and not compiled.fixed
    more = torch.randn(5, 5, 8)
    with torch.no_grad():
        assert torch.equal(compiled(more), converted(more))
