"""FloatFunctionals of torch.ao become modules that are called."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.ao.nn.quantized import FloatFunctional

from runtime.inspect import check_prepared
from runtime.modules.float_functional import convert_float_functionals


class Uses(nn.Module):
    """Each method once, and two of them in one FloatFunctional."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = FloatFunctional(), FloatFunctional(), FloatFunctional()
        self.same = self.three

    def forward(self, x: Tensor) -> Any:
        y = self.one.add_scalar(self.two.add(x, 2 * x), 0.5)
        z = self.one.cat([self.two.mul(x, y), self.three.add_relu(y, -x)], dim=1)
        return self.same.matmul(z, self.three.mul_scalar(z, 0.25).mT)


def test_results_and_state_stay_and_every_operation_is_a_module_that_is_called() -> None:
    model, x = Uses(), torch.randn(2, 3, 3)
    before, keys = model(x), list(model.state_dict())
    assert convert_float_functionals(model) is model
    assert torch.equal(model(x), before) and list(model.state_dict()) == keys
    assert model.same is model.three, "what was one stays one"
    found = check_prepared(model, x)
    assert not found.repeated and {raw.name for raw in found.raw} == {"mul", "neg"}, "the test's own operators"
