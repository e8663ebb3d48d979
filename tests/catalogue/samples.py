"""Sample calls of every spelling in the catalogue, as source text over a fixed set of named inputs."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import torch
from torch import Tensor

from rewriter.torch_api.row import Parameter, Row, Spelling

INPUTS: dict[str, tuple[int, ...]] = {
    "x": (2, 4, 6, 6), "y": (2, 4, 6, 6), "z": (2, 4, 6, 6), "m": (4, 4), "n": (4, 4), "k": (4, 4), "v": (4,), "u": (4,),
    "b": (3, 4, 4), "c": (3, 4, 4), "d": (3, 4, 4), "s": (2, 4, 9), "h": (2, 4, 4, 4, 4), "w": (6, 4, 3, 3),
    "w1": (6, 4, 3), "w3": (6, 4, 3, 3, 3), "t": (4, 6, 3, 3), "t1": (4, 6, 3), "t3": (4, 6, 3, 3, 3), "bias": (6,),
    "e": (5, 3), "grid": (2, 3, 3, 2), "theta": (2, 2, 3), "cols": (2, 36, 9), "seq": (5, 2, 4), "w_tbc": (3, 4, 6),
    "qkv": (12, 4), "qkv_bias": (12,), "w_bil": (3, 4, 4), "bias3": (3,), "bias4": (4,),
}  # fmt: skip
OTHERS = ("idx", "mask", "offsets", "pool1", "pool2", "pool3")

# Values for parameters, whatever the operation.
COMMON = {
    "input": "x", "other": "y", "exponent": "2", "tensor1": "y", "tensor2": "z", "value": "0.5", "end": "y",
    "weight": "0.3", "alpha": "0.7", "beta": "0.5", "rounding_mode": '"floor"', "mat1": "n", "batch1": "c",
    "batch2": "d", "mat": "n", "vec": "v", "min": "0.4", "max": "1.2", "decimals": "1", "condition": "mask",
    "mask": "mask", "dim": "1", "dtype": "torch.float64", "keepdim": "True", "unbiased": "False",
    "correction": "0", "tensors": "[x, y]", "chunks": "2", "split_size_or_sections": "2", "split_size": "2",
    "p": "0.4", "training": "True", "negative_slope": "0.2", "approximate": '"tanh"', "min_val": "0.2",
    "max_val": "0.9", "threshold": "0.5", "lambd": "0.3", "lower": "0.1", "upper": "0.4", "kernel_size": "3",
    "stride": "2", "padding": "1", "dilation": "1", "ceil_mode": "True", "return_indices": "False",
    "count_include_pad": "False", "divisor_override": "3", "output_size": "3", "norm_type": "2", "eps": "1e-3",
    "groups": "1", "bias": "bias", "inplace": "False", "nan": "0.0", "posinf": "1.0", "neginf": "-1.0",
    "mode": '"bilinear"', "align_corners": "True", "antialias": "False", "recompute_scale_factor": "False",
    "size": "(9, 9)", "scale_factor": "2", "padding_mode": '"border"', "output_padding": "0", "momentum": "0.2",
    "num_groups": "2", "normalized_shape": "(6, 6)", "attn_mask": "None", "dropout_p": "0.0", "is_causal": "True",
    "scale": "0.5", "enable_gqa": "False", "start": "0", "dims": "2", "_stacklevel": "3", "hard": "True", "tau": "0.8",
    "upscale_factor": "2", "downscale_factor": "2", "k": "2.0", "pad": "(1, 1)", "out": "None",
    "padding_idx": "0", "max_norm": "None", "scale_grad_by_freq": "False", "sparse": "False", "iterable": "[x, y]",
    "use_input_stats": "True", "running_mean": "v.detach()", "running_var": "u.detach()", "ord": "2",
    "_random_samples": "None", "offsets": "offsets", "per_sample_weights": "None", "include_last_offset": "False",
    "x1": "x", "x2": "y",
}  # fmt: skip

_POOLED = {n: {"input": {1: "s", 2: "x", 3: "h"}[n], "kernel_size": "2", "padding": "0"} for n in (1, 2, 3)}
_MATRICES = {"input": "m", "mat2": "n", "other": "n"}
# What an operation needs otherwise.
SPECIAL: dict[str, dict[str, str]] = {
    "matmul": _MATRICES, "mm": _MATRICES, "bmm": {"input": "b", "mat2": "c"}, "mv": {"input": "m", "vec": "v"},
    "dot": {"input": "v", "tensor": "u"}, "inner": {"input": "v", "other": "u"}, "outer": {"input": "v", "vec2": "u"},
    "addmm": {"input": "m", "mat2": "k"}, "addmv": {"input": "v", "vec": "u"}, "addbmm": {"input": "m"},
    "baddbmm": {"input": "b"}, "einsum": {"equation": '"ij,jk->ik"', "operands": "m, n"},
    "tensordot": {"a": "m", "b": "n"}, "masked_fill": {"value": "-1.0"}, "where": {"input": "x", "other": "y"},
    "split": {"tensor": "x"}, "lerp": {"weight": "0.3"}, "norm": {"p": "2"}, "prelu": {"weight": "v.mean()[None]"},
    "linalg_norm": {"input": "m"}, "gumbel_softmax": {"logits": "x"},
    "threshold": {"value": "0.1"}, "softplus": {"beta": "2", "threshold": "10"}, "amax": {"dim": "(1, 2)"},
    "linear": {"input": "m", "weight": "w.flatten(1)[:, :4]"}, "bilinear": {
        "input1": "m", "input2": "n", "weight": "w_bil", "bias": "bias3"},
    "conv1d": {"input": "s", "weight": "w1"}, "conv2d": {"weight": "w"}, "conv3d": {"input": "h", "weight": "w3"},
    "conv_transpose1d": {"input": "s", "weight": "t1"}, "conv_transpose2d": {"weight": "t"},
    "conv_transpose3d": {"input": "h", "weight": "t3"},
    "conv_tbc": {"input": "seq", "weight": "w_tbc", "bias": "bias", "pad": "1"},
    "embedding": {"input": "idx", "weight": "e"}, "embedding_bag": {
        "input": "idx", "weight": "e", "mode": '"sum"', "padding_idx": "None"},
    "batch_norm": {"weight": "u", "bias": "v"}, "layer_norm": {"weight": "x[0, 0]", "bias": "y[0, 0]"},
    "group_norm": {"weight": "v", "bias": "u"}, "instance_norm": {"weight": "v", "bias": "u"},
    "rms_norm": {"weight": "x[0, 0]"}, "local_response_norm": {"size": "2"}, "pairwise_distance": {"p": "1.0"},
    "pdist": {"input": "m", "p": "1.0"}, "normalize": {"p": "1.0", "out": "None"},
    "scaled_dot_product_attention": {"query": "b", "key": "c", "value": "d"},
    "multi_head_attention_forward": {
        "query": "b", "key": "c", "value": "d", "embed_dim_to_check": "4", "num_heads": "2", "in_proj_weight": "qkv",
        "in_proj_bias": "qkv_bias", "bias_k": "None", "bias_v": "None", "add_zero_attn": "False",
        "out_proj_weight": "m", "out_proj_bias": "v", "training": "False", "key_padding_mask": "None",
        "need_weights": "True", "use_separate_proj_weight": "False", "q_proj_weight": "None", "k_proj_weight": "None",
        "v_proj_weight": "None", "static_k": "None", "static_v": "None", "average_attn_weights": "False",
        "is_causal": "False"},
    "interpolate": {"scale_factor": "None"}, "upsample": {"scale_factor": "None"},
    "upsample_nearest": {"scale_factor": "None"}, "upsample_bilinear": {"scale_factor": "None"},
    "pad": {"mode": '"constant"'}, "grid_sample": {"grid": "grid"}, "affine_grid": {"theta": "theta", "size": "(2, 3, 4, 4)"},
    "channel_shuffle": {"groups": "2"}, "unfold": {"padding": "0", "stride": "1"},
    "fold": {"input": "cols", "output_size": "(7, 7)", "kernel_size": "3", "padding": "0", "stride": "2"},
    "rrelu": {"training": "True"},
    **{f"max_unpool{n}d": {
        "input": f"pool{n}[0]", "indices": f"pool{n}[1]", "kernel_size": "2", "stride": "2", "padding": "0",
        "output_size": "None"} for n in (1, 2, 3)},
    **{f"{kind}{n}d{end}": values for n, values in _POOLED.items() for kind in ("max_pool", "avg_pool", "lp_pool",
        "adaptive_avg_pool", "adaptive_max_pool") for end in ("", "_with_indices")},
    **{f"fractional_max_pool{n}d{end}": {**_POOLED[n], "output_ratio": "None", "output_size": "2"} for n in (2, 3) for end in ("", "_with_indices")},
    **{f"dropout{n}d": {"input": {1: "s", 2: "x", 3: "h"}[n]} for n in (1, 2, 3)},
    "max": {"other": "y"}, "min": {"other": "y"}, "acosh": {"input": "x + 1"}, "cumsum": {"dtype": "None"},
    "cumprod": {"dtype": "None"},
}  # fmt: skip


def make_inputs(seed: int = 0) -> dict[str, Tensor | tuple[Tensor, ...]]:
    """Fresh leaves with values in (0, 1), and the few inputs that are no float tensors."""
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, Tensor | tuple[Tensor, ...]] = {
        name: (torch.rand(shape, generator=generator) * 0.9 + 0.05).requires_grad_() for name, shape in INPUTS.items()
    }
    found["idx"] = torch.tensor([1, 2, 4, 0])
    found["mask"] = torch.rand(2, 4, 6, 6, generator=generator) > 0.5
    found["offsets"] = torch.tensor([0, 2])
    pool = torch.nn.functional
    for n, name in ((1, "s"), (2, "x"), (3, "h")):
        values = torch.rand(INPUTS[name], generator=generator)[..., :4]
        found[f"pool{n}"] = getattr(pool, f"max_pool{n}d_with_indices")(values, 2, 2)
    return found


def argument(row: Row, parameter: Parameter) -> str:
    special = SPECIAL.get(row.op, {})
    if parameter.name in special:
        return special[parameter.name]
    return COMMON[parameter.name]


def prelude(row: Row, text: str) -> Iterator[str]:
    """Assignments of the variables `arg_<parameter>` that an expression reads."""
    for name in sorted(set(re.findall(r"arg_(\w+)", text))):
        yield f"arg_{name} = {SPECIAL.get(row.op, {}).get(name, COMMON.get(name))}"


def expressions(row: Row, spelling: Spelling) -> Iterator[tuple[str, str]]:
    """(variant, source) of this spelling: arguments positional, by keyword, shuffled, defaulted, not constant."""
    parameters = [p for p in spelling.parameters if p.name not in _skipped(row, spelling)]
    values = {p.name: argument(row, p) for p in parameters}
    if spelling.name.endswith("=") or not spelling.name[0].isalpha() or spelling.name.startswith("unary"):
        yield from _operator(spelling, [values[p.name] for p in parameters])
        return
    required = [p for p in parameters if p.required or p.variadic]
    yield "defaulted", _call(spelling, required, values, keyword_from=len(required))
    yield "positional", _call(spelling, parameters, values, keyword_from=len(parameters))
    if not any(p.variadic for p in parameters) and not spelling.name.startswith(("builtins.", "operator.")):
        yield "keyword", _call(spelling, parameters, values, keyword_from=0)
        shuffled = list(parameters)
        random.Random(spelling.name).shuffle(shuffled)
        if not spelling.name.startswith("torch.Tensor."):
            yield "shuffled", _call(spelling, shuffled, values, keyword_from=0)
        operands = {o.lstrip("*") for o in row.operands}
        given = {name: value if name in operands else f"arg_{name}" for name, value in values.items()}
        yield "given", _call(spelling, parameters, given, keyword_from=1)


def _skipped(row: Row, spelling: Spelling) -> set[str]:
    """Parameters that cannot be combined with the others in one call."""
    skipped = {p.name for p in spelling.parameters if p.name == "out" and p.keyword_only}
    if "ceil_mode" in (names := {p.name for p in spelling.parameters}) and "divisor_override" in names:
        skipped.add("ceil_mode")
    return skipped


def _operator(spelling: Spelling, values: list[str]) -> Iterator[tuple[str, str]]:
    if spelling.name.startswith("unary"):
        yield "operator", f"-{values[0]}"
    elif spelling.name.endswith("="):
        yield "augmented", f"{values[0]} {spelling.name} {values[1]}"
    else:
        yield "operator", f"{values[0]} {spelling.name} {values[1]}"
        if spelling.name != "@":
            yield "reflected", f"2 {spelling.name} {values[0]}"
            yield "scalar", f"{values[0]} {spelling.name} 3"


def _call(spelling: Spelling, parameters: list[Parameter], values: dict[str, str], keyword_from: int) -> str:
    method = spelling.name.startswith("torch.Tensor.")
    receiver = ""
    if method:
        first = spelling.parameters[0]
        receiver = values[first.name]
        parameters = [p for p in parameters if p is not first and p.name != first.name]
        keyword_from = max(keyword_from - 1, 0)
    parts = []
    for index, parameter in enumerate(parameters):
        named = parameter.keyword_only or (index >= keyword_from and not parameter.variadic)
        parts.append(f"{parameter.name}={values[parameter.name]}" if named else values[parameter.name])
    name = spelling.name.removeprefix("builtins.").replace("torch.nn.functional.", "F.")
    if method:
        receiver = receiver if receiver.isidentifier() else f"({receiver})"
        return f"{receiver}.{spelling.name.removeprefix('torch.Tensor.')}({', '.join(parts)})"
    return f"{name}({', '.join(parts)})"
