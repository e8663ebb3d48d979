"""The attention twin against `nn.MultiheadAttention`, over every option and every kind of mask."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import runtime.modules
from tests.runtime.against_torch import assert_refuses_alike, assert_same, pair

F64 = torch.float64
TARGET, SOURCE, BATCH, HEADS, EMBED = 3, 4, 2, 2, 8
INF = float("inf")


def twins(**options: Any) -> Any:
    return pair(nn.MultiheadAttention, runtime.modules.MultiheadAttention, EMBED, HEADS, **options)


def sequence(module: Any, length: int, width: int, batched: bool) -> Tensor:
    shape = (BATCH, length, width) if module.batch_first else (length, BATCH, width)
    dtype = next(module.parameters()).dtype
    return torch.randn(*(shape if batched else (length, width)), dtype=dtype, requires_grad=True)


def operands(module: Any, attends_to: str, batched: bool) -> tuple[Tensor, Tensor, Tensor]:
    query = sequence(module, TARGET, EMBED, batched)
    if attends_to == "itself":
        return query, query, query
    key = sequence(module, SOURCE, module.kdim, batched)
    shares = attends_to == "one memory" and module.kdim == module.vdim
    return query, key, key if shares else sequence(module, SOURCE, module.vdim, batched)


def attention_mask(kind: str, source: int, batched: bool, dtype: torch.dtype) -> Tensor | None:
    heads = HEADS * (BATCH if batched else 1)
    causal = torch.ones(TARGET, source).triu(1).bool()
    return {
        "none": None,
        "bool": torch.arange(TARGET * source).view(TARGET, source) % 3 == 1,
        "float": torch.randn(TARGET, source, dtype=dtype),
        "bool by head": torch.arange(heads * TARGET * source).view(heads, TARGET, source) % 3 == 1,
        "float by head": torch.randn(heads, TARGET, source, dtype=dtype),
        "causal": torch.zeros(TARGET, source, dtype=dtype).masked_fill(causal, -INF),
    }[kind]


def padding_mask(kind: str, source: int, batched: bool, dtype: torch.dtype) -> Tensor | None:
    padded = torch.zeros(BATCH, source, dtype=torch.bool)
    padded[0, -1] = True
    mask = {"none": None, "bool": padded, "float": torch.randn(BATCH, source, dtype=dtype)}[kind]
    return mask if mask is None or batched else mask[0]


MASKS = ["none", "bool", "float", "bool by head", "float by head", "causal"]
ATTENDS_TO = ["itself", "one memory", "two memories"]


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=["float32", "float64"])
@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize(("mask", "padding"), list(itertools.product(MASKS, ["none", "bool", "float"])))
@pytest.mark.parametrize("attends_to", ATTENDS_TO)
def test_masks_equal_torch(attends_to: str, mask: str, padding: str, need_weights: bool, dtype: torch.dtype) -> None:
    original, twin = twins(dtype=dtype)
    query, key, value = operands(original, attends_to, batched=True)
    assert_same(
        original,
        twin,
        query,
        key,
        value,
        key_padding_mask=padding_mask(padding, key.shape[0], True, dtype),
        need_weights=need_weights,
        attn_mask=attention_mask(mask, key.shape[0], True, dtype),
        is_causal=mask == "causal",
    )


OPTIONS: list[dict[str, Any]] = [
    {"bias": False},
    {"add_bias_kv": True},
    {"add_zero_attn": True},
    {"kdim": 5, "vdim": 7},
    {"batch_first": True},
    {"dropout": 0.5},
    {"bias": False, "add_bias_kv": True, "add_zero_attn": True, "kdim": 5, "vdim": 7, "batch_first": True},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
def test_options_equal_torch(options: dict[str, Any], batched: bool, need_weights: bool) -> None:
    original, twin = twins(**options, dtype=F64)
    query, key, value = operands(original, "one memory", batched)
    mask = attention_mask("causal", SOURCE, batched, F64)
    assert_same(original, twin, query, key, value, need_weights=need_weights, attn_mask=mask, is_causal=True)
    padding = padding_mask("bool", SOURCE, batched, F64)
    assert_same(original, twin, query, key, value, padding, need_weights, average_attn_weights=False)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_combination_equals_torch(data: st.DataObject) -> None:
    flag = st.booleans()
    options: dict[str, Any] = {
        name: data.draw(flag, label=name) for name in ("bias", "add_bias_kv", "add_zero_attn", "batch_first")
    }
    attends_to = data.draw(st.sampled_from(ATTENDS_TO))
    if attends_to != "itself" and data.draw(flag):
        options |= {"kdim": 5, "vdim": data.draw(st.sampled_from([5, 7]))}
    original, twin = twins(**options, dropout=data.draw(st.sampled_from([0.0, 0.3])), dtype=F64)
    training, batched, need_weights = data.draw(flag), data.draw(flag), data.draw(flag)
    original.train(training), twin.train(training)
    query, key, value = operands(original, attends_to, batched)
    source = TARGET if attends_to == "itself" else SOURCE
    mask = data.draw(st.sampled_from(MASKS))
    assert_same(
        original,
        twin,
        query,
        key,
        value,
        padding_mask(data.draw(st.sampled_from(["none", "bool", "float"])), source, batched, F64),
        need_weights,
        attention_mask(mask, source, batched, F64),
        data.draw(flag),
        mask == "causal" and data.draw(flag),
    )


def test_inference_equals_torchs_fused_path() -> None:
    original, twin = twins(batch_first=True)
    original.eval(), twin.eval()
    x = sequence(original, TARGET, EMBED, batched=True).detach()
    with torch.no_grad():
        theirs, ours = original(x, x, x), twin(x, x, x)
    assert torch.allclose(ours[0], theirs[0], atol=1e-6) and torch.allclose(ours[1], theirs[1], atol=1e-6)


def test_a_row_with_everything_masked_attends_to_nothing() -> None:
    original, twin = twins(dtype=F64)
    query, key, value = operands(original, "itself", batched=True)
    mask = torch.zeros(TARGET, TARGET, dtype=torch.bool)
    mask[1] = True
    assert_same(original, twin, query, key, value, need_weights=False, attn_mask=mask)
    assert torch.isfinite(twin(query, key, value, need_weights=False, attn_mask=mask)[0]).all()


REFUSED = {
    "query dimensions": lambda q, k: {"query": q.unsqueeze(0)},
    "key dimensions": lambda q, k: {"key": k[0]},
    "embedding": lambda q, k: {"query": q[..., :4]},
    "key and value": lambda q, k: {"value": k[:-1]},
    "mask size": lambda q, k: {"attn_mask": torch.zeros(TARGET, SOURCE + 1)},
    "mask by head size": lambda q, k: {"attn_mask": torch.zeros(3, TARGET, SOURCE)},
    "mask dimensions": lambda q, k: {"attn_mask": torch.zeros(SOURCE)},
    "integer mask": lambda q, k: {"attn_mask": torch.zeros(TARGET, SOURCE, dtype=torch.int)},
    "padding size": lambda q, k: {"key_padding_mask": torch.zeros(BATCH, SOURCE + 1)},
    "padding dimensions": lambda q, k: {"key_padding_mask": torch.zeros(SOURCE)},
    "causal without a mask": lambda q, k: {"is_causal": True},
}


@pytest.mark.parametrize("why", REFUSED)
def test_refuses_what_torch_refuses(why: str) -> None:
    original, twin = twins()
    query, key, value = operands(original, "one memory", batched=True)
    arguments = {"query": query, "key": key, "value": value, **REFUSED[why](query, key)}
    assert_refuses_alike(original, twin, **arguments)


def test_every_part_is_called_once_whatever_is_attended_to() -> None:
    twin = runtime.modules.MultiheadAttention(EMBED, HEADS)
    calls: list[str] = []
    for name, module in twin.named_modules():
        if name:
            module.register_forward_hook(lambda *_, name=name: calls.append(name))
    for attends_to in ATTENDS_TO:
        calls.clear()
        twin(*operands(twin, attends_to, batched=True))
        assert sorted(calls) == sorted(name for name, _ in twin.named_modules() if name)


def test_the_dropout_rate_may_change() -> None:
    original, twin = twins(dtype=F64)
    original.dropout = twin.dropout = 0.5
    assert_same(original, twin, *operands(original, "itself", batched=True))
