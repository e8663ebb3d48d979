"""The Transformer twins against torch's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import runtime.modules
from tests.runtime.against_torch import assert_refuses_alike, assert_same, distance, pair

F64 = torch.float64
WIDTH, HEADS, BATCH = 8, 2, 3
ACTIVATIONS: list[Any] = [
    "relu",
    "gelu",
    F.relu,
    F.gelu,
    torch.tanh,
    nn.GELU(),
    nn.PReLU(dtype=F64),
    torch.sin,
]


def sequence(length: int, batch_first: bool, batched: bool = True) -> Tensor:
    shape = (BATCH, length, WIDTH) if batch_first else (length, BATCH, WIDTH)
    return torch.randn(*(shape if batched else (length, WIDTH)), dtype=F64, requires_grad=True)


def causal(length: int) -> Tensor:
    return nn.Transformer.generate_square_subsequent_mask(length, dtype=F64)


def padding(length: int) -> Tensor:
    return torch.arange(length) >= torch.tensor([[length], [length - 1], [length - 2]])


LAYER_OPTIONS: list[dict[str, Any]] = [
    {},
    {"norm_first": True},
    {"batch_first": True},
    {"bias": False},
    {"layer_norm_eps": 1e-2, "dropout": 0.5},
    *({"activation": activation} for activation in ACTIVATIONS),
]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("options", LAYER_OPTIONS)
def test_encoder_layer_equals_torch(options: dict[str, Any], training: bool) -> None:
    original, twin = pair(
        nn.TransformerEncoderLayer,
        runtime.modules.TransformerEncoderLayer,
        WIDTH,
        HEADS,
        16,
        **options,
        dtype=F64,
    )
    original.train(training), twin.train(training)
    first = options.get("batch_first", False)
    assert_same(original, twin, sequence(4, first))
    assert_same(original, twin, sequence(4, first), causal(4), padding(4), True)
    assert_same(original, twin, sequence(4, first, batched=False), src_mask=causal(4) != 0)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("options", LAYER_OPTIONS)
def test_decoder_layer_equals_torch(options: dict[str, Any], training: bool) -> None:
    original, twin = pair(
        nn.TransformerDecoderLayer,
        runtime.modules.TransformerDecoderLayer,
        WIDTH,
        HEADS,
        16,
        **options,
        dtype=F64,
    )
    original.train(training), twin.train(training)
    first = options.get("batch_first", False)
    target, memory = sequence(4, first), sequence(5, first)
    assert_same(original, twin, target, memory)
    masks = {"tgt_mask": causal(4), "tgt_key_padding_mask": padding(4), "memory_key_padding_mask": padding(5)}
    assert_same(original, twin, target, memory, **masks, tgt_is_causal=True)
    assert_same(original, twin, target, memory, memory_mask=torch.randn(4, 5, dtype=F64))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_transformer_equals_torch(data: st.DataObject) -> None:
    flag = st.booleans()
    options = {
        "num_encoder_layers": data.draw(st.integers(1, 2)),
        "num_decoder_layers": data.draw(st.integers(1, 2)),
        "dim_feedforward": 16,
        "dropout": data.draw(st.sampled_from([0.0, 0.3])),
        "activation": data.draw(st.sampled_from(ACTIVATIONS[:6])),
        **{name: data.draw(flag, label=name) for name in ("batch_first", "norm_first", "bias")},
    }
    original, twin = pair(nn.Transformer, runtime.modules.Transformer, WIDTH, HEADS, **options, dtype=F64)
    training = data.draw(flag)
    original.train(training), twin.train(training)
    masks: dict[str, Any] = {}
    if data.draw(flag):
        masks |= {"src_mask": causal(5), "tgt_mask": causal(4)}
        masks["tgt_is_causal"] = data.draw(st.sampled_from([None, True, False]))
    if data.draw(flag):
        masks |= {"src_key_padding_mask": padding(5), "memory_key_padding_mask": padding(5)}
    first = options["batch_first"]
    assert_same(original, twin, sequence(5, first), sequence(4, first), **masks)


# Torch takes a mask that it does not check for left aligned, so the fourth combination is no encoder's result.
@pytest.mark.parametrize(("left_aligned", "mask_check"), [(True, True), (True, False), (False, True)])
def test_inference_gives_torchs_results_at_the_padding_too(left_aligned: bool, mask_check: bool) -> None:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 16, batch_first=True, dtype=F64)
    original, twin = pair(
        nn.TransformerEncoder,
        runtime.modules.TransformerEncoder,
        layer,
        2,
        nn.LayerNorm(WIDTH, dtype=F64),
        mask_check=mask_check,
    )
    original.eval(), twin.eval()
    mask = padding(5) if left_aligned else padding(5).flip(1)
    with torch.no_grad():
        for given_mask in (mask, torch.zeros(BATCH, 5, dtype=F64).masked_fill(mask, float("-inf"))):
            x = sequence(5, batch_first=True)
            ours, theirs = (m(x, src_key_padding_mask=given_mask) for m in (twin, original))
            assert distance(ours, theirs) < 1e-12


def test_stacks_make_twins_of_the_layers_they_copy_and_leave_the_given_one() -> None:
    given_layer = nn.TransformerDecoderLayer(WIDTH, HEADS, 16)
    decoder = runtime.modules.TransformerDecoder(given_layer, 2)
    assert type(given_layer) is nn.TransformerDecoderLayer
    assert [type(layer) for layer in decoder.layers] == [runtime.modules.TransformerDecoderLayer] * 2
    assert type(decoder.layers[0].multihead_attn) is runtime.modules.MultiheadAttention


def test_a_copy_keeps_an_activation_that_is_a_module() -> None:
    layer = runtime.modules.TransformerDecoderLayer(WIDTH, HEADS, 16, activation=nn.GELU(), dtype=F64).eval()
    target, memory = sequence(4, False), sequence(5, False)
    assert torch.equal(copy.deepcopy(layer)(target, memory), layer(target, memory))


def test_every_operation_of_a_layer_is_a_part_called_once() -> None:
    layer = runtime.modules.TransformerDecoderLayer(WIDTH, HEADS, 16, dtype=F64)
    calls: list[str] = []
    for name, module in layer.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda *_, name=name: calls.append(name))
    layer(sequence(4, False), sequence(5, False))
    unused = {"self_attn.average", "multihead_attn.average"}  # the averaged weights were not asked for
    leaves = {name for name, module in layer.named_modules() if not list(module.children())}
    assert sorted(calls) == sorted(leaves - unused)
    assert {"activation", "add1", "add2", "add3", "self_attn.q_proj", "multihead_attn.softmax"} <= leaves


def test_refuses_what_torch_refuses() -> None:
    original, twin = pair(nn.Transformer, runtime.modules.Transformer, WIDTH, HEADS, 1, 1, 16, dtype=F64)
    assert_refuses_alike(original, twin, sequence(4, False), sequence(4, False)[:, :2])
    assert_refuses_alike(original, twin, sequence(4, False), sequence(4, False)[..., :4])
    with pytest.raises(RuntimeError, match="activation should be relu/gelu"):
        runtime.modules.TransformerEncoderLayer(WIDTH, HEADS, activation="swish")
