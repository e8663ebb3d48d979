// Products in int16, two at a time: exact for all codes and weights, and for the sums of Winograd's transforms.
#pragma once

#include "finish.h"
#include "rows.h"
#include "weight.h"

namespace rk {
namespace {

constexpr int kInt16Rows = 6, kInt16Vectors = 2;  // of a tile, for sixteen registers

// Adds to sums the products of kRows rows, `step` apart, with [pair of depths][column][2].
template <class V, int kRows>
inline void multiply_int16(const int16_t *rows, int64_t step, int64_t depth, const uint8_t *weights,
                           typename V::Int (&sums)[kRows][kInt16Vectors]) {
    using Int = typename V::Int;
    for (int64_t k = 0; k < depth; k += 2, weights += kInt16Vectors * V::kLanes * 4) {
        const Int left = V::load_block(weights), right = V::load_block(weights + V::kLanes * 4);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) V::add_pair(sums[r], rows + r * step + k, left, right);
    }
}

// Calls body.tile<n>(first) for groups of n rows.
template <class Body>
inline void each_tile(int64_t rows, const Body &body) {
    each_part(rows, kInt16Rows, [&](int64_t first, int64_t count) {
        switch (count) {
            case 1: return body.template tile<1>(first);
            case 2: return body.template tile<2>(first);
            case 3: return body.template tile<3>(first);
            case 4: return body.template tile<4>(first);
            case 5: return body.template tile<5>(first);
            default: return body.template tile<kInt16Rows>(first);
        }
    });
}

// Rows of widened codes by one panel of weights, on to codes.
template <class V>
struct Int16Panel {
    const int16_t *inputs;
    const rk_weight &weight;
    int64_t group, panel;
    const Rows &rows;
    const Finish &finish;  // multipliers of the group

    template <int kRows>
    __attribute__((noinline)) void tile(int64_t row) const {
        constexpr int kColumns = kInt16Vectors * V::kLanes;
        const int64_t depth = weight.depth, column = panel * kColumns;
        const int32_t *offset = weight.offset + group * weight.offset_columns + column;
        typename V::Int sums[kRows][kInt16Vectors];
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
            sums[r][0] = V::load_int(offset);
            sums[r][1] = V::load_int(offset + V::kLanes);
        }
        const uint8_t *weights = weight.int16 + (group * weight.panels + panel) * depth * kColumns * 2;
        multiply_int16<V, kRows>(inputs + row * depth, depth, depth, weights, sums);
        finish_tile<V, kRows, kInt16Vectors>(finish, rows, row, column, at_most(weight.columns - column, kColumns),
                                             sums);
    }
};

}  // namespace
}  // namespace rk
