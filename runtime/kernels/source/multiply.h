// The inner loop: a tile of rows times a panel of columns.
// `V` is an instruction set's vectors; see portable.cpp for what it offers.
#pragma once

#include <cstdint>

#include "finish.h"
#include "weight.h"

namespace rk {
namespace {

// Adds the products with `count` blocks of int8 weights, whose codes are to be taken in the order kOrder.
template <class V, int kOrder, int kRows, int kVectors>
inline void add_plain(const uint8_t *const (&x)[kRows], const int32_t *&block, int32_t count, const uint8_t *&data,
                      typename V::Int (&sums)[kRows][kVectors]) {
    for (const int32_t *end = block + count; block != end; ++block) {
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
            const typename V::Int codes = V::template reorder<kOrder>(V::broadcast4(x[r] + *block));
#pragma GCC unroll 16
            for (int v = 0; v < kVectors; ++v)
                sums[r][v] = V::dot_block(sums[r][v], codes, data + v * V::kLanes * 4);
        }
        data += kVectors * V::kLanes * 4;
    }
}

// The same with pairs of blocks whose products fit int16 together.
template <class V, int kRows, int kVectors>
inline void add_joined(const uint8_t *const (&x)[kRows], const int32_t *&block, int32_t count, const uint8_t *&data,
                       typename V::Int (&sums)[kRows][kVectors]) {
    using Int = typename V::Int;
    for (const int32_t *end = block + 2 * count; block != end; block += 2) {
        Int left[kVectors], right[kVectors];
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) {
            left[v] = V::load_block(data + v * V::kLanes * 4);
            right[v] = V::load_block(data + (kVectors + v) * V::kLanes * 4);
        }
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
            const Int codes = V::broadcast4(x[r] + block[0]), others = V::broadcast4(x[r] + block[1]);
#pragma GCC unroll 16
            for (int v = 0; v < kVectors; ++v)
                sums[r][v] = V::dot_joined(sums[r][v], codes, left[v], others, right[v]);
        }
        data += 2 * kVectors * V::kLanes * 4;
    }
}

// The same with blocks of int16 weights.
template <class V, int kRows, int kVectors>
inline void add_wide(const uint8_t *const (&x)[kRows], const int32_t *&block, int32_t count, const uint8_t *&data,
                     typename V::Int (&sums)[kRows][kVectors]) {
    for (const int32_t *end = block + count; block != end; ++block) {
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
            const typename V::Int codes = V::broadcast4(x[r] + *block), even = V::even_codes(codes),
                                  odd = V::odd_codes(codes);
#pragma GCC unroll 16
            for (int v = 0; v < kVectors; ++v) {
                const uint8_t *weight = data + v * V::kLanes * 8;
                sums[r][v] = V::dot_wide(sums[r][v], even, weight);
                sums[r][v] = V::dot_wide(sums[r][v], odd, weight + V::kLanes * 4);
            }
        }
        data += kVectors * V::kLanes * 8;
    }
}

template <class V, int kRows, int kVectors>
__attribute__((noinline)) void finish_apart(const Finish &f, const Rows &rows, int64_t row, int64_t column,
                                            int64_t columns, typename V::Int (&sums)[kRows][kVectors]) {
    finish_tile<V, kRows, kVectors>(f, rows, row, column, columns, sums);
}

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
    const int32_t *block = panel.offsets, *counts = panel.counts;
    const uint8_t *data = panel.data;
    for (int64_t tap = 0; tap < taps; ++tap, counts += kBlockKinds) {
        const uint8_t *x[kRows];
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) x[r] = rows.x[tap * rows.x_tap_stride + row + r];
        add_plain<V, 0>(x, block, counts[0], data, sums);
        if constexpr (V::kPairsSaturate) {
            add_plain<V, 1>(x, block, counts[1], data, sums);
            add_plain<V, 2>(x, block, counts[2], data, sums);
            add_joined<V>(x, block, counts[kJoined], data, sums);
            add_wide<V>(x, block, counts[kWide], data, sums);
        }
    }
    if constexpr (V::kPairsSaturate) {
        // With so many loops the compiler runs out of registers if it sees another use of the sums.
        Int copy[kRows][kVectors];
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
            for (int v = 0; v < kVectors; ++v) copy[r][v] = sums[r][v];
        }
        finish_apart<V, kRows, kVectors>(f, rows, row, panel.first_column, columns, copy);
    } else {
        finish_tile<V, kRows, kVectors>(f, rows, row, panel.first_column, columns, sums);
    }
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
