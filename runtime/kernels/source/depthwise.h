// Depthwise convolution: every channel on its own, two taps a multiplication.
#pragma once

#include "finish.h"
#include "weight.h"

namespace rk {
namespace {

// rows.x holds [tap][row] pointers to the inputs of each row.
template <class V>
void depthwise_rows(const rk_weight &weight, int64_t rows, const Rows &all, const Finish &f) {
    const int64_t channels = weight.groups, pairs = (weight.taps + 1) / 2;
    for (int64_t r = 0; r < rows; ++r) {
        const uint8_t *const *x = all.x + r;
        for (int64_t c = 0; c < channels; c += V::kLanes) {
            const int64_t count = lanes_left<V>(channels - c, 0);
            typename V::Int sums[1][1] = {{V::load_int(weight.offset + c)}};
            const int16_t *w = weight.depthwise + c * 2;
            for (int64_t pair = 0; pair < pairs; ++pair, w += weight.depthwise_stride) {
                const int64_t second = 2 * pair + 1 < weight.taps ? 2 * pair + 1 : 2 * pair;
                const typename V::Int codes = V::load_pairs(x[2 * pair * rows] + c, x[second * rows] + c, count);
                sums[0][0] = V::dot_pairs(sums[0][0], codes, V::load_block(reinterpret_cast<const uint8_t *>(w)));
            }
            finish_tile<V, 1, 1>(f, all.from(r), c, count, sums);
        }
    }
}

}  // namespace
}  // namespace rk
