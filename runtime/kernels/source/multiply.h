// The inner loop: a tile of rows times a panel of columns.
// `V` is an instruction set's vectors; see portable.cpp for what it offers.
#pragma once

#include <cstdint>

#include "finish.h"
#include "weight.h"

namespace rk {
namespace {

// kRows rows by kVectors vectors of columns, all of whose sums stay in registers.
template <class V, int kRows, int kVectors>
void multiply_tile(const Panel &panel, int64_t taps, const int32_t *offset, int64_t columns, const Rows &rows,
                   int64_t row, const Finish &f) {
    using Int = typename V::Int;
    Int sums[kRows][kVectors];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums[r][v] = V::load_int(offset + v * V::kLanes);
    }
    const int32_t *block = panel.offsets;
    const uint8_t *data = panel.data;
    for (int64_t tap = 0; tap < taps; ++tap) {
        const uint8_t *x[kRows];
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) x[r] = rows.x[tap * rows.x_tap_stride + row + r];
        for (const int32_t *end = block + panel.counts[tap]; block != end; ++block) {
#pragma GCC unroll 16
            for (int r = 0; r < kRows; ++r) {
                const Int codes = V::broadcast4(x[r] + *block);
#pragma GCC unroll 16
                for (int v = 0; v < kVectors; ++v)
                    sums[r][v] = V::dot_block(sums[r][v], codes, data + v * V::kLanes * 4);
            }
            data += kVectors * V::kLanes * 4;
        }
    }
    finish_tile<V, kRows, kVectors>(f, rows, row, panel.first_column, columns, sums);
}

template <class V>
using MultiplyTile = void (*)(const Panel &, int64_t, const int32_t *, int64_t, const Rows &, int64_t, const Finish &);

template <class V, int kVectors>
MultiplyTile<V> tile_of_rows(int64_t rows) {
    static_assert(V::kRows <= 6);
    switch (rows) {
        case 1: return multiply_tile<V, 1, kVectors>;
        case 2: return multiply_tile<V, 2, kVectors>;
        case 3: return multiply_tile<V, 3, kVectors>;
        case 4: return multiply_tile<V, 4, kVectors>;
        case 5: return multiply_tile<V, (V::kRows < 5 ? V::kRows : 5), kVectors>;
        default: return multiply_tile<V, V::kRows, kVectors>;
    }
}

template <class V>
MultiplyTile<V> tile_for(int64_t rows, int64_t vectors) {
    static_assert(V::kVectors <= 4);
    switch (vectors) {
        case 1: return tile_of_rows<V, 1>(rows);
        case 2: return tile_of_rows<V, 2>(rows);
        case 3: return tile_of_rows<V, (V::kVectors < 3 ? V::kVectors : 3)>(rows);
        default: return tile_of_rows<V, V::kVectors>(rows);
    }
}

}  // namespace
}  // namespace rk
