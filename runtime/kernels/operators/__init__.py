"""The kernels as torch operators `torch.ops.runtime_int8.*`: checked, dispatched, and traceable.

Every operator has a fake implementation, so that torch.compile and torch.export see through shapes, also dynamic ones.
"""

from runtime.kernels.operators.linear import conv, conv_add, conv_transpose, linear, linear_float, matmul
from runtime.kernels.operators.normalization import gru_step, layer_norm, lstm_step, softmax
from runtime.kernels.operators.pointwise import add, concat, dequantize, lookup, mul, quantize
from runtime.kernels.operators.pooling import adaptive_avg_pool, adaptive_max_pool, avg_pool, max_pool, mean

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
