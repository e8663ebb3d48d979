"""FloatFunctionals of torch.ao become modules that are called."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.ao.nn.quantized import FloatFunctional
from torch.ao.quantization import DeQuantStub, QuantStub

import runtime
import runtime.int8
from runtime.inspect import check_prepared
from runtime.modules.torch_ao import from_torch_ao


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
    assert from_torch_ao(model) is model
    assert torch.equal(model(x), before) and list(model.state_dict()) == keys
    assert model.same is model.three, "what was one stays one"
    found = check_prepared(model, x)
    assert not found.repeated and {raw.name for raw in found.raw} == {"mul", "neg"}, "the test's own operators"


class Written(nn.Module):
    """For torch.ao: stubs, and one FloatFunctional that is called at three places."""

    def __init__(self) -> None:
        super().__init__()
        self.quant, self.dequant = QuantStub(), DeQuantStub()
        self.conv = nn.Conv2d(3, 3, 1)
        self.ff = FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        x = self.quant(x)
        y = self.ff.add(x, self.conv(x))
        y = self.ff.add(y, x)
        return self.dequant(self.ff.cat([x, y], dim=1))


def test_quantize_takes_such_a_model_as_it_is() -> None:
    torch.manual_seed(0)
    model, batches = Written().eval(), [torch.randn(2, 3, 8, 8) for _ in range(3)]
    quantized = runtime.quantize(model, batches, verbose=False)
    assert isinstance(model.ff, FloatFunctional), "the model itself stays as it was"
    error = (quantized(batches[0]) - model(batches[0])).abs().max()
    assert 0 < error < 0.1
    compiled = runtime.int8.compile(runtime.int8.convert(quantized), batches[0])
    assert torch.equal(compiled(batches[0]), quantized(batches[0]))
