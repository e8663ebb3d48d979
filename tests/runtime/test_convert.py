"""Live models to twins and back, and the names that Distiller's users know."""

from __future__ import annotations

import copy
import importlib.util
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import runtime.modules
from runtime.modules import (
    DistillerLSTM,
    DistillerLSTMCell,
    convert,
    convert_model_to_distiller_lstm,
    revert,
)
from runtime.modules.twin import Twin
from tests.runtime.against_torch import distance, tensors


class Tagger(nn.Module):
    """A little of everything, with one GRU used in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(8, 4, 2, bidirectional=True, dropout=0.1)
        self.shared = nn.ModuleList([nn.GRU(8, 8)])
        self.again = self.shared[0]
        self.hidden_from_torch = [self.again]
        self.cell = nn.LSTMCell(8, 8)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2)
        self.attention = nn.MultiheadAttention(8, 2, add_bias_kv=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder(self.rnn(x)[0])
        x = self.hidden_from_torch[0](self.again(x)[0])[0]
        x = self.attention(x, x, x)[0]
        return self.cell(x[-1])[0]


def layout(model: nn.Module) -> list[tuple[str, type[nn.Module]]]:
    return [(name, type(module)) for name, module in model.named_modules()]


@pytest.fixture
def model() -> Tagger:
    torch.manual_seed(0)
    return Tagger().double()


X = torch.randn(5, 2, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_converts_everything_and_computes_the_same(model: Tagger) -> None:
    for training in (True, False):
        model.train(training)
        original, converted = copy.deepcopy(model), convert(copy.deepcopy(model))
        torch.manual_seed(2)
        theirs = original(X)
        torch.manual_seed(2)
        assert torch.allclose(converted(X), theirs, atol=1e-12)
        compound = (nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention, nn.TransformerEncoderLayer)
        twins = [m for m in converted.modules() if isinstance(m, compound)]
        assert len(twins) == 8 and all(type(m).__module__.startswith("runtime.") for m in twins)
        assert all(m.training is training for m in converted.modules())
        assert list(converted.state_dict()) == list(original.state_dict())


def test_an_optimizer_made_before_goes_on(model: Tagger) -> None:
    parameters = dict(model.named_parameters())
    convert(model)
    assert all(after is parameters[name] for name, after in model.named_parameters())
    assert len(list(model.parameters())) == len(parameters)


def test_shared_instances_stay_shared(model: Tagger) -> None:
    convert(model)
    assert type(model.again) is runtime.modules.GRU
    assert model.again is model.shared[0] is model.hidden_from_torch[0]


def test_frozen_parameters_and_hooks_stay(model: Tagger) -> None:
    seen: list[str] = []
    model.rnn.register_forward_hook(lambda *_: seen.append("rnn"))
    model.attention.out_proj.register_forward_hook(lambda *_: seen.append("out_proj"))
    model.rnn.weight_hh_l0.requires_grad_(False)
    convert(model)(X)
    assert seen == ["rnn", "out_proj"]
    assert not model.rnn.hh_l0.weight.requires_grad and model.rnn.ih_l0.weight.requires_grad


def test_the_model_itself_may_be_one() -> None:
    lstm = nn.LSTM(3, 4).eval()
    converted = convert(lstm)
    assert converted is lstm and type(lstm) is runtime.modules.LSTM
    assert type(revert(lstm)) is nn.LSTM


def test_revert_restores_torchs_modules(model: Tagger) -> None:
    before, state = layout(model), copy.deepcopy(model.state_dict())
    model.eval()
    theirs = model(X)
    revert(convert(model))
    assert layout(model) == before
    assert all(torch.equal(model.state_dict()[name], value) for name, value in state.items())
    assert torch.equal(model(X), theirs)


def test_twins_made_by_hand_revert_too() -> None:
    options: Any = {"dim_feedforward": 16, "activation": torch.tanh}
    made, plain = runtime.modules.Transformer(8, 2, 1, 1, **options), nn.Transformer(8, 2, 1, 1, **options)
    assert layout(revert(made)) == layout(plain)
    assert made.encoder.layers[0].activation is torch.tanh


def test_converting_twice_changes_nothing(model: Tagger) -> None:
    convert(model)
    before = layout(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convert(model)
    assert layout(model) == before


class OwnLSTM(nn.LSTM):
    def forward(self, input: Any, hx: Any = None) -> Any:
        output, state = super().forward(input, hx)
        return output * 2, state


def test_a_subclass_is_left_alone_and_named() -> None:
    model = nn.ModuleDict({"own": OwnLSTM(3, 4), "plain": nn.LSTM(3, 4)})
    with pytest.warns(UserWarning, match=r"'own' \(OwnLSTM\) is left as it is.*runtime.modules.recurrent.layers.LSTM"):
        convert(model)
    assert type(model["own"]) is OwnLSTM and type(model["plain"]) is runtime.modules.LSTM


def test_a_computed_weight_is_left_alone_and_named() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lstm = nn.utils.weight_norm(nn.LSTM(3, 4), "weight_hh_l0")
    with pytest.warns(UserWarning, match="weight_hh_l0 is not a Parameter"):
        convert(lstm)
    assert type(lstm) is nn.LSTM


@pytest.mark.parametrize("part", ["hh_l0", "gates_l0.cell_gate"])
def test_revert_refuses_when_a_part_was_replaced(part: str) -> None:
    model = nn.ModuleDict({"a": runtime.modules.GRU(3, 4), "rnn": runtime.modules.LSTM(3, 4)})
    model["rnn"].set_submodule(part, nn.Identity())
    with pytest.raises(
        ValueError, match=rf"'rnn' \(LSTM\) cannot be reverted: its part '{part}' was a .* Identity now"
    ):
        revert(model)
    assert type(model["a"]) is runtime.modules.GRU, "nothing may be changed before the refusal"


def test_revert_warns_of_hooks_on_parts() -> None:
    model = nn.ModuleDict({"rnn": runtime.modules.LSTM(3, 4)})
    model["rnn"].gates_l0.chunk.register_forward_hook(lambda *_: None)
    with pytest.warns(UserWarning, match=r"the hooks of 'rnn.gates_l0.chunk' are lost"):
        revert(model)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_distiller_lstm_converts_both_ways_with_weights_of_its_own(layers: int, bidirectional: bool) -> None:
    lstm = nn.LSTM(3, 4, layers, batch_first=True, bidirectional=bidirectional)
    modular = DistillerLSTM.from_pytorch_impl(lstm)
    assert type(modular) is DistillerLSTM and type(lstm) is nn.LSTM
    x = torch.randn(2, 5, 3)
    expected = lstm(x)[0]
    assert torch.allclose(modular(x)[0], expected, atol=1e-6)
    back = modular.to_pytorch_impl()
    assert type(back) is nn.LSTM and torch.equal(back(x)[0], expected)
    nn.init.zeros_(modular.weight_hh_l0)
    assert torch.equal(lstm(x)[0], expected) and torch.equal(back(x)[0], expected)


def test_distiller_cell_converts_both_ways() -> None:
    cell = nn.LSTMCell(3, 4, bias=False)
    modular = DistillerLSTMCell.from_pytorch_impl(cell)
    x = torch.randn(2, 3)
    assert torch.allclose(modular(x)[1], cell(x)[1], atol=1e-6)
    assert torch.equal(modular.to_pytorch_impl()(x)[1], cell(x)[1])


def test_distillers_constructor() -> None:
    lstm = DistillerLSTM(3, 4, 2, True, True, 0.3, True, 2)
    assert (lstm.batch_first, lstm.dropout, lstm.bidirectional) == (True, 0.3, True)
    assert DistillerLSTM(3, 4, 2).dropout == 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert DistillerLSTM(3, 4, num_layers=1)(torch.randn(5, 2, 3))[0].shape == (5, 2, 4)
    with pytest.raises(NotImplementedError, match="bidirectional_type=1"):
        DistillerLSTM(3, 4, 2, bidirectional=True, bidirectional_type=1)
    with pytest.raises(TypeError, match=r"expects an nn.LSTM"):
        DistillerLSTM.from_pytorch_impl(nn.GRU(3, 4))  # type: ignore[arg-type]


def test_distillers_model_conversion(model: Tagger) -> None:
    converted = convert_model_to_distiller_lstm(model)
    assert converted is model and type(model.rnn) is DistillerLSTM
    assert type(model.again) is nn.GRU
    assert type(convert_model_to_distiller_lstm(nn.LSTM(3, 4))) is DistillerLSTM


class TestModels:
    """The models in fixtures/models, as a person would convert them."""

    @pytest.mark.parametrize("name", ["lstm_language_model", "transformer_seq2seq"])
    @pytest.mark.parametrize("training", [False, True])
    def test_converted_equals_original(self, name: str, training: bool) -> None:
        module = load_fixture(name)
        torch.manual_seed(0)
        original = module.build().double().train(training)
        converted = convert(copy.deepcopy(original))
        inputs = module.example_inputs()
        torch.manual_seed(1)
        theirs = tensors(original(*inputs))
        torch.manual_seed(1)
        ours = tensors(converted(*inputs))
        assert all(distance(a, b) < 1e-12 for a, b in zip(ours, theirs, strict=True))
        converted.load_state_dict(original.state_dict(), strict=True)
        compound = (nn.RNNBase, nn.MultiheadAttention, nn.Transformer)
        assert all(isinstance(m, Twin) for m in converted.modules() if isinstance(m, compound))

    def test_greedy_decoding_gives_the_same_words(self) -> None:
        module = load_fixture("transformer_seq2seq")
        original = module.build().eval()
        source = module.example_inputs()[0]
        words = original.translate(source)
        assert torch.equal(convert(original).translate(source), words)


def load_fixture(name: str) -> Any:
    path = Path(__file__).parents[2] / "fixtures" / "models" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
