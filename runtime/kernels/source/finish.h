// From sums to codes: the way out of the registers.
#pragma once

#include <cstdint>

#include "abi.h"

namespace rk {
namespace {

// How sums become codes.
struct Finish {
    const float *multiplier;  // of the first column
    const float *negative;    // likewise, of sums below zero, or null
    int32_t zero, low, high;
    bool adds;
    float self_multiplier, other_multiplier;
    int32_t other_zero, sum_zero, sum_low, sum_high;
};

inline Finish finish_of(const rk_conv_args &a) {
    return {a.multiplier,      a.negative,         a.zero,       a.low,      a.high,    a.other != nullptr,
            a.self_multiplier, a.other_multiplier, a.other_zero, a.sum_zero, a.sum_low, a.sum_high};
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

// Whether what comes out are codes, of sums that nothing is added to, with one multiplier a column.
inline bool sums_alone(const Finish &finish, const Rows &rows) {
    return rows.out && !finish.adds && !finish.negative && !rows.offset;
}

template <class V>
inline int64_t lanes_left(int64_t columns, int vector) {
    const int64_t left = columns - vector * V::kLanes;
    return left < 0 ? 0 : left < V::kLanes ? left : V::kLanes;
}

// Rows of vectors of codes of which only `columns` columns are real; `rows` of them.
template <class V, int kRows, int kVectors>
void store_columns(uint8_t *const *out, int rows, int64_t column, int64_t columns,
                   const typename V::Int (&codes)[kRows][kVectors], const typename V::Range &range) {
    for (int r = 0; r < kRows && r < rows; ++r) {
        for (int v = 0; v < kVectors; ++v)
            V::store_codes(out[r] + column + v * V::kLanes, codes[r][v], lanes_left<V>(columns, v), range);
    }
}

// The code that a sum becomes, less its zero point, times self_multiplier, and (other - other_zero) * other_multiplier.
template <class V>
class Addition {
  public:
    explicit Addition(const Finish &f)
        : low_(V::set_float(static_cast<float>(f.low - f.zero))),
          high_(V::set_float(static_cast<float>(f.high - f.zero))),
          self_(V::set_float(f.self_multiplier)),
          other_(V::set_float(f.other_multiplier)),
          minus_zero_(V::set_int(-f.other_zero)) {}

    typename V::Float operator()(typename V::Float value, typename V::Int other) const {
        const typename V::Float code = V::round(V::min(V::max(value, low_), high_));
        return V::add(V::mul(code, self_), V::mul(V::to_float(V::add(other, minus_zero_)), other_));
    }

  private:
    const typename V::Float low_, high_, self_, other_;
    const typename V::Int minus_zero_;
};

// Packs and stores value(row, vector), as many rows at once as give V::kStored vectors.
template <class V, int kRows, int kVectors, class Value, class Store>
__attribute__((always_inline)) inline void pack_tile(const typename V::Range &range, Value value, Store store) {
    constexpr int kFull = V::kStored > kVectors ? V::kStored / kVectors : 1, kStep = kRows < kFull ? kRows : kFull;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r += kStep) {
        typename V::Int codes[kStep][kVectors];
#pragma GCC unroll 4
        for (int i = 0; i < kStep; ++i) {
            const int now = r + i < kRows ? r + i : r;
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) codes[i][v] = V::to_code(value(now, v), range);
        }
        store(r, codes);
    }
}

// The same where all columns are real.
template <class V, int kRows, int kVectors, class Value>
__attribute__((always_inline)) inline void store_whole(const Rows &rows, int64_t row, int64_t column,
                                                       const typename V::Range &range, Value value) {
    pack_tile<V, kRows, kVectors>(range, value, [&](int r, const auto &codes) {
        V::store_rows(rows.out + row + r, kRows - r, column, codes, range);
    });
}

template <class V, int kRows, int kVectors, class Value>
__attribute__((always_inline)) inline void store_tile(const Rows &rows, int64_t row, int64_t column, int64_t columns,
                                                      const typename V::Range &range, Value value) {
    if (columns == kVectors * V::kLanes) return store_whole<V, kRows, kVectors>(rows, row, column, range, value);
    pack_tile<V, kRows, kVectors>(range, value, [&](int r, const auto &codes) {
        store_columns<V>(rows.out + row + r, kRows - r, column, columns, codes, range);
    });
}

// Not inlined: its many constants would take registers from the sums.
template <class V, int kRows, int kVectors, bool kWhole>
__attribute__((noinline)) void store_sums(const Finish &f, const Rows &rows, int64_t row, int64_t column,
                                          int64_t columns, const typename V::Float (&multiplier)[kVectors],
                                          const typename V::Int (&sums)[kRows][kVectors]) {
    const Addition<V> addition(f);
    const typename V::Range range(f.sum_zero, f.sum_low, f.sum_high);
    store_tile<V, kRows, kVectors>(
        rows, row, column, kWhole ? kVectors * V::kLanes : columns, range, [&](int r, int v) {
            const uint8_t *other = rows.other[row + r] + column + v * V::kLanes;
            return addition(V::mul(V::to_float(sums[r][v]), multiplier[v]),
                            V::load_codes(other, kWhole ? V::kLanes : lanes_left<V>(columns, v)));
        });
}

// A sum times one multiplier, or another one if it is below zero; the other product is zero.
template <class V>
typename V::Float bent(typename V::Float sum, typename V::Float multiplier, typename V::Float negative) {
    const typename V::Float none = V::set_float(0.0f);
    return V::add(V::mul(V::max(sum, none), multiplier), V::mul(V::min(sum, none), negative));
}

// The codes of sums with two multipliers. Not inlined, likewise.
template <class V, int kRows, int kVectors>
__attribute__((noinline)) void store_bent(const Finish &f, const Rows &rows, int64_t row, int64_t column,
                                          int64_t columns, const typename V::Float (&multiplier)[kVectors],
                                          const typename V::Int (&sums)[kRows][kVectors]) {
    typename V::Float negative[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
        negative[v] = V::load_float(f.negative + column + v * V::kLanes, lanes_left<V>(columns, v));
    }
    const typename V::Range range(f.zero, f.low, f.high);
    store_tile<V, kRows, kVectors>(rows, row, column, columns, range, [&](int r, int v) {
        return bent<V>(V::to_float(sums[r][v]), multiplier[v], negative[v]);
    });
}

// Sums of kRows rows from `row` on by kVectors vectors from `column` on, of which `columns` columns are real.
// Always inlined: only sums of which nobody has the address stay in registers.
template <class V, int kRows, int kVectors>
__attribute__((always_inline)) inline void finish_tile(const Finish &f, const Rows &rows, int64_t row, int64_t column,
                                                       int64_t columns, typename V::Int (&sums)[kRows][kVectors]) {
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
    if (f.adds || f.negative) {
        typename V::Int copy[kRows][kVectors];
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) copy[r][v] = sums[r][v];
        }
        if (f.negative) {
            store_bent<V, kRows, kVectors>(f, rows, row, column, columns, multiplier, copy);
        } else if (columns >= kVectors * V::kLanes) {
            store_sums<V, kRows, kVectors, true>(f, rows, row, column, columns, multiplier, copy);
        } else {
            store_sums<V, kRows, kVectors, false>(f, rows, row, column, columns, multiplier, copy);
        }
    } else {
        const typename V::Range range(f.zero, f.low, f.high);
        store_tile<V, kRows, kVectors>(rows, row, column, columns, range,
                                       [&](int r, int v) { return V::mul(V::to_float(sums[r][v]), multiplier[v]); });
    }
}

}  // namespace
}  // namespace rk
