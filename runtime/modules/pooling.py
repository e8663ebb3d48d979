"""Pooling, with its arguments at each call."""

from __future__ import annotations

import torch.nn.functional as F

from runtime.modules.base import Operation


class FunctionalMaxPool1d(Operation):
    """`torch.nn.functional.max_pool1d`: takes at each call what `nn.MaxPool1d` fixes or owns."""

    takes = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    function = F.max_pool1d


class MaxPool1dWithIndices(Operation):
    """`torch.nn.functional.max_pool1d_with_indices`."""

    takes = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    function = F.max_pool1d_with_indices


class FunctionalMaxUnpool1d(Operation):
    """`torch.nn.functional.max_unpool1d`: takes at each call what `nn.MaxUnpool1d` fixes or owns."""

    takes = ("kernel_size", "stride", "padding", "output_size")
    function = F.max_unpool1d


class FunctionalAvgPool1d(Operation):
    """`torch.nn.functional.avg_pool1d`: takes at each call what `nn.AvgPool1d` fixes or owns."""

    takes = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
    function = F.avg_pool1d


class FunctionalAdaptiveAvgPool1d(Operation):
    """`torch.nn.functional.adaptive_avg_pool1d`: takes at each call what `nn.AdaptiveAvgPool1d` fixes or owns."""

    takes = ("output_size",)
    function = F.adaptive_avg_pool1d


class FunctionalAdaptiveMaxPool1d(Operation):
    """`torch.nn.functional.adaptive_max_pool1d`: takes at each call what `nn.AdaptiveMaxPool1d` fixes or owns."""

    takes = ("output_size", "return_indices")
    function = F.adaptive_max_pool1d


class AdaptiveMaxPool1dWithIndices(Operation):
    """`torch.nn.functional.adaptive_max_pool1d_with_indices`."""

    takes = ("output_size", "return_indices")
    function = F.adaptive_max_pool1d_with_indices


class FunctionalLPPool1d(Operation):
    """`torch.nn.functional.lp_pool1d`: takes at each call what `nn.LPPool1d` fixes or owns."""

    takes = ("norm_type", "kernel_size", "stride", "ceil_mode")
    function = F.lp_pool1d


class FunctionalMaxPool2d(Operation):
    """`torch.nn.functional.max_pool2d`: takes at each call what `nn.MaxPool2d` fixes or owns."""

    takes = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    function = F.max_pool2d


class MaxPool2dWithIndices(Operation):
    """`torch.nn.functional.max_pool2d_with_indices`."""

    takes = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    function = F.max_pool2d_with_indices


class FunctionalMaxUnpool2d(Operation):
    """`torch.nn.functional.max_unpool2d`: takes at each call what `nn.MaxUnpool2d` fixes or owns."""

    takes = ("kernel_size", "stride", "padding", "output_size")
    function = F.max_unpool2d


class FunctionalAvgPool2d(Operation):
    """`torch.nn.functional.avg_pool2d`: takes at each call what `nn.AvgPool2d` fixes or owns."""

    takes = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    function = F.avg_pool2d


class FunctionalAdaptiveAvgPool2d(Operation):
    """`torch.nn.functional.adaptive_avg_pool2d`: takes at each call what `nn.AdaptiveAvgPool2d` fixes or owns."""

    takes = ("output_size",)
    function = F.adaptive_avg_pool2d


class FunctionalAdaptiveMaxPool2d(Operation):
    """`torch.nn.functional.adaptive_max_pool2d`: takes at each call what `nn.AdaptiveMaxPool2d` fixes or owns."""

    takes = ("output_size", "return_indices")
    function = F.adaptive_max_pool2d


class AdaptiveMaxPool2dWithIndices(Operation):
    """`torch.nn.functional.adaptive_max_pool2d_with_indices`."""

    takes = ("output_size", "return_indices")
    function = F.adaptive_max_pool2d_with_indices


class FunctionalLPPool2d(Operation):
    """`torch.nn.functional.lp_pool2d`: takes at each call what `nn.LPPool2d` fixes or owns."""

    takes = ("norm_type", "kernel_size", "stride", "ceil_mode")
    function = F.lp_pool2d


class FractionalMaxPool2d(Operation):
    """`torch.nn.functional.fractional_max_pool2d`."""

    takes = ("kernel_size", "output_size", "output_ratio", "return_indices", "_random_samples")
    function = F.fractional_max_pool2d


class FractionalMaxPool2dWithIndices(Operation):
    """`torch.nn.functional.fractional_max_pool2d_with_indices`."""

    takes = ("kernel_size", "output_size", "output_ratio", "return_indices", "_random_samples")
    function = F.fractional_max_pool2d_with_indices


class FunctionalMaxPool3d(Operation):
    """`torch.nn.functional.max_pool3d`: takes at each call what `nn.MaxPool3d` fixes or owns."""

    takes = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    function = F.max_pool3d


class MaxPool3dWithIndices(Operation):
    """`torch.nn.functional.max_pool3d_with_indices`."""

    takes = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    function = F.max_pool3d_with_indices


class FunctionalMaxUnpool3d(Operation):
    """`torch.nn.functional.max_unpool3d`: takes at each call what `nn.MaxUnpool3d` fixes or owns."""

    takes = ("kernel_size", "stride", "padding", "output_size")
    function = F.max_unpool3d


class FunctionalAvgPool3d(Operation):
    """`torch.nn.functional.avg_pool3d`: takes at each call what `nn.AvgPool3d` fixes or owns."""

    takes = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    function = F.avg_pool3d


class FunctionalAdaptiveAvgPool3d(Operation):
    """`torch.nn.functional.adaptive_avg_pool3d`: takes at each call what `nn.AdaptiveAvgPool3d` fixes or owns."""

    takes = ("output_size",)
    function = F.adaptive_avg_pool3d


class FunctionalAdaptiveMaxPool3d(Operation):
    """`torch.nn.functional.adaptive_max_pool3d`: takes at each call what `nn.AdaptiveMaxPool3d` fixes or owns."""

    takes = ("output_size", "return_indices")
    function = F.adaptive_max_pool3d


class AdaptiveMaxPool3dWithIndices(Operation):
    """`torch.nn.functional.adaptive_max_pool3d_with_indices`."""

    takes = ("output_size", "return_indices")
    function = F.adaptive_max_pool3d_with_indices


class FunctionalLPPool3d(Operation):
    """`torch.nn.functional.lp_pool3d`: takes at each call what `nn.LPPool3d` fixes or owns."""

    takes = ("norm_type", "kernel_size", "stride", "ceil_mode")
    function = F.lp_pool3d


class FractionalMaxPool3d(Operation):
    """`torch.nn.functional.fractional_max_pool3d`."""

    takes = ("kernel_size", "output_size", "output_ratio", "return_indices", "_random_samples")
    function = F.fractional_max_pool3d


class FractionalMaxPool3dWithIndices(Operation):
    """`torch.nn.functional.fractional_max_pool3d_with_indices`."""

    takes = ("kernel_size", "output_size", "output_ratio", "return_indices", "_random_samples")
    function = F.fractional_max_pool3d_with_indices
