"""Quantization-aware training: what is on a grid, where, from when on, and that it learns."""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.modules import LSTM, EltWiseAdd, MultiheadAttention
from runtime.modules.places import module_of
from runtime.modules.tied import again
from runtime.quantization.arithmetic import PER_TENSOR, Grid, QParams, fake_quantize, per_channel, qparams_of
from runtime.quantization.aware import QuantAwareTrainRangeLinearQuantizer
from runtime.quantization.checkpoint import load_checkpoint, save_checkpoint
from runtime.quantization.fake_quantizers import ActivationFakeQuantizer, WeightFakeQuantizer
from runtime.quantization.fake_quantizers import fake_quantize as fast_fake_quantize
from runtime.quantization.trained import FoldedNormalization, QuantizedOutput, QuantizedWeights
from tests.runtime.quantization.small import ConvNet, accuracy, levels, outputs_of, quadrants, train

X, _ = quadrants(16)


def aware(model: nn.Module, *, x: Any = X, bits: int = 8, **settings: Any) -> Any:
    quantizer = QuantAwareTrainRangeLinearQuantizer(
        model, **{"bits_activations": bits, "bits_weights": bits, **settings}
    )
    quantizer.prepare_model(x)
    return model


def grids(model: nn.Module) -> set[str]:
    """The names of the modules whose output is put on a grid."""
    return {
        name
        for name, module in model.named_modules()
        if isinstance(module, QuantizedOutput) and module.output_quantizer is not None
    }


@pytest.mark.parametrize("granularity", [PER_TENSOR, per_channel(0), per_channel(1), per_channel(-1)])
@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_torchs_kernel_computes_what_the_specification_says(granularity: Any, bits: int) -> None:
    x = torch.randn(6, 5, 4) * torch.linspace(0.01, 10, 6)[:, None, None]
    for grid in (Grid(bits), Grid(bits, signed=True), Grid(bits, signed=True, restricted=True)):
        params = qparams_of(x, grid, symmetric=grid.signed, granularity=granularity)
        assert torch.equal(fast_fake_quantize(2 * x, params), fake_quantize(2 * x, params))


def test_an_operation_that_several_modules_make_up_is_rounded_at_its_end() -> None:
    model = aware(ConvNet())
    assert grids(model) == {"relu", "norm2", "relu2", "pool"}, "sums that the model gives stay sums"
    assert list(model.conv.input_quantizers) == ["0"], "the model's input is no module's output"
    assert isinstance(model.conv.wrapped, FoldedNormalization)
    assert isinstance(model.conv2, FoldedNormalization)
    assert isinstance(model.norm, nn.Identity) and isinstance(model.norm2.wrapped, nn.Identity)
    assert isinstance(model.fc, QuantizedWeights)


def test_without_a_dummy_input_every_module_is_rounded_and_that_is_said() -> None:
    with pytest.warns(UserWarning, match="given no dummy_input"):
        model = aware(ConvNet(), x=None)
    assert grids(model) == {"conv", "norm", "relu", "conv2", "norm2", "add", "relu2", "pool", "fc"}
    assert not any(isinstance(m, FoldedNormalization) for m in model.modules())


def test_the_first_step_only_looks_and_every_later_one_quantizes() -> None:
    model = aware(ConvNet(), bits=4)
    model.train()
    assert levels(outputs_of(model, "relu", X)) > 100
    assert levels(outputs_of(model, "relu", X)) <= 16
    assert levels(outputs_of(model.eval(), "relu", X)) <= 16


def test_evaluating_before_training_is_said() -> None:
    model = aware(ConvNet()).eval()
    with pytest.warns(UserWarning, match=r"values of 'conv', 'relu', .* and \d more have no range yet") as caught:
        model(X)
    assert len(caught) == 1 and caught[0].filename == __file__
    model.train()(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.eval()(X)


def test_ranges_are_moving_averages_over_steps() -> None:
    model = aware(nn.Sequential(nn.ReLU()), x=torch.ones(1), ema_decay=0.75)
    for top in (1.0, 2.0, 5.0):
        model(torch.tensor([0.0, top]))
    quantizer = model[0].output_quantizer
    assert quantizer.low.item() == 0.0
    assert quantizer.high.item() == pytest.approx(0.75 * (0.75 * 1.0 + 0.25 * 2.0) + 0.25 * 5.0)
    model.eval()
    before = quantizer.high.clone()
    model(torch.tensor([0.0, 100.0]))
    assert torch.equal(quantizer.high, before)


def test_calls_of_one_step_count_as_one() -> None:
    model = aware(LSTM(3, 2), x=torch.randn(5, 1, 3), ema_decay=0.5)
    quantizer = model.gates_l0.output_gate.output_quantizer
    x = torch.randn(5, 1, 3)
    seen: list[Tensor] = []
    model.gates_l0.output_gate.wrapped.register_forward_hook(lambda m, a, out: seen.append(out))
    model(x)
    assert len(seen) == 5
    assert torch.equal(quantizer.high, torch.stack(seen).max())


def test_weights_are_on_the_symmetric_grid_of_each_channel() -> None:
    model = aware(nn.Sequential(nn.Linear(6, 4), nn.Sigmoid()), x=torch.randn(2, 6), bits=3)
    layer = model[0].wrapped
    layer(torch.randn(2, 6))
    expected = qparams_of(layer.wrapped.weight, Grid(3, True, True), True, per_channel(0))
    assert torch.equal(layer.weight_quantizer.qparams().scale, expected.scale)
    got = model[0].wrapped(torch.eye(6)) - layer.wrapped.bias
    torch.testing.assert_close(got.T, fake_quantize(layer.wrapped.weight.detach(), expected))


def test_weights_share_one_scale_where_asked_by_override() -> None:
    overrides = OrderedDict(fc={"per_channel_wts": False, "bits_weights": 4})
    model = aware(ConvNet(), overrides=overrides)
    model(X)
    assert model.fc.weight_quantizer.qparams().scale.shape == ()
    assert model.fc.weight_quantizer.grid.bits == 4
    assert model.conv2.weight_quantizer.qparams().scale.shape == (8,)


@pytest.mark.parametrize(
    ("layer", "norm", "shape"),
    [
        (nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6), (8, 4, 5, 5)),
        (nn.Conv2d(4, 4, 3, groups=4), nn.BatchNorm2d(4), (8, 4, 5, 5)),
        (nn.ConvTranspose2d(4, 6, 3, groups=2), nn.BatchNorm2d(6), (8, 4, 5, 5)),
        (nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6, affine=False), (8, 4, 5)),
        (nn.Linear(4, 6), nn.BatchNorm1d(6), (8, 4)),
    ],
)
def test_a_folded_normalization_is_the_layer_with_its_weights_multiplied(layer: Any, norm: Any, shape: Any) -> None:
    layer, norm = copy.deepcopy(layer), copy.deepcopy(norm)
    x = torch.randn(shape)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    if norm.affine:
        nn.init.normal_(norm.weight)
        norm.weight.data[0] = 0.0
    float_model = nn.Sequential(copy.deepcopy(layer), copy.deepcopy(norm)).eval()
    model = aware(nn.Sequential(layer, norm), x=x, bits_activations=None, bits=16).eval()
    torch.testing.assert_close(model(x), float_model(x), atol=2e-3, rtol=1e-3)

    folded = model[0]
    assert isinstance(folded, FoldedNormalization)
    factor = (
        norm.weight / (norm.running_var + norm.eps).sqrt() if norm.affine else (norm.running_var + norm.eps).rsqrt()
    )
    if not norm.affine or isinstance(layer, nn.ConvTranspose2d):
        return
    by_hand = factor.reshape(-1, *[1] * (layer.weight.dim() - 1))
    assert torch.allclose(folded.factor().flatten()[1:], by_hand.flatten()[1:])
    assert folded.factor().flatten()[0] == 1.0, "a channel that is switched off divides by nothing"


def test_a_folded_normalization_trains_as_an_ordinary_one() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    model = aware(copy.deepcopy(plain), bits=16, bits_activations=None)
    for net in (plain, model):
        net.train()
        net(X).square().mean().backward()
    torch.testing.assert_close(model[0].norm.running_var, plain[1].running_var, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(model[0].layer.weight.grad, plain[0].weight.grad, rtol=1e-2, atol=1e-4)
    torch.testing.assert_close(model[0].norm.weight.grad, plain[1].weight.grad, rtol=1e-2, atol=1e-4)


def test_phases() -> None:
    model = aware(ConvNet(), bits=4, start_after=2, freeze_bn_after=3, freeze_scales_after=4)
    norm, quantizer = model.conv2.norm, model.relu.output_quantizer
    seen = []
    for step in range(6):
        model.train()
        values = outputs_of(model, "relu", (step + 1) * X)
        seen.append((levels(values) <= 16, norm.running_mean.clone(), quantizer.high.clone()))
    quantized, means, highs = zip(*seen, strict=True)
    assert quantized == (False, False, True, True, True, True)
    assert not torch.equal(means[1], means[2]) and torch.equal(means[2], means[5])
    assert not torch.equal(highs[2], highs[3]) and torch.equal(highs[3], highs[5])
    assert model.quantization_steps.item() == 6


def test_frozen_scales_hold_for_weights_too() -> None:
    model = aware(nn.Sequential(nn.Linear(3, 2)), x=torch.ones(1, 3), freeze_scales_after=1)
    model(torch.ones(1, 3))
    before = model[0].wrapped.weight_quantizer.qparams().scale
    model[0].wrapped.wrapped.weight.data *= 3
    model(torch.ones(1, 3))
    assert torch.equal(model[0].wrapped.weight_quantizer.qparams().scale, before)


@pytest.mark.parametrize(("bits", "wanted"), [(8, 0.95), (4, 0.9)])
def test_learns(bits: int, wanted: float) -> None:
    torch.manual_seed(0)
    model = aware(ConvNet(), bits=bits)
    losses = train(model, torch.optim.Adam(model.parameters(), lr=0.01), 50)
    assert losses[-1] < 0.3 * losses[0]
    assert accuracy(model) > wanted


def test_a_checkpoint_goes_on_in_the_same_phase() -> None:
    torch.manual_seed(0)
    model = aware(ConvNet(), bits=4, freeze_bn_after=3, freeze_scales_after=5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    train(model, optimizer, 4)
    file = io.BytesIO()
    save_checkpoint(file, model, optimizer)
    file.seek(0)
    other = ConvNet()
    other_optimizer = torch.optim.SGD(other.parameters(), lr=0.05)
    load_checkpoint(file, other, other_optimizer)
    assert torch.equal(model.eval()(X), other.eval()(X))
    assert train(model, optimizer, 4) == train(other, other_optimizer, 4)


def test_a_copy_trains_apart() -> None:
    model = aware(ConvNet())
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        train(other, torch.optim.SGD(other.parameters(), lr=0.1), 2)
        assert other.quantization_steps.item() == 2
    assert model.quantization_steps.item() == 0 and not model.relu.output_quantizer.observed


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.norm = nn.BatchNorm2d(1)
        self.conv2 = again(self.conv)
        self.add = EltWiseAdd()

    def forward(self, x: Tensor) -> Tensor:
        return self.add(self.conv2(self.norm(self.conv(x))), 1.0)


def test_a_second_call_shares_the_weights_and_not_the_grid_of_its_values() -> None:
    model = aware(Twice())
    assert grids(model) == {"conv", "conv2", "norm", "add"}, "what is called again is not folded"
    model(X)
    model(X)
    assert module_of(model.conv2.wrapped) is model.conv.wrapped
    assert model.conv2.output_quantizer.observed
    saved = [key for key in model.state_dict() if "conv2" in key]
    assert saved == ["conv2.output_quantizer.low", "conv2.output_quantizer.high"]


def test_attention_and_recurrent_twins() -> None:
    model = nn.Sequential(LSTM(4, 4), MultiheadAttention(4, 2))
    aware(model[0], x=torch.randn(3, 2, 4))
    attention = aware(model[1], x=(torch.randn(3, 2, 4),) * 3)
    for _ in range(2):
        out, _ = model[0](torch.randn(3, 2, 4))
        attention(out, out, out)[0].sum().backward()
    assert attention.in_proj_weight.grad.abs().sum() > 0
    assert model[0].weight_hh_l0.grad.abs().sum() > 0
    assert attention.q_proj.wrapped.weight_quantizer.qparams().scale.shape == (4,)
    assert {"scores", "softmax", "context"} <= grids(attention)


def test_a_wrapped_model() -> None:
    torch.manual_seed(0)
    plain = ConvNet()
    wrapped = aware(nn.DataParallel(copy.deepcopy(plain)))
    aware(plain)
    assert grids(wrapped) == {f"module.{name}" for name in grids(plain)}
    losses = [train(net, torch.optim.SGD(net.parameters(), lr=0.05), 3) for net in (plain, wrapped)]
    assert losses[0] == losses[1]
    assert wrapped.module.quantization_steps.item() == 3


def test_an_embedding_has_its_rows_on_one_grid() -> None:
    ids = torch.arange(6).reshape(2, 3)
    model = aware(nn.Sequential(nn.Embedding(6, 4), nn.Linear(4, 2)), x=ids, bits=4)
    model(ids).sum().backward()
    assert levels(model[0].wrapped(ids)) <= 15
    assert model[0].wrapped.wrapped.weight.grad.abs().sum() > 0


def test_values_without_bounds_are_an_error_that_names_them() -> None:
    model = aware(nn.Sequential(nn.Sigmoid()), x=torch.ones(1))
    with pytest.raises(ValueError, match=r"'0\.output_quantizer' was given values from 1 to inf"):
        model[0].wrapped = nn.Identity()
        model(torch.tensor([1.0, torch.inf]))


def test_qparams_before_anything_was_seen_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="run training batches"):
        ActivationFakeQuantizer(Grid(8), False, 0.9).qparams()
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        ActivationFakeQuantizer(Grid(8), False, 1.0)


def test_a_bias_of_few_bits_is_on_a_grid() -> None:
    model = aware(nn.Sequential(nn.Linear(3, 64)), x=torch.ones(1, 3), bits_bias=3)
    model(torch.ones(1, 3))
    assert isinstance(model[0].wrapped.bias_quantizer, WeightFakeQuantizer)
    assert levels(model[0].wrapped(torch.zeros(1, 3))) <= 7
    assert isinstance(model[0].wrapped.weight_quantizer.qparams(), QParams)
