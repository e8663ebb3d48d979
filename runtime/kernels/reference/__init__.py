"""What every int8 kernel computes, in plain torch: the specification the native kernels equal bit for bit.

Activations are uint8 with one zero point, weights int8 with one scale a channel, sums exact in int32 (modulo 2**32).
`requantize` is the one way from a sum back to uint8. Nothing here is written for speed.

The operations with a transcendental function inside (softmax, layer norm, the gates of a recurrent step) are the
exception: a native kernel may round their float32 arithmetic differently and differ by one step of the output.
"""

from runtime.kernels.reference.linear import conv, conv_add, conv_transpose, linear, linear_float, matmul
from runtime.kernels.reference.normalization import layer_norm, softmax
from runtime.kernels.reference.pointwise import add, concat, lookup, mul
from runtime.kernels.reference.pooling import adaptive_avg_pool, adaptive_max_pool, avg_pool, max_pool, mean
from runtime.kernels.reference.recurrent import gru_step, lstm_step
from runtime.kernels.reference.scales import dequantize, quantize, requantize, rescale_table, unary_table

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
    "requantize",
    "rescale_table",
    "softmax",
    "unary_table",
]
