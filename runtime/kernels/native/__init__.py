"""The same operations as `runtime.kernels.reference`, computed by the shared library of source/."""

from runtime.kernels.native.linear import conv, conv_add, conv_transpose, linear, linear_float, matmul
from runtime.kernels.native.normalization import layer_norm, softmax
from runtime.kernels.native.pointwise import add, concat, lookup, mul
from runtime.kernels.native.pooling import adaptive_avg_pool, adaptive_max_pool, avg_pool, max_pool, mean
from runtime.kernels.native.recurrent import gru_step, lstm_step
from runtime.kernels.native.scales import dequantize, quantize

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "add",
    "avg_pool",
    "concat",
    "conv",
    "conv_add",
    "conv_transpose",
    "dequantize",
    "gru_step",
    "layer_norm",
    "linear",
    "linear_float",
    "lookup",
    "lstm_step",
    "matmul",
    "max_pool",
    "mean",
    "mul",
    "quantize",
    "softmax",
]
