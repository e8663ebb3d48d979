"""Resizing, padding, sampling, and moving between channels and space."""

from __future__ import annotations

import torch.nn.functional as F

from runtime.modules.base import Operation


class Interpolate(Operation):
    """`torch.nn.functional.interpolate`."""

    takes = ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias")
    function = F.interpolate


class FunctionalUpsample(Operation):
    """`torch.nn.functional.upsample`: takes at each call what `nn.Upsample` fixes or owns."""

    takes = ("size", "scale_factor", "mode", "align_corners")
    function = F.upsample


class FunctionalUpsamplingNearest2d(Operation):
    """`torch.nn.functional.upsample_nearest`: takes at each call what `nn.UpsamplingNearest2d` fixes or owns."""

    takes = ("size", "scale_factor")
    function = F.upsample_nearest


class FunctionalUpsamplingBilinear2d(Operation):
    """`torch.nn.functional.upsample_bilinear`: takes at each call what `nn.UpsamplingBilinear2d` fixes or owns."""

    takes = ("size", "scale_factor")
    function = F.upsample_bilinear


class Pad(Operation):
    """`torch.nn.functional.pad`."""

    takes = ("pad", "mode", "value")
    function = F.pad


class GridSample(Operation):
    """`torch.nn.functional.grid_sample`."""

    takes = ("mode", "padding_mode", "align_corners")
    function = F.grid_sample


class AffineGrid(Operation):
    """`torch.nn.functional.affine_grid`."""

    takes = ("size", "align_corners")
    function = F.affine_grid


class FunctionalPixelShuffle(Operation):
    """`torch.nn.functional.pixel_shuffle`: takes at each call what `nn.PixelShuffle` fixes or owns."""

    takes = ("upscale_factor",)
    function = F.pixel_shuffle


class FunctionalPixelUnshuffle(Operation):
    """`torch.nn.functional.pixel_unshuffle`: takes at each call what `nn.PixelUnshuffle` fixes or owns."""

    takes = ("downscale_factor",)
    function = F.pixel_unshuffle


class FunctionalChannelShuffle(Operation):
    """`torch.nn.functional.channel_shuffle`: takes at each call what `nn.ChannelShuffle` fixes or owns."""

    takes = ("groups",)
    function = F.channel_shuffle


class NativeChannelShuffle(Operation):
    """`torch.nn.functional.native_channel_shuffle`."""

    takes = ("groups",)
    function = F.native_channel_shuffle


class FunctionalUnfold(Operation):
    """`torch.nn.functional.unfold`: takes at each call what `nn.Unfold` fixes or owns."""

    takes = ("kernel_size", "dilation", "padding", "stride")
    function = F.unfold


class FunctionalFold(Operation):
    """`torch.nn.functional.fold`: takes at each call what `nn.Fold` fixes or owns."""

    takes = ("output_size", "kernel_size", "dilation", "padding", "stride")
    function = F.fold
