"""The contract of the base class, with quantizers so small that all they do is in sight."""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.modules import LSTM, EltWiseAdd, MultiheadAttention
from runtime.modules.handles import TiedHandle
from runtime.modules.places import module_of, standing
from runtime.modules.tied import again
from runtime.quantization.overrides import QBits
from runtime.quantization.quantizer import Quantizer, quantizer_metadata


class Wrapped(nn.Module):
    def __init__(self, wrapped: nn.Module, qbits: QBits, note: str = "") -> None:
        super().__init__()
        self.wrapped = wrapped
        self.qbits = qbits
        self.note = note

    def forward(self, *args: Any) -> Any:
        return self.wrapped(*args)


class Scaled(Wrapped):
    """A replacement that brings a parameter."""

    def __init__(self, wrapped: nn.Module, qbits: QBits) -> None:
        super().__init__(wrapped, qbits)
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, *args: Any) -> Any:
        return self.wrapped(*args) * self.factor


class Wrapping(Quantizer):
    """Wraps convolutions, linears and ReLUs."""

    kinds: tuple[type[nn.Module], ...] = (nn.Conv2d, nn.Linear, nn.ReLU)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.calls: list[str] = []

        def wrap(module: nn.Module, name: str, qbits_map: dict[str, QBits], note: str = "") -> nn.Module:
            self.calls.append(name)
            return Wrapped(module, qbits_map[name], note)

        self.replacement_factory.update(dict.fromkeys(self.kinds, wrap))


class Scaling(Quantizer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.replacement_factory[nn.Conv2d] = lambda module, name, qbits_map: Scaled(module, qbits_map[name])

    def _whole_handle(self, handle: TiedHandle, name: str) -> nn.Module:
        standing(handle).pin(self._visited[module_of(handle)][1].wrapped)
        return Scaled(handle, self.module_qbits_map[name])


class Halving(Quantizer):
    """Quantizes parameters to multiples of 2**-bits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.param_quantization_fn = lambda tensor, bits: (
            tensor + (torch.round(tensor * 2**bits) / 2**bits - tensor).detach()
        )


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.block = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.block(self.conv(x)).mean((2, 3)))


X = torch.randn(2, 3, 8, 8)


def prepared(kind: type[Quantizer], model: nn.Module, *args: Any, **kwargs: Any) -> Any:
    quantizer = kind(model, *args, **kwargs)
    quantizer.prepare_model()
    return quantizer


def test_replaces_in_place_under_the_same_names() -> None:
    model = Net()
    before = model(X)
    quantizer = prepared(Wrapping, model, bits_activations=8, bits_weights=4, bits_bias=32)
    assert quantizer.calls == ["conv", "block.0", "block.2", "fc"]
    assert isinstance(model.conv, Wrapped) and isinstance(model.block[0], Wrapped)
    assert isinstance(model.block[1], nn.BatchNorm2d)
    assert torch.equal(model(X), before)
    assert [name for name, _, _ in quantizer.replaced_modules()] == quantizer.calls


def test_only_modules_with_quantizable_parameters_get_bits_for_them() -> None:
    quantizer = prepared(Wrapping, Net(), bits_activations=8, bits_weights=4, bits_bias=32)
    assert quantizer.module_qbits_map["conv"] == QBits(8, 4, 32)
    assert quantizer.module_qbits_map["conv.wrapped"] == QBits(8, 4, 32)
    assert quantizer.module_qbits_map["block.2"] == QBits(8, None, None)
    assert quantizer.module_qbits_map["block.1"] == QBits(8, None, None)


def test_overrides_reach_the_replacement_function() -> None:
    overrides = OrderedDict(
        [
            (r"block\.0", {"bits_weights": 2, "note": "narrow"}),
            (r"fc|block\.2", {"bits_activations": None, "bits_weights": None}),
        ]
    )
    model = Net()
    prepared(Wrapping, model, bits_activations=8, bits_weights=8, overrides=overrides)
    assert model.block[0].qbits == QBits(8, 2) and model.block[0].note == "narrow"
    assert model.conv.note == "" and isinstance(model.fc, nn.Linear) and isinstance(model.block[2], nn.ReLU)


def test_overrides_are_the_callers_own() -> None:
    overrides = OrderedDict(conv={"bits_weights": 2, "note": "x"})
    prepared(Wrapping, Net(), bits_weights=8, overrides=overrides)
    assert overrides == OrderedDict(conv={"bits_weights": 2, "note": "x"})


def test_an_argument_that_this_replacement_does_not_take_is_an_error() -> None:
    class TakingLess(Wrapping):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.replacement_factory[nn.ReLU] = lambda module, name, qbits_map: module

    with pytest.raises(TypeError, match=r"\['note'\] for 'block.2'.* ReLU TakingLess takes \[\]"):
        prepared(TakingLess, Net(), bits_activations=8, overrides=OrderedDict([(".*", {"note": "x"})]))


def test_arguments_for_what_is_not_quantized_are_an_error() -> None:
    overrides = OrderedDict(conv={"bits_activations": None, "bits_weights": None, "note": "x"})
    with pytest.raises(ValueError, match=r"\['note'\] for 'conv', which they do not quantize"):
        prepared(Wrapping, Net(), bits_activations=8, overrides=overrides)


def test_patterns_without_effect_are_said() -> None:
    with pytest.warns(UserWarning, match="'nowhere'.* no module"):
        prepared(Wrapping, Net(), bits_weights=8, overrides=OrderedDict(nowhere={"bits_weights": 2}))


def test_nothing_quantized_is_said() -> None:
    with pytest.warns(UserWarning, match="nothing was quantized: Wrapping replaces Conv2d, Linear, ReLU"):
        prepared(Wrapping, nn.Sequential(nn.Tanh()), bits_weights=8)


def test_without_bits_nothing_is_replaced_and_nothing_said() -> None:
    model = Net()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert prepared(Wrapping, model).calls == []


class Special(nn.Conv2d):
    """A subclass that nobody has registered."""


def test_subclasses_are_found_and_the_nearest_base_wins() -> None:
    class ByBase(Quantizer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.replacement_factory[nn.Module] = lambda m, n, q: m if any(m.children()) else Wrapped(m, q[n], "any")
            self.replacement_factory[nn.Conv2d] = lambda m, n, q: Wrapped(m, q[n], "conv")
            self.replacement_factory[nn.Dropout] = None

    model = nn.Sequential(Special(3, 3, 1), nn.Tanh(), nn.Dropout())
    prepared(ByBase, model, bits_activations=8, bits_weights=8)
    assert [getattr(m, "note", None) for m in model] == ["conv", "any", None]


def test_a_shared_module_is_replaced_once() -> None:
    model = Net()
    model.other = model.block[0]
    model.conv2 = model.conv
    quantizer = prepared(Wrapping, model, bits_weights=8)
    assert model.conv2 is model.conv and model.other is model.block[0] and isinstance(model.conv, Wrapped)
    assert quantizer.calls.count("conv") == 1


def test_overrides_that_a_shared_module_cannot_follow_are_said() -> None:
    model = Net()
    model.conv2 = model.conv
    with pytest.warns(UserWarning, match="'conv2' is the same module as 'conv'"):
        prepared(Wrapping, model, bits_weights=8, overrides=OrderedDict(conv2={"bits_weights": 2}))


def test_new_modules_take_the_mode_of_what_they_replace() -> None:
    model = Net()
    model.block.eval()
    prepared(Wrapping, model, bits_weights=8, bits_activations=8)
    assert model.conv.training and not model.block[0].training and not model.block[0].wrapped.training


def test_prepares_once_and_only_a_float_model() -> None:
    quantizer = prepared(Wrapping, Net(), bits_weights=8)
    with pytest.raises(RuntimeError, match="prepares its model once"):
        quantizer.prepare_model()
    with pytest.raises(RuntimeError, match="Wrapping; start from a copy of the float model"):
        prepared(Wrapping, quantizer.model, bits_weights=8)


def test_data_parallel_names_have_no_prefix() -> None:
    model = nn.DataParallel(Net())
    quantizer = prepared(Wrapping, model, bits_weights=8, overrides=OrderedDict(conv={"bits_weights": 2}))
    assert model.module.conv.qbits.wts == 2 and quantizer.calls[0] == "module.conv"
    assert quantizer_metadata(model) is quantizer_metadata(model.module) is not None


def test_a_model_of_ones_own_called_module_keeps_its_name() -> None:
    outer = nn.Module()
    outer.module = Net()
    prepared(Wrapping, outer, bits_weights=8, overrides=OrderedDict([(r"module\.conv", {"bits_weights": 2})]))
    assert outer.module.conv.qbits.wts == 2


def test_distributed_data_parallel_comes_after() -> None:
    ddp = object.__new__(nn.parallel.DistributedDataParallel)
    with pytest.raises(TypeError, match="quantize the model first, then wrap it"):
        Wrapping(ddp, bits_weights=8)


def test_new_parameters_join_the_optimizer() -> None:
    torch.manual_seed(0)  # with some weights no unit behind a ReLU lets a gradient through
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    prepared(Scaling, model, optimizer, bits_weights=8)
    assert optimizer.param_groups[1]["params"] == [model.conv.factor, model.block[0].factor]
    assert optimizer.param_groups[1]["lr"] == 0.1
    model(X).sum().backward()
    optimizer.step()
    assert model.conv.factor.item() != 1.0


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.block = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
        self.conv2 = again(self.conv)
        self.block2 = again(self.block, parts=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.block2(self.conv2(self.block(self.conv(x))))


def test_a_tied_handle_follows_the_module_that_it_is_tied_to() -> None:
    model = Twice()
    before = model(X)
    prepared(Wrapping, model, bits_weights=8)
    assert isinstance(model.conv2, TiedHandle) and module_of(model.conv2) is model.conv
    assert torch.equal(model(X), before)
    assert not any("conv2" in key for key in model.state_dict())


def test_a_tied_handle_gets_its_own_state_where_the_method_offers_it() -> None:
    model = Twice()
    before = model(X)
    prepared(Scaling, model, bits_weights=8)
    assert torch.equal(model(X), before)
    state = model.state_dict()
    own = ["conv.factor", "block.0.factor", "conv2.factor", "block2.0.factor"]
    assert [key for key in state if key.endswith("factor")] == own
    assert sum("weight" in key for key in state) == 2
    other = Twice()
    prepared(Scaling, other, bits_weights=8)
    with torch.no_grad():
        for position, key in enumerate(own):
            state[key].fill_(position)
    other.load_state_dict(state)
    assert [other.get_parameter(key).item() for key in own] == [0, 1, 2, 3]
    assert module_of(other.conv2.wrapped) is other.conv.wrapped


def test_copies_in_floating_point_stay_the_trained_parameter() -> None:
    model = Net()
    weight = model.conv.weight
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    prepared(Halving, model, optimizer, bits_weights=3, train_with_fp_copy=True)
    assert model.conv.float_weight is weight
    assert "weight" in dict(model.conv.named_buffers()) and "weight" not in dict(model.conv.named_parameters())
    assert torch.equal(model.conv.weight, torch.round(weight * 8) / 8)
    assert isinstance(model.conv.bias, nn.Parameter)
    for _ in range(3):
        optimizer.zero_grad()
        model(X).square().sum().backward()
        assert weight.grad is not None and weight.grad.abs().sum() > 0
        optimizer.step()
        assert torch.equal(model.conv.weight, torch.round(weight * 8) / 8)


def test_gradients_accumulate_over_passes() -> None:
    model = Net()
    prepared(Halving, model, torch.optim.SGD(model.parameters(), lr=0.1), bits_weights=3, train_with_fp_copy=True)
    model(X).sum().backward()
    once = model.conv.float_weight.grad.clone()
    model(X).sum().backward()
    assert torch.allclose(model.conv.float_weight.grad, 2 * once)


def test_a_model_with_copies_can_be_copied_while_it_trains() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    prepared(Halving, model, optimizer, bits_weights=3, train_with_fp_copy=True)
    model(X).sum().backward()
    other = copy.deepcopy(model)
    optimizer.step()
    other(X).sum().backward()
    assert torch.equal(other.conv.weight, torch.round(other.conv.float_weight * 8) / 8)
    assert not torch.equal(other.conv.float_weight, model.conv.float_weight)


def test_a_weight_that_is_read_elsewhere_is_trained_by_both() -> None:
    class Reading(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(5, 3)

        def forward(self, ids: Tensor) -> Tensor:
            return self.embed(ids) @ self.embed.weight.T

    model = Reading()
    prepared(Halving, model, torch.optim.SGD(model.parameters(), lr=0.1), bits_weights=3, train_with_fp_copy=True)
    model(torch.tensor([1])).sum().backward()
    assert (model.embed.float_weight.grad != 0).any(dim=1).all()


def test_parameters_are_quantized_in_place_without_copies() -> None:
    model = Net()
    float_weight, float_bias = model.conv.weight.clone(), model.conv.bias.clone()
    quantizer = prepared(
        Halving, model, bits_weights=3, bits_bias=5, overrides=OrderedDict(fc={"bits_weights": None, "bits_bias": None})
    )
    assert torch.equal(model.conv.weight, torch.round(float_weight * 8) / 8)
    assert torch.equal(model.conv.bias, torch.round(float_bias * 32) / 32)
    assert [f"{p.module_name}.{p.name}" for p in quantizer.params_to_quantize] == [
        "conv.weight",
        "conv.bias",
        "block.0.weight",
        "block.0.bias",
    ]


def test_weights_that_twins_share_with_their_parts_have_copies_too() -> None:
    model = nn.Sequential(MultiheadAttention(4, 2), LSTM(4, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    names = [name for name, _ in model.named_parameters()]
    prepared(Halving, model, optimizer, bits_weights=3, train_with_fp_copy=True)
    assert torch.equal(model[0].q_proj.weight, torch.round(model[0].in_proj_weight[:4] * 8) / 8)
    assert torch.equal(model[1].ih_l0.weight, torch.round(model[1].weight_ih_l0 * 8) / 8)
    assert {n for n, _ in model.named_parameters()} ^ set(names) == {"0.out_proj.weight", "0.out_proj.float_weight"}


def test_copies_need_an_optimizer_and_a_function() -> None:
    with pytest.raises(ValueError, match="pass optimizer="):
        Halving(Net(), bits_weights=3, train_with_fp_copy=True)
    model = Net()
    with pytest.raises(ValueError, match="needs a param_quantization_fn"):
        prepared(Quantizer, model, torch.optim.SGD(model.parameters()), bits_weights=3, train_with_fp_copy=True)


def test_compound_modules_of_torch_are_left_alone_and_named() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.TransformerEncoderLayer(4, 2))
    with pytest.warns(UserWarning, match=r"'1' is a torch.nn.TransformerEncoderLayer.*runtime.modules.convert"):
        prepared(Wrapping, model, bits_weights=8)
    assert type(model[1].linear1) is nn.Linear
    alone = nn.TransformerEncoderLayer(4, 2)
    with pytest.warns(UserWarning, match=r"the model is a torch.nn.TransformerEncoderLayer"):
        prepared(Wrapping, alone, bits_weights=8)
    assert type(alone.linear1) is nn.Linear


def test_the_parts_of_a_twin_are_replaced() -> None:
    model = nn.Sequential(LSTM(4, 3), MultiheadAttention(4, 2))
    quantizer = prepared(Wrapping, model, bits_weights=8)
    assert quantizer.calls == ["0.ih_l0", "0.hh_l0", "1.out_proj", "1.q_proj", "1.k_proj", "1.v_proj"]
    assert model[0](torch.randn(5, 2, 4))[0].shape == (5, 2, 3)


def test_operations_are_modules_like_any_other() -> None:
    class Adding(Wrapping):
        kinds = (EltWiseAdd,)

    model = nn.Module()
    model.add = EltWiseAdd()
    prepared(Adding, model, bits_activations=8)
    assert torch.equal(model.add(X, X), 2 * X)
    assert model.add.qbits == QBits(8)


def test_a_quantizer_can_be_copied() -> None:
    quantizer = copy.copy(Wrapping(Net(), bits_weights=4))
    quantizer.prepare_model()
    assert quantizer_metadata(quantizer.model)["params"] == {"bits_weights": 4}


def test_the_model_knows_what_prepared_it() -> None:
    model = Net()
    prepared(Wrapping, model, None, 8, bits_weights=4)
    metadata = quantizer_metadata(model)
    assert metadata is not None
    assert metadata["type"] == f"{__name__}.Wrapping"
    assert metadata["params"] == {"bits_activations": 8, "bits_weights": 4}
