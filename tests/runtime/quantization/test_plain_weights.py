"""Weights that torch.nn.utils computes at each call: weight, spectral and orthogonal normalization, own ones."""

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm

import runtime
from runtime.inspect import check_prepared
from runtime.int8 import compile, convert
from runtime.modules.plain_weights import computed_weights, make_weights_plain, with_plain_weights
from runtime.quantization import accuracy_control, calibrate, search_bits
from runtime.quantization.post_training import PostTrainLinearQuantizer


def old_weight_norm(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(module)


class Symmetric(nn.Module):
    def forward(self, weight):
        return weight.triu() + weight.triu(1).transpose(-1, -2)


def symmetric(module):
    parametrize.register_parametrization(module, "weight", Symmetric())
    return module


WAYS = {
    "weight_norm": old_weight_norm,
    "spectral_norm": spectral_norm,
    "parametrizations.weight_norm": parametrizations.weight_norm,
    "parametrizations.spectral_norm": parametrizations.spectral_norm,
    "parametrizations.orthogonal": parametrizations.orthogonal,
    "own": symmetric,
}


class Net(nn.Module):
    def __init__(self, normalized):
        super().__init__()
        self.stem = normalized(nn.Conv2d(3, 3, 3, padding=1))
        self.relu = nn.ReLU()
        self.body = normalized(nn.Conv2d(3, 3, 3, padding=1))
        self.head = normalized(nn.Linear(8, 8))

    def forward(self, x):
        return self.head(self.body(self.relu(self.stem(x))))


@pytest.fixture(params=WAYS)
def net(request):
    torch.manual_seed(0)
    return Net(WAYS[request.param]).eval()


def batches(count=3):
    torch.manual_seed(1)
    return [torch.randn(2, 3, 8, 8) for _ in range(count)]


def decibels(exact, found):
    return 10 * torch.log10(exact.square().sum() / (exact - found).square().sum()).item()


def test_copy_computes_the_same_and_model_stays_as_it_is(net):
    x, keys = batches()[0], list(net.state_dict())
    expected = net(x)
    plain = with_plain_weights(net)
    assert computed_weights(plain) == [] and len(computed_weights(net)) == 3
    assert isinstance(plain.stem.weight, nn.Parameter) and type(plain.stem) is nn.Conv2d
    assert torch.equal(plain(x), expected)
    assert torch.equal(net(x), expected) and list(net.state_dict()) == keys


def test_model_without_computed_weights_is_not_copied():
    model = Net(lambda module: module)
    assert with_plain_weights(model) is model


@pytest.mark.parametrize("method", ["ptq", "dynamic"])
def test_quantized_model_is_close_and_all_its_layers_are_quantized(net, method):
    data = batches()
    quantized = runtime.quantize(net, data, method, verbose=False)
    assert decibels(net(data[0]), quantized(data[0])) > 30
    assert not computed_weights(quantized)


def test_integers_compute_what_the_quantized_model_does(net):
    data = batches()
    quantized = runtime.quantize(net, data, verbose=False)
    compiled = compile(convert(quantized), data[0])
    assert torch.equal(compiled(data[0]), quantized(data[0]))


def test_trained_model_has_its_own_weights(net):
    data = batches()
    trained = runtime.quantize(net, data, "qat", verbose=False).train()
    optimizer = torch.optim.SGD(trained.parameters(), 0.01)
    for x in data:
        optimizer.zero_grad()
        trained(x).square().mean().backward()
        optimizer.step()
    assert decibels(trained.eval()(data[0]), convert(trained)(data[0])) > 40


def test_steps_by_hand_are_as_those_of_quantize(net):
    data = batches()
    expected = runtime.quantize(net, data, verbose=False)(data[0])
    statistics = calibrate(net, data)
    by_hand = net if type(net.stem) is not nn.Conv2d else with_plain_weights(net)
    PostTrainLinearQuantizer(by_hand, statistics=statistics).prepare_model(data[0])
    assert torch.equal(by_hand(data[0]), expected)


def test_what_computes_a_weight_is_not_left_unprepared(net):
    assert check_prepared(net, batches()[0]).prepared


def test_search_and_control_see_the_layers(net):
    data = batches()
    assert set(search_bits(net, data, 10**6).bits) == {"stem", "body", "head"}
    kept = accuracy_control(net, data, lambda model: decibels(net(data[0]), model(data[0])), drop=1e9)
    assert decibels(net(data[0]), kept.model(data[0])) > 30


def test_copy_of_spectral_normalization_leaves_the_estimate_alone():
    model = Net(parametrizations.spectral_norm).train()
    before = copy.deepcopy(model.state_dict())
    with_plain_weights(model)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_optimizer_that_holds_the_parts_is_refused(net):
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with pytest.raises(ValueError, match=r"'stem.weight' is computed at each call.*before the optimizer is made"):
        make_weights_plain(net, optimizer)
    assert len(computed_weights(net)) == 3


def pruned():
    torch.manual_seed(0)
    return Net(lambda module: prune.l1_unstructured(module, "weight", amount=0.5)).eval()


def test_pruned_model_is_quantized_and_computed_on_integers(tmp_path):
    model, data = pruned(), batches()
    quantized = runtime.quantize(model, data, verbose=False)
    assert decibels(model(data[0]), quantized(data[0])) > 30
    compiled = compile(convert(quantized), data[0])
    assert torch.equal(compiled(data[0]), quantized(data[0]))
    assert all(prune.is_pruned(layer) for layer in (model.stem, model.body, model.head))


@pytest.mark.parametrize("inplace", [True, False])
def test_pruned_weights_stay_zero_in_training(inplace):
    model, data = pruned().train(), batches()
    zeros = [layer.weight_mask == 0 for layer in (model.stem, model.body, model.head)]
    trained = runtime.quantize(model, data, "qat", inplace=inplace, verbose=False).train()
    optimizer = torch.optim.SGD(trained.parameters(), 0.1, momentum=0.9, weight_decay=0.1)
    before = [p.clone() for p in trained.parameters()]
    for x in data:
        optimizer.zero_grad()
        trained(x).square().mean().backward()
        optimizer.step()
    weights = [p for name, p in trained.named_parameters() if name.endswith("weight")]
    assert not any(torch.equal(now, then) for now, then in zip(trained.parameters(), before, strict=True))
    assert [torch.equal(w[zero], torch.zeros_like(w[zero])) for w, zero in zip(weights, zeros, strict=True)] == [
        True
    ] * 3
