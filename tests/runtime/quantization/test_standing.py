"""A model may ask its layers for their settings, whatever stands in their place."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn

import runtime
from runtime.int8 import convert


class Asking(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2)
        self.pool, self.fc = nn.MaxPool2d(2), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = x[..., : x.shape[-1] // self.conv.stride[0] * self.conv.stride[0]].to(self.conv.weight.dtype)
        x = self.pool(self.act(self.norm(self.conv(x))))
        x = x.reshape(len(x), self.norm.num_features, -1)[..., : self.pool.kernel_size * 2].amax(-1)
        out: Tensor = self.fc(x[:, : self.fc.in_features])
        return out if self.act.negative_slope == 0.2 and self.norm.eps < 1 else out * 0


@pytest.mark.parametrize("method", ["ptq", "dynamic", "qat"])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_settings_are_those_of_the_layer(method: str, copied: type[nn.Module]) -> None:
    torch.manual_seed(0)
    model, x = Asking().eval(), torch.randn(4, 3, 9, 9)
    q = runtime.quantize(copy.deepcopy(model), [x], method=method, allow_unprepared=True, verbose=False)
    with torch.no_grad():
        expected = model(x)
        if method == "qat":
            q.train()(x)
        for made in (copied(q.eval()), convert(q)):
            assert (made(x) - expected).abs().max() < 0.1 * expected.abs().max()
            conv, norm, fc = (made.get_submodule(name) for name in ("conv", "norm", "fc"))
            assert (conv.kernel_size, conv.out_channels, norm.num_features) == ((3, 3), 8, 8)
            assert fc.out_features == 4 and not hasattr(fc, "stride")
            with pytest.raises(AttributeError, match=f"{type(conv).__name__}' object has no attribute 'strides'"):
                _ = conv.strides
