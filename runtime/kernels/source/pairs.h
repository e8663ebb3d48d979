// Products of shallow layers, whose way out costs as much as they do: codes and weights are int16, summed in pairs, and
// the sums stay in registers until they are codes.
#pragma once

#include "finish.h"
#include "rows.h"
#include "threads.h"
#include "weight.h"

namespace rk {
namespace {

constexpr int kPairRows = 6, kPairVectors = 2;  // of a tile

// Columns of a group by rows whose codes are widened.
template <class V>
class Pairs {
  public:
    Pairs(const rk_weight &weight, int64_t group, const Rows &rows, const Finish &finish)
        : w_(weight),
          rows_(rows),
          finish_(finish),
          offset_(weight.offset + group * weight.offset_columns),
          weights_(weight.int16 + group * weight.offset_columns * weight.depth * 2),
          codes_(static_cast<int16_t *>(scratch(kWidened, (kPairRows * weight.depth + V::kShorts) * 2))),
          plain_(sums_alone(finish, rows)),
          range_(finish.zero, finish.low, finish.high) {}

    // `count` rows by panels from one to another.
    void run(int64_t count, int64_t first_panel, int64_t last_panel) const {
        const int64_t first = first_panel * kColumns, last = at_most(last_panel * kColumns, w_.columns);
        for (int64_t row = 0; row < count; row += kPairRows) {
            const int64_t height = at_most(count - row, kPairRows);
            for (int64_t r = 0; r < height; ++r) V::widen_row(rows_.x[row + r], codes_ + r * w_.depth, w_.depth);
            int64_t column = first;
            if (plain_ && height == kPairRows) {
                for (; column + kColumns <= last; column += kColumns) whole_tile(column, row);
            }
            for (; column + V::kLanes < last; column += kColumns) tiles<kPairVectors>(column, row, height);
            if (column < last) tiles<1>(column, row, height);
        }
    }

  private:
    static constexpr int kColumns = kPairVectors * V::kLanes;

    template <int kVectors>
    void tiles(int64_t column, int64_t row, int64_t height) const {
        switch (height) {
            case 1: return tile<1, kVectors>(column, row);
            case 2: return tile<2, kVectors>(column, row);
            case 3: return tile<3, kVectors>(column, row);
            case 4: return tile<4, kVectors>(column, row);
            case 5: return tile<5, kVectors>(column, row);
            default: return tile<6, kVectors>(column, row);
        }
    }

    template <int kRows, int kVectors>
    __attribute__((noinline)) void tile(int64_t column, int64_t row) const {
        typename V::Int sums[kRows][kVectors];
        V::sum_pairs(codes_, w_.depth, weights_ + column * w_.depth * 2, w_.depth / 2, offset_ + column, sums);
        finish_tile<V, kRows, kVectors>(finish_, rows_, row, column, at_most(w_.columns - column, kVectors * V::kLanes),
                                        sums);
    }

    // The most frequent one, with nothing but what it needs: registers are few.
    __attribute__((always_inline)) inline void whole_tile(int64_t column, int64_t row) const {
        typename V::Int sums[kPairRows][kPairVectors];
        V::sum_pairs(codes_, w_.depth, weights_ + column * w_.depth * 2, w_.depth / 2, offset_ + column, sums);
        typename V::Float multiplier[kPairVectors];
#pragma GCC unroll 2
        for (int v = 0; v < kPairVectors; ++v)
            multiplier[v] = V::load_float(finish_.multiplier + column + v * V::kLanes, V::kLanes);
        store_whole<V, kPairRows, kPairVectors>(
            rows_, row, column, range_, [&](int r, int v) { return V::mul(V::to_float(sums[r][v]), multiplier[v]); });
    }

    const rk_weight &w_;
    const Rows rows_;
    const Finish finish_;  // multipliers of the group
    const int32_t *const offset_;
    const uint8_t *const weights_;
    int16_t *const codes_;
    const bool plain_;
    const typename V::Range range_;
};

}  // namespace
}  // namespace rk
