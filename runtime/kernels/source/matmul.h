// Products of two activations: one side is laid out as weights are, less 128 so that it fits int8.
#pragma once

#include "convolve.h"

namespace rk {
namespace {

// The right side of a product as one panel after the other, in memory of the calling thread. Unlike weights it is laid
// out anew each time, so nothing is looked at: where pairs could saturate, every block is wide.
template <class V>
class RightSide {
  public:
    RightSide(const rk_matmul_args &m, const uint8_t *b) : m_(m), b_(b) {
        const int64_t blocks = divide_up(m.depth, 4), vectors = divide_up(m.columns, V::kLanes);
        const int64_t panels = divide_up(vectors, V::kVectors), columns = vectors * V::kLanes;
        const int64_t data_bytes = blocks * columns * kBlockBytes;
        uint8_t *memory =
            static_cast<uint8_t *>(scratch(kPacked, data_bytes + columns * 4 + blocks * 4 + kBlockKinds * 4 +
                                                        panels * static_cast<int64_t>(sizeof(Panel)) + 64));
        Panel *panel = reinterpret_cast<Panel *>(memory + data_bytes);
        int32_t *offset = reinterpret_cast<int32_t *>(panel + panels), *offsets = offset + columns,
                *counts = offsets + blocks;
        constexpr int64_t kStep = V::kPairsSaturate ? 2 * kCopyBytes : 4;
        for (int64_t i = 0; i < blocks; ++i) offsets[i] = static_cast<int32_t>(kStep * i);
        for (int kind = 0; kind < kBlockKinds; ++kind) counts[kind] = 0;
        counts[V::kPairsSaturate ? kWide : 0] = static_cast<int32_t>(blocks);
        for (int64_t i = 0, first = 0; i < panels; ++i) {
            const int64_t share = divide_up(vectors - first, panels - i);
            panel[i] = {static_cast<int32_t>(first * V::kLanes), static_cast<int32_t>(share), counts, offsets, memory};
            for (int64_t v = 0; v < share; ++v) {
                const int64_t column = (first + v) * V::kLanes;
                fill(column, memory + v * V::kLanes * kBlockBytes, share * V::kLanes * kBlockBytes, offset + column);
            }
            memory += blocks * share * V::kLanes * kBlockBytes;
            first += share;
        }
        weight_ = {};
        weight_.kind = V::kPairsSaturate ? Kind::kBlocks : Kind::kDense;
        weight_.chunks = 1;
        weight_.end = memory;
        weight_.copies = 1 << kOrderCount;
        weight_.groups = weight_.taps = 1;
        weight_.columns = m.columns;
        weight_.channels = m.depth;
        weight_.gathered = m.depth % 4 != 0;
        weight_.depth = 4 * blocks;
        weight_.panels = panels;
        weight_.offset_columns = columns;
        weight_.panel = panel;
        weight_.offset = offset;
    }

    const rk_weight *weight() const { return &weight_; }

  private:
    static constexpr int kBlockBytes = V::kPairsSaturate ? 8 : 4;  // of one column

    // All blocks of one vector of columns, `step` bytes apart, and less a_zero times their sums.
    void fill(int64_t column, uint8_t *to, int64_t step, int32_t *offset) const {
        const int64_t lanes = lanes_left<V>(m_.columns - column, 0);
        const typename V::Int ones = V::set_int(0x01010101), flip = V::set_int(static_cast<int32_t>(0x80808080u));
        typename V::Int sums = V::set_int(0);
        for (int64_t k = 0; k < m_.depth; k += 4, to += step) {
            const int64_t count = at_most(m_.depth - k, 4);
            const uint8_t *from = b_ + column * m_.b_column_stride + k * m_.b_depth_stride;
            const typename V::Int codes =
                m_.b_depth_stride == 1 ? side_by_side(from, lanes, count) : apart(from, lanes, count);
            const typename V::Int block = V::exclusive_or(codes, flip);
            sums = V::dot(sums, ones, block);
            V::store_weights(to, block);
        }
        V::store_int(offset, V::mul(sums, V::set_int(-m_.a_zero)));
    }

    // The four codes of each column lie side by side. What is missing is 128, which becomes a weight of zero.
    typename V::Int side_by_side(const uint8_t *from, int64_t lanes, int64_t count) const {
        uint32_t codes[V::kLanes];
        for (int64_t i = 0; i < V::kLanes; ++i) {
            codes[i] = 0x80808080u;
            if (i >= lanes) continue;
            if (count == 4) {
                std::memcpy(&codes[i], from + i * m_.b_column_stride, 4);
            } else {
                std::memcpy(&codes[i], from + i * m_.b_column_stride, static_cast<size_t>(count));
            }
        }
        return V::load_int(reinterpret_cast<const int32_t *>(codes));
    }

    // The columns of each of four codes lie side by side, or nothing does.
    typename V::Int apart(const uint8_t *from, int64_t lanes, int64_t count) const {
        uint8_t line[4][V::kLanes];
        const uint8_t *place[4];
        for (int64_t k = 0; k < 4; ++k) {
            place[k] = from + k * m_.b_depth_stride;
            if (k < count && m_.b_column_stride == 1) continue;
            for (int64_t i = 0; i < lanes; ++i) line[k][i] = k < count ? place[k][i * m_.b_column_stride] : 128;
            place[k] = line[k];
        }
        return V::interleave4(place, lanes);
    }

    const rk_matmul_args &m_;
    const uint8_t *b_;
    rk_weight weight_;
};

// (a - a_zero)(b - b_zero) summed is, with b' = b - 128, the sum of (a - a_zero) b' less (b_zero - 128) times that of
// (a - a_zero): the second is one number a row.
inline void row_offsets(const rk_matmul_args &m, const uint8_t *a, int32_t *offset) {
    for (int64_t r = 0; r < m.rows; ++r) {
        uint32_t sum = 0;
        for (int64_t k = 0; k < m.depth; ++k) sum += a[r * m.a_row_stride + k];
        offset[r] = static_cast<int32_t>((sum - static_cast<uint32_t>(m.a_zero * m.depth)) *
                                         static_cast<uint32_t>(128 - m.b_zero));
    }
}

template <class V>
void multiply_activations(const rk_matmul_args &m, int64_t batch, int threads) {
    const uint8_t *a = m.a + m.a_batch[batch];
    const RightSide<V> right(m, m.b + m.b_batch[batch]);
    float *multiplier = static_cast<float *>(scratch(kMultipliers, (m.columns + m.rows) * 4));
    int32_t *offset = reinterpret_cast<int32_t *>(multiplier + m.columns);
    for (int64_t c = 0; c < m.columns; ++c) multiplier[c] = m.multiplier;
    row_offsets(m, a, offset);

    rk_conv_args linear{};
    linear.weight = right.weight();
    linear.x = a;
    linear.out = m.out + batch * m.rows * m.columns;
    linear.batch = m.rows;
    for (int i = 0; i < 3; ++i)
        linear.x_size[i] = linear.out_size[i] = linear.kernel[i] = linear.stride[i] = linear.dilation[i] = 1;
    linear.x_stride[0] = m.a_row_stride;
    linear.out_stride[0] = m.columns;
    linear.multiplier = multiplier;
    linear.row_offset = offset;
    linear.x_zero = m.a_zero;
    linear.zero = m.zero;
    linear.low = m.low;
    linear.high = m.high;
    linear.threads = threads;
    conv<V>(linear);
}

template <class V>
void matmul(const rk_matmul_args &m) {
    if (m.rows == 0 || m.columns == 0) return;
    const bool share_batches = m.batch >= m.threads;
    parallel_for(m.batch, share_batches ? m.threads : 1,
                 [&](int64_t batch) { multiply_activations<V>(m, batch, share_batches ? 1 : m.threads); });
}

}  // namespace
}  // namespace rk
