"""The structs of source/abi.h, field by field. What the fields mean is said there."""

import ctypes
from ctypes import POINTER, c_char_p, c_float, c_int32, c_int64, c_void_p
from typing import Any


def _fields(text: str) -> list[tuple[str, Any]]:
    """Fields from lines of a type and names, `name[n]` for an array."""
    types: dict[str, Any] = {
        "ptr": c_void_p,
        "starts": POINTER(c_int64),  # a typed pointer keeps the array alive that it is set to
        "i64": c_int64,
        "i32": c_int32,
        "f32": c_float,
        "windows": Windows,
    }
    fields: list[tuple[str, Any]] = []
    for line in text.strip().splitlines():
        kind, *names = line.replace(",", " ").split()
        for name in names:
            stem, bracket, size = name.partition("[")
            fields.append((stem, types[kind] * int(size[:-1]) if bracket else types[kind]))
    return fields


class Windows(ctypes.Structure):
    _fields_ = (
        *((name, POINTER(c_int32)) for name in ("start", "end", "count")),
        ("step", c_int32),
        ("size", c_int32),
    )


class Pack(ctypes.Structure):
    _fields_ = _fields("""
        ptr weight
        i64 column_stride, tap_stride, channel_stride
        ptr bias
        i64 groups, columns, taps, channels, tap_width
        i32 x_zero, plain_3x3
        i64 rows
    """)


class Conv(ctypes.Structure):
    _fields_ = _fields("""
        ptr weight, x, out, out_float
        i64 batch
        i32 x_size[3], out_size[3], kernel[3], stride[3], padding[3], dilation[3]
        i64 x_stride[4], out_stride[4]
        ptr multiplier, row_offset
        i32 x_zero, zero, low, high
        ptr other
        i64 other_stride[4]
        f32 self_multiplier, other_multiplier
        i32 other_zero, sum_zero, sum_low, sum_high
        i32 threads
    """)


class Matmul(ctypes.Structure):
    _fields_ = _fields("""
        ptr a, b, out
        starts a_batch, b_batch
        i64 batch, rows, columns, depth
        i64 a_row_stride, b_column_stride, b_depth_stride
        f32 multiplier
        i32 a_zero, b_zero, zero, low, high
        i32 threads
    """)


class Binary(ctypes.Structure):
    _fields_ = _fields("""
        ptr a, b, out
        i64 outer, middle, inner
        i64 a_stride[3], b_stride[3]
        f32 a_multiplier, b_multiplier
        i32 a_zero, b_zero, zero, low, high
        i32 product
        i32 threads
    """)


class Lookup(ctypes.Structure):
    _fields_ = _fields("""
        ptr x, out, table
        i64 rows, length, x_stride, out_stride
        i32 threads
    """)


class Pool(ctypes.Structure):
    _fields_ = _fields("""
        ptr x, out
        i64 batch, channels
        i64 x_stride[4], out_stride[4]
        windows axis[3]
        i32 average, divisor
        f32 multiplier
        i32 x_zero, zero
        i32 threads
    """)


class Quantize(ctypes.Structure):
    _fields_ = _fields("""
        ptr x, out
        i64 length
        f32 inverse_scale
        i32 zero
        i32 threads
    """)


class Dequantize(ctypes.Structure):
    _fields_ = _fields("""
        ptr x, out
        i64 length
        f32 scale
        i32 zero
        i32 threads
    """)


class Softmax(ctypes.Structure):
    _fields_ = _fields("""
        ptr x, out
        i64 rows, length
        f32 scale, inverse_out_scale
        i32 zero
        i32 threads
    """)


class LayerNorm(ctypes.Structure):
    _fields_ = _fields("""
        ptr x, out, weight, bias
        i64 rows, length
        f32 eps, scale, inverse_out_scale
        i32 x_zero, zero
        i32 threads
    """)


class Gates(ctypes.Structure):
    _fields_ = _fields("""
        ptr x_gates, h_gates, state, hidden
        i64 rows, size, x_stride, hidden_stride
        f32 inverse_scale
        i32 zero
        i32 threads
    """)


KERNELS = {
    "rk_conv": Conv,
    "rk_matmul": Matmul,
    "rk_binary": Binary,
    "rk_lookup": Lookup,
    "rk_pool": Pool,
    "rk_quantize": Quantize,
    "rk_dequantize": Dequantize,
    "rk_softmax": Softmax,
    "rk_layer_norm": LayerNorm,
    "rk_lstm_gates": Gates,
    "rk_gru_gates": Gates,
}


def declare(library: ctypes.CDLL) -> None:
    """Tells ctypes the signature of every function of the library."""
    for name, struct in KERNELS.items():
        function = getattr(library, name)
        function.argtypes, function.restype = [POINTER(struct)], None
    library.rk_pack.argtypes, library.rk_pack.restype = [POINTER(Pack)], c_void_p
    library.rk_free.argtypes, library.rk_free.restype = [c_void_p], None
    library.rk_weight_bytes.argtypes, library.rk_weight_bytes.restype = [c_void_p], c_int64
    library.rk_name.argtypes, library.rk_name.restype = [c_int32], c_char_p
    library.rk_supported.argtypes, library.rk_supported.restype = [c_char_p], c_int32
    library.rk_select.argtypes, library.rk_select.restype = [c_char_p], c_int32
    library.rk_selected.argtypes, library.rk_selected.restype = [], c_char_p
