// From sums to codes or numbers, where the sums are in memory.
#pragma once

#include "elementwise.h"
#include "finish.h"
#include "rows.h"

namespace rk {
namespace {

// Where the sums of a tile's rows lie, and where they go.
template <class V>
class TileFinish {
  public:
    TileFinish(const Finish &finish, const Rows &rows, const int32_t *offset, int64_t column, int64_t columns)
        : f_(finish), rows_(rows), offset_(offset), column_(column), columns_(columns) {}

    // Rows from `row` on, whose sums are `step` apart.
    void run(int64_t row, int64_t count, const int32_t *sums, int64_t step) const {
        if (rows_.out_float || count == 1) {  // one row does not pay for constants in registers
            for (int64_t r = row; r < row + count; ++r, sums += step) run_row(r, sums);
            return;
        }
        int64_t first = 0;
        for (; first + 3 * V::kLanes < columns_; first += 4 * V::kLanes) run_columns<4>(row, count, sums, step, first);
        for (; first + V::kLanes < columns_; first += 2 * V::kLanes) run_columns<2>(row, count, sums, step, first);
        if (first < columns_) run_columns<1>(row, count, sums, step, first);
    }

  private:
    void run_row(int64_t row, const int32_t *sums) const {
        const auto value = [&](int64_t i, int64_t count) {
            const typename V::Int sum = V::add(V::load_int(sums + i), V::load_int(offset_ + i));
            return V::mul(V::to_float(sum), V::load_float(f_.multiplier + column_ + i, count));
        };
        if (rows_.out_float) {
            float *out = rows_.out_float[row] + column_;
            in_vectors<V>(0, columns_,
                          [&](int64_t i, int64_t count) { V::store_float(out + i, value(i, count), count); });
        } else if (f_.adds) {
            const Addition<V> addition(f_);
            const uint8_t *other = rows_.other[row] + column_;
            const ToCodes<V> codes(f_.sum_zero, f_.sum_low, f_.sum_high);
            codes.fill(rows_.out[row] + column_, 0, columns_, [&](int64_t i, int64_t count) {
                return addition(value(i, count), V::load_codes(other + i, count));
            });
        } else if (f_.negative) {
            const ToCodes<V> codes(f_.zero, f_.low, f_.high);
            codes.fill(rows_.out[row] + column_, 0, columns_, [&](int64_t i, int64_t count) {
                const typename V::Int sum = V::add(V::load_int(sums + i), V::load_int(offset_ + i));
                return bent<V>(V::to_float(sum), V::load_float(f_.multiplier + column_ + i, count),
                               V::load_float(f_.negative + column_ + i, count));
            });
        } else {
            ToCodes<V>(f_.zero, f_.low, f_.high).fill(rows_.out[row] + column_, 0, columns_, value);
        }
    }

    template <int kVectors>
    __attribute__((noinline)) void run_columns(int64_t row, int64_t count, const int32_t *sums, int64_t step,
                                               int64_t first) const {
        const int64_t columns = columns_ - first;
        typename V::Float multiplier[kVectors];
        typename V::Int offset[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            const int64_t at = first + v * V::kLanes;
            multiplier[v] = V::load_float(f_.multiplier + column_ + at, lanes_left<V>(columns, v));
            offset[v] = V::load_int(offset_ + at);
        }
        const auto number = [&](int64_t r, int v) {
            return V::to_float(V::add(V::load_int(sums + r * step + first + v * V::kLanes), offset[v]));
        };
        const auto value = [&](int64_t r, int v) { return V::mul(number(r, v), multiplier[v]); };
        const typename V::Range whole(f_.zero, f_.low, f_.high);
        if (f_.adds) {
            const Addition<V> addition(f_);
            const typename V::Range range(f_.sum_zero, f_.sum_low, f_.sum_high);
            store<kVectors>(row, count, first, range, [&](int64_t r, int v) {
                const uint8_t *other = rows_.other[row + r] + column_ + first + v * V::kLanes;
                return addition(value(r, v), V::load_codes(other, lanes_left<V>(columns, v)));
            });
        } else if (f_.negative) {
            typename V::Float negative[kVectors];
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) {
                negative[v] =
                    V::load_float(f_.negative + column_ + first + v * V::kLanes, lanes_left<V>(columns, v));
            }
            store<kVectors>(row, count, first, whole,
                            [&](int64_t r, int v) { return bent<V>(number(r, v), multiplier[v], negative[v]); });
        } else {
            store<kVectors>(row, count, first, whole, value);
        }
    }

    template <int kVectors, class Value>
    __attribute__((always_inline)) inline void store(int64_t row, int64_t count, int64_t first,
                                                     const typename V::Range range, Value value) const {
        const int64_t columns = columns_ - first;
        const auto line = [&](int64_t r, typename V::Int(&codes)[1][kVectors]) {
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) codes[0][v] = V::to_code(value(r, v), range);
        };
        typename V::Int codes[1][kVectors];
        if (columns < kVectors * V::kLanes) {
            for (int64_t r = 0; r < count; ++r) {
                line(r, codes);
                store_columns<V, 1, kVectors>(rows_.out + row + r, 1, column_ + first, columns, codes, range);
            }
            return;
        }
        for (int64_t r = 0; r < count; ++r) {
            line(r, codes);
            V::template store_rows<1, kVectors>(rows_.out + row + r, 1, column_ + first, codes, range);
        }
    }

    const Finish f_;
    const Rows rows_;
    const int32_t *offset_;
    const int64_t column_, columns_;
};

// Adds to each of `count` rows of sums the offset of its own.
template <class V>
void add_offsets(const int32_t *offset, int64_t count, int64_t step, int32_t *sums) {
    for (int64_t r = 0; r < count; ++r) {
        for (int64_t i = 0; i < step; i += V::kLanes)
            V::store_int(sums + r * step + i, V::add(V::load_int(sums + r * step + i), V::set_int(offset[r])));
    }
}

}  // namespace
}  // namespace rk
