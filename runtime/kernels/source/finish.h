// From sums to codes: the way out of the registers.
#pragma once

#include <cstdint>

#include "abi.h"

namespace rk {
namespace {

// How sums become codes. Bounds are less the zero point.
struct Finish {
    const float *multiplier;  // of the first column
    int32_t zero;
    float low, high;
    bool adds;
    float self_multiplier, other_multiplier;
    int32_t other_zero, sum_zero;
    float sum_low, sum_high;
};

inline Finish finish_of(const rk_conv_args &a) {
    return {a.multiplier,
            a.zero,
            static_cast<float>(a.low - a.zero),
            static_cast<float>(a.high - a.zero),
            a.other != nullptr,
            a.self_multiplier,
            a.other_multiplier,
            a.other_zero,
            a.sum_zero,
            static_cast<float>(a.sum_low - a.sum_zero),
            static_cast<float>(a.sum_high - a.sum_zero)};
}

// Where rows come from and go to: [tap][row] pointers to inputs, and pointers to each row's first output.
struct Rows {
    const uint8_t *const *x;
    int64_t x_tap_stride;
    uint8_t *const *out;
    float *const *out_float;      // or null: then the codes go to `out`
    const uint8_t *const *other;  // or null
    const int32_t *offset;        // or null
};

// The clamp comes before the rounding, so that nothing leaves the range of an integer; a NaN becomes `low`.
template <class V>
inline typename V::Float clamp(typename V::Float value, typename V::Float low, typename V::Float high) {
    return V::min(V::max(value, low), high);
}

template <class V>
inline int64_t lanes_left(int64_t columns, int vector) {
    const int64_t left = columns - vector * V::kLanes;
    return left < 0 ? 0 : left < V::kLanes ? left : V::kLanes;
}

// Vectors of codes side by side, of which only `columns` codes are real.
template <class V, int kVectors>
inline void store_columns(uint8_t *out, const typename V::Int (&codes)[kVectors], int64_t columns) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) V::store_codes(out + v * V::kLanes, codes[v], lanes_left<V>(columns, v));
}

// codes[v] becomes round((codes[v] * self) + (other - other_zero) * other_multiplier) + sum_zero.
// The codes come less their zero point.
template <class V, int kVectors>
inline void add_other(const Finish &f, const uint8_t *other, int64_t columns, typename V::Int (&codes)[kVectors]) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
        const typename V::Int beside = V::load_codes(other + v * V::kLanes, lanes_left<V>(columns, v));
        const typename V::Float centred = V::to_float(V::add(beside, V::set_int(-f.other_zero)));
        const typename V::Float sum = V::add(V::mul(V::to_float(codes[v]), V::set_float(f.self_multiplier)),
                                             V::mul(centred, V::set_float(f.other_multiplier)));
        codes[v] =
            V::add(V::to_int(clamp<V>(sum, V::set_float(f.sum_low), V::set_float(f.sum_high))), V::set_int(f.sum_zero));
    }
}

// Sums of kRows rows from `row` on by kVectors vectors from `column` on, of which `columns` columns are real.
template <class V, int kRows, int kVectors>
inline void finish_tile(const Finish &f, const Rows &rows, int64_t row, int64_t column, int64_t columns,
                        typename V::Int (&sums)[kRows][kVectors]) {
    typename V::Float multiplier[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
        multiplier[v] = V::load_float(f.multiplier + column + v * V::kLanes, lanes_left<V>(columns, v));
    }
    if (rows.offset) {
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) sums[r][v] = V::add(sums[r][v], V::set_int(rows.offset[row + r]));
        }
    }
    if (rows.out_float) {
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) {
                float *out = rows.out_float[row + r] + column + v * V::kLanes;
                V::store_float(out, V::mul(V::to_float(sums[r][v]), multiplier[v]), lanes_left<V>(columns, v));
            }
        }
        return;
    }
    const typename V::Float low = V::set_float(f.low), high = V::set_float(f.high);
    const typename V::Int zero = V::set_int(f.zero);
    const bool whole = columns == kVectors * V::kLanes;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
        typename V::Int codes[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v)
            codes[v] = V::to_int(clamp<V>(V::mul(V::to_float(sums[r][v]), multiplier[v]), low, high));
        if (f.adds) {
            add_other<V, kVectors>(f, rows.other[row + r] + column, columns, codes);
        } else {
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) codes[v] = V::add(codes[v], zero);
        }
        if (whole) {
            V::store_row(rows.out[row + r] + column, codes);
        } else {
            store_columns<V, kVectors>(rows.out[row + r] + column, codes, columns);
        }
    }
}

}  // namespace
}  // namespace rk
