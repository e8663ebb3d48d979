"""Checkpoints: what is loaded computes what was saved, and goes on training as it would have."""

from __future__ import annotations

import enum
import io
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from runtime.quantization.checkpoint import load_checkpoint, plain, save_checkpoint
from runtime.quantization.metadata import quantizer_metadata
from runtime.quantization.methods.dorefa import DorefaQuantizer
from runtime.quantization.methods.pact import PACTQuantizer
from runtime.quantization.quantizer import Quantizer
from tests.runtime.quantization.small import ConvNet, quadrants, train

X, _ = quadrants(16)


def fresh(lr: float = 0.05) -> tuple[ConvNet, torch.optim.Optimizer]:
    model = ConvNet()
    return model, torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def quantized(wrap: bool = False) -> tuple[nn.Module, torch.optim.Optimizer]:
    model, optimizer = fresh()
    shown: nn.Module = nn.DataParallel(model) if wrap else model
    overrides = OrderedDict([("conv", {"bits_weights": 8}), ("relu2", {"act_clip_init_val": 4.0})])
    PACTQuantizer(shown, optimizer, bits_activations=4, bits_weights=4, overrides=overrides).prepare_model()
    train(shown, optimizer, 3)
    return shown, optimizer


def saved(model: nn.Module, optimizer: Any = None, **more: Any) -> io.BytesIO:
    target = io.BytesIO()
    save_checkpoint(target, model, optimizer, **more)
    target.seek(0)
    return target


def test_loads_into_a_float_model_and_goes_on_training_alike() -> None:
    model, optimizer = quantized()
    file = saved(model, optimizer, epoch=3)
    other, other_optimizer = fresh()
    quantizer, more = load_checkpoint(file, other, other_optimizer)
    assert isinstance(quantizer, PACTQuantizer) and more == {"epoch": 3}
    assert torch.equal(model.eval()(X), other.eval()(X))
    assert train(model, optimizer, 3) == train(other, other_optimizer, 3)
    assert quantizer_metadata(other)["params"] == quantizer_metadata(model)["params"]  # type: ignore[index]


def test_loads_for_evaluation_without_an_optimizer(tmp_path: Path) -> None:
    model, optimizer = quantized()
    save_checkpoint(tmp_path / "model.pt", model, optimizer)
    other, _ = fresh()
    load_checkpoint(tmp_path / "model.pt", other)
    assert torch.equal(model.eval()(X), other.eval()(X))


def test_a_wrapped_model_is_saved_without_its_wrapper() -> None:
    model, _ = quantized(wrap=True)
    other, _ = fresh()
    load_checkpoint(saved(model), other)
    assert torch.equal(model.eval()(X), other.eval()(X))


def test_loads_into_a_model_that_is_prepared_already() -> None:
    (model, _), (other, _) = quantized(), quantized()
    quantizer, _ = load_checkpoint(saved(model), other)
    assert quantizer is None
    assert torch.equal(model.eval()(X), other.eval()(X))


def test_a_float_model_stays_one() -> None:
    (model, _), (other, _) = fresh(), fresh()
    quantizer, _ = load_checkpoint(saved(model), other)
    assert quantizer is None and quantizer_metadata(other) is None
    assert torch.equal(model.eval()(X), other.eval()(X))


def test_another_quantizers_model_is_refused() -> None:
    model, _ = quantized()
    other, optimizer = fresh()
    DorefaQuantizer(other, optimizer, bits_weights=4).prepare_model()
    with pytest.raises(ValueError, match=r"dorefa\.DorefaQuantizer, but the checkpoint's by .*pact\.PACTQuantizer"):
        load_checkpoint(saved(model), other)


def test_a_quantizer_that_is_not_here_is_named_and_not_imported() -> None:
    model, _ = fresh()
    file = io.BytesIO()
    metadata = {"type": "antigravity.Quantizer", "params": {}, "dummy_input": None}
    torch.save({"model": model.state_dict(), "quantizer": metadata, "optimizer": None}, file)
    file.seek(0)
    with pytest.raises(LookupError, match=r"antigravity\.Quantizer, which is not here"):
        load_checkpoint(file, model)


def test_other_files_are_refused() -> None:
    file = io.BytesIO()
    torch.save({"state_dict": {}}, file)
    file.seek(0)
    with pytest.raises(ValueError, match="is not a checkpoint of save_checkpoint"):
        load_checkpoint(file, ConvNet())


def test_names_that_are_taken_are_refused() -> None:
    with pytest.raises(ValueError, match="'quantizer' is a name that the checkpoint uses itself"):
        save_checkpoint(io.BytesIO(), ConvNet(), quantizer="mine")


class Custom(Quantizer):
    """Takes an argument that no file can hold."""

    def __init__(self, *args: Any, rule: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.param_quantization_fn = lambda tensor, bits: tensor


def test_arguments_that_cannot_be_held_are_named() -> None:
    model = ConvNet()
    Custom(model, None, 8, bits_weights=4, rule=len).prepare_model()
    with pytest.raises(TypeError, match=r"quantizer\['params'\]\['rule'\] is a builtins"):
        save_checkpoint(io.BytesIO(), model)


def test_arguments_given_by_position_are_kept_by_name() -> None:
    model, other = ConvNet(), ConvNet()
    Custom(model, None, 8, bits_weights=4, rule="x").prepare_model()
    quantizer, _ = load_checkpoint(saved(model), other)
    assert isinstance(quantizer, Custom)
    assert quantizer.default_qbits[:2] == (8, 4)


class Colour(enum.Enum):
    RED = "red"


def test_plain_values() -> None:
    given = {"a": (1, Colour.RED), "b": OrderedDict(c=None), "d": torch.ones(1, requires_grad=True)}
    kept = plain(given, "it")
    assert kept["a"] == [1, "red"] and type(kept["b"]) is dict and not kept["d"].requires_grad


def test_no_file_that_a_checkpoint_names_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    name = "runtime.quantization.post_training.PostTrainLinearQuantizer"
    metadata = {"type": name, "params": {"statistics": "/dev/zero"}, "dummy_input": torch.ones(1, 4)}
    torch.save({"model": {}, "quantizer": metadata, "optimizer": None}, path)
    with pytest.raises(ValueError, match="names a file of statistics, '/dev/zero'"):
        load_checkpoint(path, nn.Linear(4, 4))
