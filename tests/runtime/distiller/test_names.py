"""Code that was written for Distiller, with another import."""

from __future__ import annotations

import copy
import io
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import runtime.distiller as distiller
from runtime.inspect import activation_statistics, save_activation_statistics
from runtime.modules import LSTM
from runtime.quantization import calibrate, load_checkpoint, save_checkpoint
from runtime.quantization.quantized.sums import DynamicSum, QuantizedSum
from tests.runtime.quantization.small import ConvNet, quadrants

X, _ = quadrants(16)
PostTrain = distiller.quantization.PostTrainLinearQuantizer


def quantized(model: nn.Module, **arguments: Any) -> Any:
    PostTrain(model, **arguments).prepare_model(X)
    return model


def test_the_block_of_the_documentation_builds_on_these_names() -> None:
    modules = distiller.modules
    block = [modules.EltWiseAdd(inplace=True), modules.Concat(dim=1), modules.EltwiseMult(), modules.EltwiseDiv()]
    a, b = torch.randn(2, 3), torch.rand(2, 3) + 1
    assert torch.equal(block[0](a.clone(), b), a + b) and torch.equal(block[1](a, b), torch.cat([a, b], 1))
    assert torch.equal(block[2](a, b, b), a * b * b) and torch.equal(block[3](a, b), a / b)
    assert modules.EltwiseSub is modules.EltWiseSub
    with pytest.raises(AttributeError, match="no TruncatedSVD: a matrix is not factorized here"):
        _ = modules.TruncatedSVD
    with pytest.raises(AttributeError, match="has no 'early_exit'; there are"):
        _ = distiller.early_exit


def test_cells_are_converted_as_layers_are() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.layer = nn.LSTMCell(3, 4), nn.LSTM(3, 4)

    model = Model()
    cell, x = copy.deepcopy(model.cell), torch.randn(2, 3)
    assert distiller.modules.convert_model_to_distiller_lstm(model) is model
    assert type(model.cell) is distiller.modules.DistillerLSTMCell
    assert type(model.layer) is distiller.modules.DistillerLSTM
    assert torch.allclose(model.cell(x)[0], cell(x)[0], atol=1e-6)


def test_distillers_arguments_do_what_ours_do() -> None:
    statistics = calibrate(ConvNet().eval(), [X])
    model = quantized(ConvNet(), bits_parameters=4, per_channel_wts=True, model_activation_stats=statistics)
    assert model.conv.weight_grid.bits == 4 and model.conv.weight_scale.shape == (8,)
    model = quantized(ConvNet(), model_activation_stats=statistics)
    assert model.conv.weight_scale.dim() == 0 and model.conv.weight_grid.bits == 8
    assert isinstance(quantized(ConvNet()).conv, DynamicSum), "without statistics scales are taken as tensors come"
    half = quantized(ConvNet(), fp16=True, model_activation_stats=statistics)
    assert not any(isinstance(module, QuantizedSum) for module in half.modules())


@pytest.mark.parametrize(
    ("arguments", "narrower"),
    [({"clip_acts": "AVG"}, True), ({"clip_acts": "N_STD", "clip_n_stds": 1.0}, True), ({}, False)],
)
def test_activations_are_clipped_as_asked(arguments: Any, narrower: bool) -> None:
    model = ConvNet().eval()
    seen = calibrate(model, [X])["add"].high.item()
    mode = {"activations": "ASYMMETRIC_UNSIGNED", "weights": "SYMMETRIC"}
    for statistics in (calibrate(model, [X]), activation_statistics(model, [X])):
        found = quantized(copy.deepcopy(model), mode=mode, model_activation_stats=statistics, **arguments)
        highest = found.add.output_params.highest.item()
        assert (highest < 0.95 * seen) == narrower


def test_a_symmetric_mode_reaches_as_far_to_both_sides(tmp_path: Path) -> None:
    model = ConvNet().eval()
    save_activation_statistics(activation_statistics(model, [X]), tmp_path / "stats.yaml")
    for given in (str(tmp_path / "stats.yaml"), calibrate(model, [X])):
        params = quantized(copy.deepcopy(model), model_activation_stats=given).conv.input_params[0]
        assert -params.lowest.item() == pytest.approx(params.highest.item(), rel=0.02)
    mode = {"activations": "ASYMMETRIC_SIGNED"}
    params = quantized(copy.deepcopy(model), mode=mode, model_activation_stats=given).conv.input_params[0]
    assert params.lowest.item() == pytest.approx(X.min().item(), rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits_accum": 16}, "bits_accum=16: sums are kept in 32 bits"),
        ({"scale_approx_mult_bits": 8}, "scale_approx_mult_bits: scales are float32"),
        ({"inputs_quant_auto_fallback": False}, "inputs have ranges of their own"),
        ({"save_fp_weights": True}, "keep a copy of the float model"),
        ({"also_clip_weights": True}, "weights keep their whole range"),
        ({"fpq_module": 64}, "fpq_module=64: only 16 is available"),
        ({"mode": "ASYMMETRIC_UNSIGNED"}, "not available for weights, whose integers lie about zero; write mode="),
        ({"mode": {"acts": "SYMMETRIC"}}, "mode takes activations and weights, not acts"),
        ({"mode": "SKEWED"}, "'SKEWED' is not a valid LinearQuantMode"),
        ({"clip_acts": "N_STD"}, "needs clip_n_stds"),
        ({"clip_acts": "HALF"}, "'HALF' is not a valid ClipMode"),
        ({"model_activation_stats": "nowhere.yaml"}, "there is no file nowhere.yaml"),
    ],
)
def test_what_cannot_be_honoured_is_an_error_that_says_why(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        PostTrain(ConvNet(), **arguments)


def test_a_checkpoint_brings_the_quantizer_back() -> None:
    model = ConvNet().eval()
    statistics, first = activation_statistics(model, [X]), copy.deepcopy(model)
    quantized(first, clip_acts="AVG", model_activation_stats=statistics)
    file = io.BytesIO()
    save_checkpoint(file, first)
    file.seek(0)
    load_checkpoint(file, model)
    assert torch.equal(model(X), first(X))


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = LSTM(8, 6, num_layers=2)
        self.fc = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        output, _ = self.rnn(x[:, 0])
        logits: Tensor = self.fc(output[:, -1])
        return logits


def test_parts_of_an_lstm_are_named_as_distiller_names_them() -> None:
    model = Reader().eval()
    overrides = OrderedDict(
        [
            (r"rnn\.cells\.0\.fc_gate_x", {"bits_parameters": 4}),
            (r".*cells\.1\.act_f", {"bits_activations": None, "bits_parameters": None}),
            (r".*", {"bits_activations": 8}),
        ]
    )
    statistics = calibrate(model, [X])
    quantizer = PostTrain(model, overrides=overrides, model_activation_stats=statistics)
    quantizer.prepare_model(X)
    assert model.rnn.ih_l0.weight_grid.bits == 4 and model.rnn.ih_l1.weight_grid.bits == 8
    assert type(model.rnn.gates_l1.forget_gate) is nn.Sigmoid
    assert type(model.rnn.gates_l0.forget_gate) is not nn.Sigmoid


PUBLISHED = """\
quantizers:
  post_train_quantizer:
    class: PostTrainLinearQuantizer
    bits_activations: 6
    bits_parameters: 6
    bits_accum: 32
    mode: {activations: ASYMMETRIC_UNSIGNED, weights: SYMMETRIC}
    model_activation_stats: STATS
    per_channel_wts: True
    clip_acts: AVG
    overrides:
      fc:
        bits_activations: null
        bits_parameters: null
"""


def test_a_file_for_post_training_quantization_is_read_with_its_arguments(tmp_path: Path) -> None:
    model = ConvNet().eval()
    save_activation_statistics(activation_statistics(model, [X]), tmp_path / "stats.yaml")
    (tmp_path / "quant.yaml").write_text(PUBLISHED.replace("STATS", str(tmp_path / "stats.yaml")))
    quantizer = distiller.config_component_from_file_by_class(
        model, tmp_path / "quant.yaml", "PostTrainLinearQuantizer"
    )
    quantizer.prepare_model(X)
    assert model.conv.weight_grid.bits == 6 and type(model.fc) is nn.Linear
