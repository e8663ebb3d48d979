// Products of two activations: one side is laid out like weights first, less 128 so that it fits int8.
#pragma once

#include "convolve.h"

namespace rk {
namespace {

// (a - a_zero)(b - b_zero) summed is, with b' = b - 128, the sum of (a - a_zero) b' less (b_zero - 128) times that of
// (a - a_zero): the second is one number a row.
inline void row_offsets(const rk_matmul_args &m, const uint8_t *a, int32_t *offset) {
    for (int64_t r = 0; r < m.rows; ++r) {
        uint32_t sum = 0;
        for (int64_t k = 0; k < m.depth; ++k) sum += a[r * m.a_row_stride + k];
        offset[r] = static_cast<int32_t>((sum - static_cast<uint32_t>(m.a_zero * m.depth)) * static_cast<uint32_t>(128 - m.b_zero));
    }
}

template <class V>
void multiply_activations(const rk_matmul_args &m, int64_t batch, int threads) {
    const uint8_t *a = m.a + m.a_batch[batch], *b = m.b + m.b_batch[batch];
    rk_pack_args packing{};
    packing.weight = reinterpret_cast<const int8_t *>(b);
    packing.column_stride = m.b_column_stride;
    packing.channel_stride = m.b_depth_stride;
    packing.groups = packing.taps = packing.tap_width = 1;
    packing.columns = m.columns;
    packing.channels = m.depth;
    packing.x_zero = m.a_zero;
    packing.flip = 128;
    rk_weight *weight = pack(packing, {V::kLanes, V::kVectors, V::kPairsSaturate, V::kLines});
    if (!weight) __builtin_trap();

    float *multiplier = static_cast<float *>(scratch(kSums, m.columns * 4 + m.rows * 4));
    int32_t *offset = reinterpret_cast<int32_t *>(multiplier + m.columns);
    for (int64_t c = 0; c < m.columns; ++c) multiplier[c] = m.multiplier;
    row_offsets(m, a, offset);

    rk_conv_args conv{};
    conv.weight = weight;
    conv.x = a;
    conv.out = m.out + batch * m.rows * m.columns;
    conv.batch = m.rows;
    for (int i = 0; i < 3; ++i) conv.x_size[i] = conv.out_size[i] = conv.kernel[i] = conv.stride[i] = conv.dilation[i] = 1;
    conv.x_stride[0] = m.a_row_stride;
    conv.out_stride[0] = m.columns;
    conv.multiplier = multiplier;
    conv.row_offset = offset;
    conv.x_zero = m.a_zero;
    conv.zero = m.zero;
    conv.low = m.low;
    conv.high = m.high;
    conv.threads = threads;
    convolve<V>(conv);
    rk_free(weight);
}

template <class V>
void matmul(const rk_matmul_args &m) {
    const bool share_batches = m.batch >= m.threads;
    parallel_for(m.batch, share_batches ? m.threads : 1, [&](int64_t batch) {
        multiply_activations<V>(m, batch, share_batches ? 1 : m.threads);
    });
}

}  // namespace
}  // namespace rk
