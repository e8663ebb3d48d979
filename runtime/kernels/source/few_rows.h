// Products of few rows, which do not pay for weights that are widened beforehand. Codes are cut into halves of four
// bits: of products with those, int16 holds the sums of several pairs.
#pragma once

#include "sums.h"

namespace rk {
namespace {

// A recurrent layer reads its weights at every step. Where each step starts at the end at which the one before stopped,
// it meets what the second cache still holds before that is thrown out.
inline bool turn_around(const rk_weight &weight) {
    return __atomic_xor_fetch(&weight.backwards, 1, __ATOMIC_RELAXED) != 0;
}

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

    void run(int64_t first_panel, int64_t last_panel, bool backwards) const {
        int32_t *sums = static_cast<int32_t *>(scratch(kSums, count_ * kStep * 4));
        const int64_t groups = divide_up(last_panel - first_panel, kTogether);
        for (int64_t i = 0; i < groups; ++i) {
            const int64_t first = first_panel + (backwards ? groups - 1 - i : i) * kTogether;
            run_group(first, at_most(first + kTogether, last_panel), sums);
        }
    }

  private:
    static constexpr int64_t kTogether = 4;  // panels on their way out, multiplied two by two
    static constexpr int64_t kColumns = SumsPanel<V>::kColumns, kStep = kTogether * kColumns;

    void run_group(int64_t first, int64_t end, int32_t *sums) const {
        std::memset(sums, 0, static_cast<size_t>(count_ * kStep * 4));
        const int64_t panel_bytes = w_.depth * kColumns;
        for (int64_t panel = first; panel < end; panel += 2) {
            // The last one of an odd number is computed twice.
            const int64_t apart = panel + 1 < end ? panel_bytes : 0;
            for (int64_t r = 0; r < count_; ++r)
                V::add_halves(codes_ + 2 * r * w_.depth, SumsPanel<V>(w_, group_, panel).weights, apart, w_.depth / 4,
                              sums + r * kStep + (panel - first) * kColumns);
        }
        finish_panels<V>(w_, group_, first, end, finish_, rows_, count_, sums, kStep);
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
