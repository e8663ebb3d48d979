// Products of few rows, which do not pay for weights that are widened beforehand. Codes are cut into halves of four bits:
// of products with those, int16 holds the sums of several pairs.
#pragma once

#include "sums.h"

namespace rk {
namespace {

constexpr int64_t kFewRows = 8;

template <class V>
class FewRows {
  public:
    FewRows(const rk_weight &weight, int64_t group, const Rows &rows, int64_t count, const Finish &finish)
        : w_(weight),
          group_(group),
          rows_(rows),
          count_(count),
          finish_(finish),
          codes_(static_cast<uint8_t *>(scratch(kCopies, 2 * count * weight.depth))) {
        for (int64_t r = 0; r < count; ++r) V::halve_row(rows.x[r], codes_ + 2 * r * w_.depth, w_.depth);
    }

    void run(int64_t first_panel, int64_t last_panel) const {
        int32_t *sums = static_cast<int32_t *>(scratch(kSums, count_ * kStep * 4));
        for (int64_t i = first_panel; i < last_panel; i += kTogether) {
            const int64_t column = i * kColumns, end = at_most(i + kTogether, last_panel);
            for (int64_t panel = i; panel < end; ++panel) multiply(panel, sums + (panel - i) * kColumns);
            if (rows_.offset) add_offsets<V>(rows_.offset, count_, kStep, sums);
            const int32_t *offset = w_.offset + group_ * w_.offset_columns + column;
            TileFinish<V>(finish_, rows_, offset, column, at_most(w_.columns, end * kColumns) - column)
                .run(0, count_, sums, kStep);
        }
    }

  private:
    static constexpr int64_t kTogether = 4;  // panels on their way out
    static constexpr int64_t kColumns = SumsPanel<V>::kColumns, kStep = kTogether * kColumns;

    void multiply(int64_t panel, int32_t *sums) const {
        const uint8_t *weights = SumsPanel<V>(w_, group_, panel).weights;
        for (int64_t r = 0; r < count_; ++r)
            V::multiply_halves(codes_ + 2 * r * w_.depth, weights, w_.depth / 4, sums + r * kStep);
    }

    const rk_weight &w_;
    const int64_t group_;
    const Rows rows_;
    const int64_t count_;
    const Finish finish_;  // multipliers of the group
    uint8_t *const codes_;
};

}  // namespace
}  // namespace rk
