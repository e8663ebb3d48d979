"""Activation functions and dropout, with their arguments at each call."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from runtime.modules.base import InplaceOperation, Operation


class FunctionalReLU(Operation):
    """`torch.nn.functional.relu`: takes at each call what `nn.ReLU` fixes or owns."""

    takes = ("inplace",)
    function = F.relu


class FunctionalReLU6(Operation):
    """`torch.nn.functional.relu6`: takes at each call what `nn.ReLU6` fixes or owns."""

    takes = ("inplace",)
    function = F.relu6


class FunctionalLeakyReLU(Operation):
    """`torch.nn.functional.leaky_relu`: takes at each call what `nn.LeakyReLU` fixes or owns."""

    takes = ("negative_slope", "inplace")
    function = F.leaky_relu


class FunctionalELU(Operation):
    """`torch.nn.functional.elu`: takes at each call what `nn.ELU` fixes or owns."""

    takes = ("alpha", "inplace")
    function = F.elu


class FunctionalSELU(Operation):
    """`torch.nn.functional.selu`: takes at each call what `nn.SELU` fixes or owns."""

    takes = ("inplace",)
    function = F.selu


class FunctionalCELU(Operation):
    """`torch.nn.functional.celu`: takes at each call what `nn.CELU` fixes or owns."""

    takes = ("alpha", "inplace")
    function = F.celu


class FunctionalGELU(Operation):
    """`torch.nn.functional.gelu`: takes at each call what `nn.GELU` fixes or owns."""

    takes = ("approximate",)
    function = F.gelu


class FunctionalSiLU(Operation):
    """`torch.nn.functional.silu`: takes at each call what `nn.SiLU` fixes or owns."""

    takes = ("inplace",)
    function = F.silu


class FunctionalMish(Operation):
    """`torch.nn.functional.mish`: takes at each call what `nn.Mish` fixes or owns."""

    takes = ("inplace",)
    function = F.mish


class FunctionalHardswish(Operation):
    """`torch.nn.functional.hardswish`: takes at each call what `nn.Hardswish` fixes or owns."""

    takes = ("inplace",)
    function = F.hardswish


class FunctionalHardsigmoid(Operation):
    """`torch.nn.functional.hardsigmoid`: takes at each call what `nn.Hardsigmoid` fixes or owns."""

    takes = ("inplace",)
    function = F.hardsigmoid


class FunctionalHardtanh(Operation):
    """`torch.nn.functional.hardtanh`: takes at each call what `nn.Hardtanh` fixes or owns."""

    takes = ("min_val", "max_val", "inplace")
    function = F.hardtanh


class FunctionalSigmoid(InplaceOperation):
    """`torch.nn.functional.sigmoid`: takes at each call what `nn.Sigmoid` fixes or owns."""

    takes = ("inplace",)
    function = F.sigmoid
    function_ = Tensor.sigmoid_


class FunctionalTanh(InplaceOperation):
    """`torch.nn.functional.tanh`: takes at each call what `nn.Tanh` fixes or owns."""

    takes = ("inplace",)
    function = F.tanh
    function_ = Tensor.tanh_


class FunctionalSoftmax(Operation):
    """`torch.nn.functional.softmax`: takes at each call what `nn.Softmax` fixes or owns."""

    takes = ("dim", "_stacklevel", "dtype")
    function = F.softmax


class FunctionalLogSoftmax(Operation):
    """`torch.nn.functional.log_softmax`: takes at each call what `nn.LogSoftmax` fixes or owns."""

    takes = ("dim", "_stacklevel", "dtype")
    function = F.log_softmax


class FunctionalSoftmin(Operation):
    """`torch.nn.functional.softmin`: takes at each call what `nn.Softmin` fixes or owns."""

    takes = ("dim", "_stacklevel", "dtype")
    function = F.softmin


class GumbelSoftmax(Operation):
    """`torch.nn.functional.gumbel_softmax`."""

    takes = ("tau", "hard", "eps", "dim")
    function = F.gumbel_softmax


class FunctionalSoftplus(Operation):
    """`torch.nn.functional.softplus`: takes at each call what `nn.Softplus` fixes or owns."""

    takes = ("beta", "threshold")
    function = F.softplus


class FunctionalSoftsign(Operation):
    """`torch.nn.functional.softsign`: takes at each call what `nn.Softsign` fixes or owns."""

    function = F.softsign


class FunctionalSoftshrink(Operation):
    """`torch.nn.functional.softshrink`: takes at each call what `nn.Softshrink` fixes or owns."""

    takes = ("lambd",)
    function = F.softshrink


class FunctionalHardshrink(Operation):
    """`torch.nn.functional.hardshrink`: takes at each call what `nn.Hardshrink` fixes or owns."""

    takes = ("lambd",)
    function = F.hardshrink


class FunctionalTanhshrink(Operation):
    """`torch.nn.functional.tanhshrink`: takes at each call what `nn.Tanhshrink` fixes or owns."""

    function = F.tanhshrink


class FunctionalThreshold(Operation):
    """`torch.nn.functional.threshold`: takes at each call what `nn.Threshold` fixes or owns."""

    takes = ("threshold", "value", "inplace")
    function = F.threshold


class FunctionalPReLU(Operation):
    """`torch.nn.functional.prelu`: takes at each call what `nn.PReLU` fixes or owns."""

    function = F.prelu


class FunctionalRReLU(Operation):
    """`torch.nn.functional.rrelu`: takes at each call what `nn.RReLU` fixes or owns."""

    takes = ("lower", "upper", "training", "inplace")
    function = F.rrelu


class FunctionalGLU(Operation):
    """`torch.nn.functional.glu`: takes at each call what `nn.GLU` fixes or owns."""

    takes = ("dim",)
    function = F.glu


class FunctionalLogSigmoid(Operation):
    """`torch.nn.functional.logsigmoid`: takes at each call what `nn.LogSigmoid` fixes or owns."""

    function = F.logsigmoid


class FunctionalDropout(Operation):
    """`torch.nn.functional.dropout`: takes at each call what `nn.Dropout` fixes or owns."""

    takes = ("p", "training", "inplace")
    function = F.dropout


class FunctionalDropout1d(Operation):
    """`torch.nn.functional.dropout1d`: takes at each call what `nn.Dropout1d` fixes or owns."""

    takes = ("p", "training", "inplace")
    function = F.dropout1d


class FunctionalDropout2d(Operation):
    """`torch.nn.functional.dropout2d`: takes at each call what `nn.Dropout2d` fixes or owns."""

    takes = ("p", "training", "inplace")
    function = F.dropout2d


class FunctionalDropout3d(Operation):
    """`torch.nn.functional.dropout3d`: takes at each call what `nn.Dropout3d` fixes or owns."""

    takes = ("p", "training", "inplace")
    function = F.dropout3d


class FunctionalAlphaDropout(Operation):
    """`torch.nn.functional.alpha_dropout`: takes at each call what `nn.AlphaDropout` fixes or owns."""

    takes = ("p", "training", "inplace")
    function = F.alpha_dropout


class FunctionalFeatureAlphaDropout(Operation):
    """`torch.nn.functional.feature_alpha_dropout`: takes at each call what `nn.FeatureAlphaDropout` fixes or owns."""

    takes = ("p", "training", "inplace")
    function = F.feature_alpha_dropout
