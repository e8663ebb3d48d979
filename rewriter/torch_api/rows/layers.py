"""RW106: functions that are fed with a module's own parameters, normalization and attention."""

from __future__ import annotations

from rewriter.torch_api.row import Row
from rewriter.torch_api.rows.builder import module, spelled, wrapped
from rewriter.torch_api.traits import Trait

_SUM = Trait.WEIGHTED | Trait.CONTRACTION


def _fed(
    op: str,
    target: str,
    names: str,
    signature: str,
    operands: str = "input",
    traits: Trait = Trait.NONE,
    modules: str = "",
    aimet: str = "",
) -> Row:
    found = spelled(names, signature)
    return wrapped(op, "RW106", target, found, operands=operands, traits=traits, modules=modules, aimet=aimet)


def _conv(n: int) -> tuple[Row, Row]:
    signature = "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1"
    transposed = "input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1"
    return (
        _fed(
            f"conv{n}d",
            f"FunctionalConv{n}d",
            f"F.conv{n}d torch.conv{n}d",
            signature,
            "input weight",
            _SUM,
            f"Conv{n}d",
        ),
        _fed(
            f"conv_transpose{n}d",
            f"FunctionalConvTranspose{n}d",
            f"F.conv_transpose{n}d torch.conv_transpose{n}d",
            transposed,
            "input weight",
            _SUM,
            f"ConvTranspose{n}d",
        ),
    )


_ATTENTION = (
    "query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v, add_zero_attn, "
    "dropout_p, out_proj_weight, out_proj_bias, training=True, key_padding_mask=None, need_weights=True, "
    "attn_mask=None, use_separate_proj_weight=False, q_proj_weight=None, k_proj_weight=None, v_proj_weight=None, "
    "static_k=None, static_v=None, average_attn_weights=True, is_causal=False"
)

ROWS = (
    _fed("linear", "FunctionalLinear", "F.linear", "input, weight, bias=None", "input weight", _SUM, "Linear", "DynamicLinear"),
    _fed(
        "bilinear", "FunctionalBilinear", "F.bilinear torch.bilinear", "input1, input2, weight, bias=None",
        "input1 input2 weight", Trait.CONTRACTION, "Bilinear",
    ),
    *(row for n in (1, 2, 3) for row in _conv(n)),
    _fed("conv_tbc", "ConvTBC", "F.conv_tbc torch.conv_tbc", "input, weight, bias, pad=0", "input weight bias", Trait.CONTRACTION),
    _fed(
        "embedding", "FunctionalEmbedding", "F.embedding",
        "input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False",
        "input weight", Trait.WEIGHTED, "Embedding",
    ),
    _fed(
        "embedding_bag", "FunctionalEmbeddingBag", "F.embedding_bag",
        "input, weight, offsets=None, max_norm=None, norm_type=2, scale_grad_by_freq=False, mode='mean', "
        "sparse=False, per_sample_weights=None, include_last_offset=False, padding_idx=None",
        "input weight", Trait.WEIGHTED, "EmbeddingBag",
    ),
    _fed(
        "batch_norm", "FunctionalBatchNorm", "F.batch_norm",
        "input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-05",
        traits=Trait.NORMALIZATION, modules="BatchNorm1d; BatchNorm2d; BatchNorm3d; SyncBatchNorm",
    ),
    _fed(
        "layer_norm", "FunctionalLayerNorm", "F.layer_norm",
        "input, normalized_shape, weight=None, bias=None, eps=1e-05",
        traits=Trait.NORMALIZATION | Trait.ROWS, modules="LayerNorm",
    ),
    _fed(
        "group_norm", "FunctionalGroupNorm", "F.group_norm", "input, num_groups, weight=None, bias=None, eps=1e-05",
        traits=Trait.NORMALIZATION, modules="GroupNorm", aimet="GroupNorm",
    ),
    _fed(
        "instance_norm", "FunctionalInstanceNorm", "F.instance_norm",
        "input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, "
        "eps=1e-05",
        traits=Trait.NORMALIZATION, modules="InstanceNorm1d; InstanceNorm2d; InstanceNorm3d",
    ),
    _fed(
        "rms_norm", "FunctionalRMSNorm", "F.rms_norm torch.rms_norm", "input, normalized_shape, weight=None, eps=None",
        traits=Trait.NORMALIZATION | Trait.ROWS, modules="RMSNorm",
    ),
    module(
        "local_response_norm", "LocalResponseNorm", "size, alpha=0.0001, beta=0.75, k=1.0",
        spelled("F.local_response_norm", "input, size, alpha=0.0001, beta=0.75, k=1.0"), traits=Trait.NORMALIZATION,
    ),
    _fed(
        "normalize", "Normalize", "F.normalize", "input, p=2.0, dim=1, eps=1e-12, out=None",
        traits=Trait.NORMALIZATION | Trait.ROWS, aimet="Normalize",
    ),
    module(
        "cosine_similarity", "CosineSimilarity", "dim=1, eps=1e-08",
        spelled("F.cosine_similarity torch.cosine_similarity", "x1, x2, dim=1, eps=1e-8"), operands="x1 x2",
    ),
    module(
        "pairwise_distance", "PairwiseDistance", "p=2.0, eps=1e-06, keepdim=False",
        spelled("F.pairwise_distance torch.pairwise_distance", "x1, x2, p=2.0, eps=1e-6, keepdim=False"), operands="x1 x2",
    ),
    _fed("pdist", "Pdist", "F.pdist torch.pdist", "input, p=2"),
    _fed(
        "scaled_dot_product_attention", "ScaledDotProductAttention", "F.scaled_dot_product_attention",
        "query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, *, scale=None, enable_gqa=False",
        "query key value", Trait.CONTRACTION,
    ),
    wrapped(
        "multi_head_attention_forward", "RW106", "MultiHeadAttentionForward",
        spelled("F.multi_head_attention_forward", _ATTENTION),
        operands="query key value", attribute="multi_head_attention", returns="tensors", traits=Trait.CONTRACTION,
    ),
)  # fmt: skip
