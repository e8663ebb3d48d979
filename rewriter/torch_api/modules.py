"""What is known of torch.nn's module classes."""

from __future__ import annotations

from rewriter.torch_api.catalogue import ROWS

# Dropout draws random numbers, which is no state of its own; fractional pooling keeps its samples in a buffer.
PARAMETER_FREE = frozenset(
    f"torch.nn.{name}"
    for name in """
    AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d
    AlphaDropout AvgPool1d AvgPool2d AvgPool3d CELU ChannelShuffle CircularPad1d CircularPad2d CircularPad3d
    ConstantPad1d ConstantPad2d ConstantPad3d CosineSimilarity Dropout Dropout1d Dropout2d Dropout3d ELU
    FeatureAlphaDropout Flatten Fold GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh Identity LPPool1d
    LPPool2d LPPool3d LeakyReLU LocalResponseNorm LogSigmoid LogSoftmax MaxPool1d MaxPool2d MaxPool3d
    MaxUnpool1d MaxUnpool2d MaxUnpool3d Mish PairwiseDistance PixelShuffle PixelUnshuffle RReLU ReLU ReLU6
    ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d SELU SiLU
    Sigmoid Softmax Softmax2d Softmin Softplus Softshrink Softsign Tanh Tanhshrink Threshold Unflatten Unfold
    Upsample UpsamplingBilinear2d UpsamplingNearest2d ZeroPad1d ZeroPad2d ZeroPad3d
    """.split()
)

_RESULTS = {
    **dict.fromkeys(["LSTM", "GRU", "RNN", "LSTMCell", "MultiheadAttention"], "tensors"),
    **dict.fromkeys(["Sequential", "ModuleList", "ModuleDict", "Module", "DataParallel"], "unknown"),
}

_COMPUTE_NOTHING = frozenset({"Identity", "Flatten", "Unflatten", "ChannelShuffle"})
_OF_SEVERAL = ("Transformer", "RNN", "GRU", "LSTM", "AdaptiveLogSoftmax")

# A wrapper of overloads, some of which give a tuple, counts as giving a tensor: its members are tensors either way.
_WRAPPED = {row.target: row.returns for row in sorted(ROWS, key=lambda row: row.returns, reverse=True)}


def result(full_name: str) -> str:
    """What calling an object of the class gives: `tensor`, `tensors` or `unknown`."""
    if full_name in _WRAPPED:
        return _WRAPPED[full_name]
    return _RESULTS.get(full_name.rpartition(".")[2], "tensor")


def is_one_operation(full_name: str) -> bool:
    """Whether the forward of a class of torch.nn is one operation, which changes values: a layer, an activation."""
    name = full_name.removeprefix("torch.nn.")
    is_other = name in _COMPUTE_NOTHING or name.endswith("Loss") or name.startswith(_OF_SEVERAL)
    return "." not in name and not is_other and result(full_name) == "tensor"
