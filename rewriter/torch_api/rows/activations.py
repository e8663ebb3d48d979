"""RW106: activation functions and dropout."""

from __future__ import annotations

from rewriter.torch_api.row import Row
from rewriter.torch_api.rows.builder import module, spelled, wrapped
from rewriter.torch_api.traits import Trait

_NOT_NEGATIVE = Trait.TABLE | Trait.NOT_NEGATIVE
_RECTIFIER = _NOT_NEGATIVE | Trait.RECTIFIER
_DROPPING = Trait.MOVE | Trait.RANDOM | Trait.HOMOGENEOUS


def _softmax(name: str, target: str, methods: str, traits: Trait = Trait.NONE, modules: str = "") -> Row:
    return module(
        name, target, "dim=None",
        spelled(f"F.{name}", "input, dim=None, _stacklevel=3, dtype=None"),
        spelled(methods, "input, dim, dtype=None"),
        traits=traits, modules=modules,
    )  # fmt: skip


def _dropout(name: str, target: str, training: bool) -> Row:
    return module(
        name, target, "p=0.5, inplace=False",
        spelled(f"F.{name}", f"input, p=0.5, training={training}, inplace=False"),
        follows_training=True, attribute="dropout", traits=_DROPPING,
    )  # fmt: skip


ROWS = (
    module(
        "relu", "ReLU", "inplace=False",
        spelled("F.relu", "input, inplace=False"),
        spelled("torch.relu torch.relu_ Tensor.relu Tensor.relu_ F.relu_", "input"),
        traits=_RECTIFIER | Trait.HOMOGENEOUS, clamps="0",
    ),
    module("relu6", "ReLU6", "inplace=False", spelled("F.relu6", "input, inplace=False"), traits=_RECTIFIER, clamps="0 6"),
    module(
        "leaky_relu", "LeakyReLU", "negative_slope=0.01, inplace=False",
        spelled("F.leaky_relu", "input, negative_slope=0.01, inplace=False"),
        spelled("F.leaky_relu_", "input, negative_slope=0.01"),
        traits=Trait.TABLE | Trait.HOMOGENEOUS,
    ),
    module(
        "elu", "ELU", "alpha=1.0, inplace=False",
        spelled("F.elu", "input, alpha=1.0, inplace=False"), spelled("F.elu_", "input, alpha=1.0"),
        traits=Trait.TABLE,
    ),
    module(
        "selu", "SELU", "inplace=False",
        spelled("F.selu", "input, inplace=False"), spelled("F.selu_ torch.selu torch.selu_", "input"),
        traits=Trait.TABLE,
    ),
    module(
        "celu", "CELU", "alpha=1.0, inplace=False",
        spelled("F.celu", "input, alpha=1.0, inplace=False"),
        spelled("F.celu_ torch.celu torch.celu_", "input, alpha=1.0"),
        traits=Trait.TABLE,
    ),
    module("gelu", "GELU", "approximate='none'", spelled("F.gelu", "input, *, approximate='none'"), traits=Trait.TABLE),
    module("silu", "SiLU", "inplace=False", spelled("F.silu", "input, inplace=False"), traits=Trait.TABLE),
    module("mish", "Mish", "inplace=False", spelled("F.mish", "input, inplace=False"), traits=Trait.TABLE),
    module("hardswish", "Hardswish", "inplace=False", spelled("F.hardswish", "input, inplace=False"), traits=Trait.TABLE),
    module("hardsigmoid", "Hardsigmoid", "inplace=False", spelled("F.hardsigmoid", "input, inplace=False"), traits=_NOT_NEGATIVE),
    module(
        "hardtanh", "Hardtanh", "min_val=-1.0, max_val=1.0, inplace=False",
        spelled("F.hardtanh", "input, min_val=-1.0, max_val=1.0, inplace=False"),
        spelled("F.hardtanh_", "input, min_val=-1.0, max_val=1.0"),
        traits=Trait.TABLE, clamps="min_val max_val",
    ),
    module(
        "sigmoid", "Sigmoid", "",
        spelled("torch.sigmoid torch.special.expit", "input, *, out=None"),
        spelled("F.sigmoid Tensor.sigmoid Tensor.sigmoid_ torch.sigmoid_", "input"),
        traits=_NOT_NEGATIVE,
    ),
    module(
        "tanh", "Tanh", "",
        spelled("torch.tanh", "input, *, out=None"), spelled("F.tanh Tensor.tanh Tensor.tanh_ torch.tanh_", "input"),
        traits=Trait.TABLE,
    ),
    _softmax("softmax", "Softmax", "torch.softmax Tensor.softmax", Trait.ROWS | Trait.NOT_NEGATIVE, "Softmax2d(dim=-3)"),
    _softmax("log_softmax", "LogSoftmax", "torch.log_softmax Tensor.log_softmax"),
    _softmax("softmin", "Softmin", "", Trait.NOT_NEGATIVE),
    wrapped(
        "gumbel_softmax", "RW106", "GumbelSoftmax",
        spelled("F.gumbel_softmax", "logits, tau=1, hard=False, eps=1e-10, dim=-1"), operands="logits",
        traits=Trait.NOT_NEGATIVE | Trait.RANDOM,
    ),
    module("softplus", "Softplus", "beta=1.0, threshold=20.0", spelled("F.softplus", "input, beta=1, threshold=20"), traits=_NOT_NEGATIVE),
    module("softsign", "Softsign", "", spelled("F.softsign", "input"), traits=Trait.TABLE),
    module("softshrink", "Softshrink", "lambd=0.5", spelled("F.softshrink", "input, lambd=0.5"), traits=Trait.TABLE),
    module("hardshrink", "Hardshrink", "lambd=0.5", spelled("F.hardshrink torch.hardshrink Tensor.hardshrink", "input, lambd=0.5"), traits=Trait.TABLE),
    module("tanhshrink", "Tanhshrink", "", spelled("F.tanhshrink", "input"), traits=Trait.TABLE),
    module(
        "threshold", "Threshold", "threshold, value, inplace=False",
        spelled("F.threshold", "input, threshold, value, inplace=False"),
        spelled("F.threshold_ torch.threshold torch.threshold_", "input, threshold, value"),
        traits=Trait.TABLE,
    ),
    wrapped("prelu", "RW106", "FunctionalPReLU", spelled("F.prelu torch.prelu Tensor.prelu", "input, weight"), operands="input weight", traits=Trait.TABLE | Trait.HOMOGENEOUS, modules="PReLU"),
    module(
        "rrelu", "RReLU", "lower=0.125, upper=0.3333333333333333, inplace=False",
        spelled("F.rrelu", "input, lower=0.125, upper=0.3333333333333333, training=False, inplace=False"),
        spelled("F.rrelu_ torch.rrelu torch.rrelu_", "input, lower=0.125, upper=0.3333333333333333, training=False"),
        follows_training=True, traits=Trait.TABLE | Trait.RANDOM,
    ),
    module("glu", "GLU", "dim=-1", spelled("F.glu", "input, dim=-1")),
    module("logsigmoid", "LogSigmoid", "", spelled("F.logsigmoid", "input"), attribute="log_sigmoid", traits=Trait.TABLE),
    _dropout("dropout", "Dropout", True),
    _dropout("dropout1d", "Dropout1d", True),
    _dropout("dropout2d", "Dropout2d", True),
    _dropout("dropout3d", "Dropout3d", True),
    _dropout("alpha_dropout", "AlphaDropout", False),
    _dropout("feature_alpha_dropout", "FeatureAlphaDropout", False),
)  # fmt: skip
