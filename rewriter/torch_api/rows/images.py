"""RW106: resizing, padding, sampling, and moving between channels and space."""

from __future__ import annotations

from rewriter.torch_api.rows.builder import module, spelled, wrapped
from rewriter.torch_api.traits import Trait

_PATCHES = "kernel_size, dilation=1, padding=0, stride=1"
_PADS = (
    *(f"{kind}Pad{n}d(pad=padding, mode='{mode}')" for kind, mode in (
        ("Circular", "circular"), ("Reflection", "reflect"), ("Replication", "replicate")) for n in (1, 2, 3)),
    *(f"{kind}Pad{n}d(pad=padding, mode='constant')" for kind in ("Constant", "Zero") for n in (1, 2, 3)),
)  # fmt: skip

ROWS = (
    wrapped(
        "interpolate", "RW106", "Interpolate",
        spelled(
            "F.interpolate",
            "input, size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None, "
            "antialias=False",
        ),
        traits=Trait.RESIZE, modules="Upsample", aimet="Interpolate",
    ),
    wrapped(
        "upsample", "RW106", "FunctionalUpsample",
        spelled("F.upsample", "input, size=None, scale_factor=None, mode='nearest', align_corners=None"),
        traits=Trait.RESIZE,
    ),
    wrapped(
        "upsample_nearest", "RW106", "FunctionalUpsamplingNearest2d",
        spelled("F.upsample_nearest", "input, size=None, scale_factor=None"), attribute="upsample", traits=Trait.MOVE,
        modules="UpsamplingNearest2d",
    ),
    wrapped(
        "upsample_bilinear", "RW106", "FunctionalUpsamplingBilinear2d",
        spelled("F.upsample_bilinear", "input, size=None, scale_factor=None"), attribute="upsample",
        modules="UpsamplingBilinear2d",
    ),
    wrapped(
        "pad", "RW106", "Pad", spelled("F.pad", "input, pad, mode='constant', value=None"),
        traits=Trait.FRAME, modules="; ".join(_PADS), aimet="Pad",
    ),
    wrapped(
        "grid_sample", "RW106", "GridSample",
        spelled("F.grid_sample", "input, grid, mode='bilinear', padding_mode='zeros', align_corners=None"),
        operands="input grid", aimet="GridSample",
    ),
    wrapped(
        "affine_grid", "RW106", "AffineGrid", spelled("F.affine_grid", "theta, size, align_corners=None"),
        operands="theta",
    ),
    module(
        "pixel_shuffle", "PixelShuffle", "upscale_factor",
        spelled("F.pixel_shuffle torch.pixel_shuffle", "input, upscale_factor"), traits=Trait.MOVE,
    ),
    module(
        "pixel_unshuffle", "PixelUnshuffle", "downscale_factor",
        spelled("F.pixel_unshuffle torch.pixel_unshuffle", "input, downscale_factor"), traits=Trait.MOVE,
    ),
    module(
        "channel_shuffle", "ChannelShuffle", "groups",
        spelled("F.channel_shuffle torch.channel_shuffle", "input, groups"), traits=Trait.MOVE,
    ),
    wrapped(
        "native_channel_shuffle", "RW106", "NativeChannelShuffle",
        spelled("F.native_channel_shuffle torch.native_channel_shuffle", "input, groups"),
        attribute="channel_shuffle", traits=Trait.MOVE,
    ),
    module("unfold", "Unfold", _PATCHES, spelled("F.unfold", f"input, {_PATCHES}")),
    module("fold", "Fold", f"output_size, {_PATCHES}", spelled("F.fold", f"input, output_size, {_PATCHES}")),
)  # fmt: skip
