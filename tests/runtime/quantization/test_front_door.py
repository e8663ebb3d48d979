"""`runtime.quantize`: what it does by default, what it prints, and what it refuses."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import runtime
import runtime.modules
from runtime import int8
from runtime.quantization.front_door import NotPreparedError
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.sums import DynamicSum, QuantizedSum
from runtime.quantization.summary import noise, noise_by_layer, state_bytes


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU()
        self.residual = nn.Conv2d(8, 8, 1)
        self.add = runtime.modules.EltWiseAdd()
        self.head = nn.Linear(8 * 36, 10)
        self.exp: nn.Module = runtime.modules.Exp()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.norm(self.conv(x)))
        out: Tensor = self.exp(self.head(self.add(y, self.residual(y)).flatten(1)))
        return out


def images(number: int, seed: int = 0) -> Tensor:
    return torch.randn(number, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def net() -> Net:
    torch.manual_seed(0)
    return Net().eval()


def test_post_training_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    model, x = net(), images(8)
    loader = DataLoader(TensorDataset(x, torch.zeros(8)), batch_size=4)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    q = runtime.quantize(model, loader)
    assert noise(model(x), q(x)) > 25
    assert {name: type(m) for name, m in model.named_modules()} == {name: type(m) for name, m in net().named_modules()}
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    printed = capsys.readouterr()
    assert "calibrating" in printed.err and (
        "2 batches" in printed.err or "2/2" in printed.err
    )  # without and with tqdm
    assert "4 modules quantized, 1 in floating point" in printed.out
    assert "weights of 8 bits, result of 8 bits" in printed.out
    assert "nobody takes its result as integers" in printed.out and "exp" in printed.out
    assert "BatchNorm2d  part of the module before" in printed.out
    assert "MB" in printed.out
    runtime.quantize(model, loader, verbose=False)
    printed = capsys.readouterr()
    assert not printed.out and not printed.err


def test_dynamic_without_data() -> None:
    model = net()
    q = runtime.quantize(model, method="dynamic", verbose=False)
    assert isinstance(q.conv, DynamicSum)
    assert noise(model(images(4)), q(images(4))) > 25


def test_training_keeps_the_optimizer() -> None:
    model, x = net().train(), images(8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    q = runtime.quantize(model, [x], method="qat", optimizer=optimizer, inplace=True, verbose=False)
    assert q is model
    before = q(x).detach()
    q(x).square().mean().backward()
    optimizer.step()
    assert not torch.equal(q(x), before)
    with pytest.raises(ValueError, match="pass inplace=True"):
        runtime.quantize(net(), [x], method="qat", optimizer=optimizer)


def test_settings_reach_the_quantizer() -> None:
    q = runtime.quantize(net(), [images(4)], verbose=False, bits_weights=4, activation_range="minmax")
    assert isinstance(q.conv, QuantizedSum) and int(q.conv.integers.abs().max()) == 7


def test_batches_are_counted_and_may_be_anything() -> None:
    seen = []

    def forward(model: nn.Module, batch: int) -> None:
        seen.append(batch)
        model(images(2, batch))

    runtime.quantize(net(), range(100), forward=forward, batches=3, verbose=False)
    assert seen == [0, 0, 1, 2]  # one to see what the model is called with


def test_improvements_improve() -> None:
    model, data = net(), [images(32, seed) for seed in range(4)]
    with torch.no_grad():
        model.conv.weight.mul_(torch.logspace(-1, 1, 8).reshape(-1, 1, 1, 1))
        model.residual.weight.div_(torch.logspace(-1, 1, 8).reshape(1, -1, 1, 1))
    model.exp = nn.Identity()
    x = images(32, 9)
    settings = {"verbose": False, "bits_weights": 4}
    plain = noise(model(x), runtime.quantize(model, data, **settings)(x))
    for names in (["equalize"], ["adaround"], ["bias_correction"], ["bias_correction", "adaround", "equalize"]):
        improved = runtime.quantize(model, data, improve=names, **settings)
        assert noise(model(x), improved(x)) > plain, names
    with pytest.raises(ValueError, match="called 'magic'; there are equalize, smooth, mend, adaround, bias_correction"):
        runtime.quantize(model, data, improve=["magic"])
    with pytest.raises(ValueError, match="improve is for method 'ptq'"):
        runtime.quantize(model, method="dynamic", improve=["equalize"])


class Raw(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.conv(x)) + x
        out: Tensor = self.relu(y)
        return out


def test_what_is_not_prepared_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotPreparedError) as caught:
        runtime.quantize(Raw(), [images(2)], verbose=False)
    message = str(caught.value)
    assert f"{__file__}:" in message and "add" in message
    line = inspect.getsourcelines(Raw)[1]
    assert f"{__file__}:{line}: relu is called 2 times in Raw" in message
    assert f"rewriter fix {__file__}\n" in message
    q = runtime.quantize(Raw(), [images(2)], verbose=False, allow_unprepared=True)
    assert isinstance(q.conv, QuantizedSum)
    assert "rewriter fix" in capsys.readouterr().err


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        self.encode2 = runtime.modules.again(self.encode, parts=True)
        self.add = runtime.modules.EltWiseAdd()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        out: Tensor = self.add(self.encode(x), self.encode2(y))
        return out


def test_weights_of_two_calls_are_shared_and_scales_are_not() -> None:
    q = runtime.quantize(Siamese(), [(images(2), 2 * images(2))], verbose=False)
    first, second = q.encode[0], q.encode2[0]
    assert isinstance(first, QuantizedSum) and isinstance(second, QuantizedSum)
    assert first.integers is second.integers
    given, given2 = first.input_params[0], second.input_params[0]
    assert given is not None and given2 is not None
    assert 1.5 < given2.scale / given.scale < 2.5


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="no method is called 'int8'"):
        runtime.quantize(net(), method="int8")
    with pytest.raises(ValueError, match="'ptq' needs data"):
        runtime.quantize(net())
    with pytest.raises(ValueError, match="pass a list or a DataLoader"):
        runtime.quantize(net(), iter([images(2)]))
    scripted = nn.Sequential(nn.Linear(3, 3), torch.jit.script(nn.ReLU()))
    with pytest.raises(ValueError, match=r"its part '1' is one: quantize first"):
        runtime.quantize(scripted, [torch.ones(2, 3)])
    with pytest.raises(ValueError, match="data has no batch"):
        runtime.quantize(net(), [])
    with pytest.raises(ValueError, match="nothing was quantized"):
        runtime.quantize(nn.Sequential(runtime.modules.Exp()), [images(2)], verbose=False)


def test_noise_of_each_layer() -> None:
    model, x = net(), images(8)
    q = runtime.quantize(model, [x], verbose=False)
    found = noise_by_layer(model, q, x)
    assert list(found) == ["conv", "residual", "add", "head"]
    assert all(25 < decibels < 60 for decibels in found.values())
    model.exp, q.exp = nn.Identity(), nn.Identity()
    assert found["head"] == pytest.approx(noise(model(x), q(x)))


def test_the_size_counts_packed_bits() -> None:
    model = nn.Sequential(nn.Linear(64, 64, bias=False), nn.ReLU(), nn.Linear(64, 64, bias=False))
    assert state_bytes(model) == 2 * 64 * 64 * 4
    q = runtime.quantize(model, [torch.randn(4, 64)], verbose=False, bits_weights=4)
    assert 2 * 64 * 64 // 2 < state_bytes(q) < 2 * 64 * 64 // 2 + 700
    assert all(isinstance(m, QuantizedModule) for m in (q[0], q[2]))


def test_importing_the_package_imports_no_quantizer() -> None:
    script = "import sys, runtime; sys.exit(any(name.startswith('runtime.') for name in sys.modules))"
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", script], cwd=root, timeout=60, check=False).returncode == 0
    with pytest.raises(AttributeError, match="has no attribute 'quantise'"):
        _ = runtime.quantise


def test_every_name_of_the_package_is_there() -> None:
    import runtime.quantization

    for name in runtime.quantization.__all__:
        assert getattr(runtime.quantization, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'Quantiser'"):
        _ = runtime.quantization.Quantiser


def test_every_module_that_ran_is_in_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """Also an activation whose layer returns floating point, as what takes it has no integer form."""
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.GroupNorm(2, 4), nn.Conv2d(4, 2, 3))
    x = torch.randn(4, 1, 8, 8)
    quantized = runtime.quantize(net.eval(), [x])
    printed = capsys.readouterr().out
    assert "2 modules quantized, 2 in floating point" in printed
    assert "ReLU       nobody takes its result as integers" in printed
    assert printed.count("nobody takes its result as integers: what follows") == 1
    assert "no integer form: `python -m runtime forms` lists" in printed
    lines = {line.name: line.reason for line in int8.report(int8.convert(quantized)).lines}
    assert lines["2"] == "nobody takes its result as integers" and lines["3"] == "no integer form"


@pytest.mark.parametrize("improve", [[], ["equalize", "bias_correction"], ["adaround"], ["mend"]])
def test_inference_mode_changes_nothing(improve: list[str]) -> None:
    model, data = Net().eval(), [torch.randn(2, 3, 8, 8) for _ in range(3)]
    wanted = runtime.quantize(model, data, improve=improve, verbose=False)
    with torch.inference_mode():
        quantized = runtime.quantize(model, data, improve=improve, verbose=False)
        compiled = int8.compile(int8.convert(quantized), data[0])
        made = [x.clone() for x in data]
        assert torch.equal(compiled(data[0]), int8.convert(wanted)(data[0]))
    assert quantized(data[0]).requires_grad == wanted(data[0]).requires_grad
    assert torch.equal(quantized(data[0]), wanted(data[0]))
    assert not any(tensor.is_inference() for tensor in quantized.state_dict().values())
    again = runtime.quantize(model, made, improve=improve, verbose=False)  # with data that inference_mode has made
    assert torch.equal(again(data[0]), wanted(data[0]))
