"""Functions that are fed with a module's own parameters, normalization and attention."""

from __future__ import annotations

import torch.nn.functional as F

from runtime.modules.base import Operation


class FunctionalLinear(Operation):
    """`torch.nn.functional.linear`: takes at each call what `nn.Linear` fixes or owns."""

    takes = ("bias",)
    function = F.linear


class FunctionalBilinear(Operation):
    """`torch.nn.functional.bilinear`: takes at each call what `nn.Bilinear` fixes or owns."""

    takes = ("bias",)
    function = F.bilinear


class FunctionalConv1d(Operation):
    """`torch.nn.functional.conv1d`: takes at each call what `nn.Conv1d` fixes or owns."""

    takes = ("bias", "stride", "padding", "dilation", "groups")
    function = F.conv1d


class FunctionalConvTranspose1d(Operation):
    """`torch.nn.functional.conv_transpose1d`: takes at each call what `nn.ConvTranspose1d` fixes or owns."""

    takes = ("bias", "stride", "padding", "output_padding", "groups", "dilation")
    function = F.conv_transpose1d


class FunctionalConv2d(Operation):
    """`torch.nn.functional.conv2d`: takes at each call what `nn.Conv2d` fixes or owns."""

    takes = ("bias", "stride", "padding", "dilation", "groups")
    function = F.conv2d


class FunctionalConvTranspose2d(Operation):
    """`torch.nn.functional.conv_transpose2d`: takes at each call what `nn.ConvTranspose2d` fixes or owns."""

    takes = ("bias", "stride", "padding", "output_padding", "groups", "dilation")
    function = F.conv_transpose2d


class FunctionalConv3d(Operation):
    """`torch.nn.functional.conv3d`: takes at each call what `nn.Conv3d` fixes or owns."""

    takes = ("bias", "stride", "padding", "dilation", "groups")
    function = F.conv3d


class FunctionalConvTranspose3d(Operation):
    """`torch.nn.functional.conv_transpose3d`: takes at each call what `nn.ConvTranspose3d` fixes or owns."""

    takes = ("bias", "stride", "padding", "output_padding", "groups", "dilation")
    function = F.conv_transpose3d


class ConvTBC(Operation):
    """`torch.nn.functional.conv_tbc`."""

    takes = ("pad",)
    function = F.conv_tbc


class FunctionalEmbedding(Operation):
    """`torch.nn.functional.embedding`: takes at each call what `nn.Embedding` fixes or owns."""

    takes = ("padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse")
    function = F.embedding


class FunctionalEmbeddingBag(Operation):
    """`torch.nn.functional.embedding_bag`: takes at each call what `nn.EmbeddingBag` fixes or owns."""

    takes = (
        "offsets",
        "max_norm",
        "norm_type",
        "scale_grad_by_freq",
        "mode",
        "sparse",
        "per_sample_weights",
        "include_last_offset",
        "padding_idx",
    )
    function = F.embedding_bag


class FunctionalBatchNorm(Operation):
    """`torch.nn.functional.batch_norm`: takes at each call what `nn.BatchNorm` fixes or owns."""

    takes = ("running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    function = F.batch_norm


class FunctionalLayerNorm(Operation):
    """`torch.nn.functional.layer_norm`: takes at each call what `nn.LayerNorm` fixes or owns."""

    takes = ("normalized_shape", "weight", "bias", "eps")
    function = F.layer_norm


class FunctionalGroupNorm(Operation):
    """`torch.nn.functional.group_norm`: takes at each call what `nn.GroupNorm` fixes or owns."""

    takes = ("num_groups", "weight", "bias", "eps")
    function = F.group_norm


class FunctionalInstanceNorm(Operation):
    """`torch.nn.functional.instance_norm`: takes at each call what `nn.InstanceNorm` fixes or owns."""

    takes = ("running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps")
    function = F.instance_norm


class FunctionalRMSNorm(Operation):
    """`torch.nn.functional.rms_norm`: takes at each call what `nn.RMSNorm` fixes or owns."""

    takes = ("normalized_shape", "weight", "eps")
    function = F.rms_norm


class FunctionalLocalResponseNorm(Operation):
    """`torch.nn.functional.local_response_norm`: takes at each call what `nn.LocalResponseNorm` fixes or owns."""

    takes = ("size", "alpha", "beta", "k")
    function = F.local_response_norm


class Normalize(Operation):
    """`torch.nn.functional.normalize`."""

    takes = ("p", "dim", "eps")
    function = F.normalize


class FunctionalCosineSimilarity(Operation):
    """`torch.nn.functional.cosine_similarity`: takes at each call what `nn.CosineSimilarity` fixes or owns."""

    takes = ("dim", "eps")
    function = F.cosine_similarity


class FunctionalPairwiseDistance(Operation):
    """`torch.nn.functional.pairwise_distance`: takes at each call what `nn.PairwiseDistance` fixes or owns."""

    takes = ("p", "eps", "keepdim")
    function = F.pairwise_distance


class Pdist(Operation):
    """`torch.nn.functional.pdist`."""

    takes = ("p",)
    function = F.pdist


class ScaledDotProductAttention(Operation):
    """`torch.nn.functional.scaled_dot_product_attention`."""

    takes = ("attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")
    function = F.scaled_dot_product_attention


class MultiHeadAttentionForward(Operation):
    """`torch.nn.functional.multi_head_attention_forward`."""

    takes = (
        "embed_dim_to_check",
        "num_heads",
        "in_proj_weight",
        "in_proj_bias",
        "bias_k",
        "bias_v",
        "add_zero_attn",
        "dropout_p",
        "out_proj_weight",
        "out_proj_bias",
        "training",
        "key_padding_mask",
        "need_weights",
        "attn_mask",
        "use_separate_proj_weight",
        "q_proj_weight",
        "k_proj_weight",
        "v_proj_weight",
        "static_k",
        "static_v",
        "average_attn_weights",
        "is_causal",
    )
    function = F.multi_head_attention_forward
