// Products of few rows, which do not pay for weights that are widened beforehand. Of a code less 128, the sign goes to
// the weights, and what is left is 128 at most: then no pair of products with weights of at least -127 overflows int16.
#pragma once

#include "sums.h"

namespace rk {
namespace {

constexpr int64_t kFewRows = 8;

template <class V>
class FewRows {
  public:
    FewRows(const rk_weight &weight, const Rows &rows, int64_t count, const Finish &finish)
        : w_(weight),
          rows_(rows),
          count_(count),
          finish_(finish),
          codes_(static_cast<uint8_t *>(scratch(kCopies, 2 * count * weight.depth))) {
        for (int64_t r = 0; r < count; ++r) V::center_row(rows.x[r], codes_ + 2 * r * w_.depth, w_.depth);
    }

    void run(int64_t group, int64_t first_panel, int64_t last_panel) const {
        for (int64_t i = first_panel; i < last_panel; ++i)
            each_sum_tile(count_, Tile{*this, SumsPanel<V>(w_, group, i), w_.centered + group * w_.offset_columns});
    }

  private:
    struct Tile {
        const FewRows &few;
        const SumsPanel<V> panel;
        const int32_t *centered;

        template <int kRows>
        __attribute__((noinline)) void tile(int64_t row) const {
            typename V::Int sums[kRows][kSumVectors];
#pragma GCC unroll 4
            for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
                for (int v = 0; v < kSumVectors; ++v)
                    sums[r][v] = V::load_int(centered + panel.column + v * V::kLanes);
            }
            const int64_t depth = few.w_.depth;
            V::add_centered(few.codes_ + 2 * row * depth, 2 * depth, panel.weights, depth / 4, sums);
            finish_tile<V, kRows, kSumVectors>(few.finish_, few.rows_, row, panel.column, panel.columns, sums);
        }
    };

    const rk_weight &w_;
    const Rows rows_;
    const int64_t count_;
    const Finish finish_;  // multipliers of the group
    uint8_t *const codes_;
};

}  // namespace
}  // namespace rk
