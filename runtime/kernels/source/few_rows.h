// Products of few rows, which do not pay for weights that are widened beforehand.
#pragma once

#include "signed_row.h"
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
        : w_(weight), group_(group), rows_(rows), count_(count), finish_(finish) {
        const int64_t bytes = SignedRow::bytes(w_.depth);
        uint8_t *memory = static_cast<uint8_t *>(scratch(kCopies, count * bytes));
        for (int64_t r = 0; r < count; ++r)
            signed_[r] = SignedRow(rows.x[r], w_.depth, 4 * kColumns, memory + r * bytes);
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
    static constexpr int64_t kTogether = 4;  // panels
    static constexpr int64_t kColumns = SumsPanel<V>::kColumns, kStep = kTogether * kColumns;

    void run_group(int64_t first, int64_t end, int32_t *sums) const {
        int64_t panel[kTogether];
        const uint8_t *weights[kTogether];
        for (int64_t i = 0; i < kTogether; ++i) {
            panel[i] = at_most(first + i, end - 1);  // where there are fewer, the last one is computed again
            weights[i] = SumsPanel<V>(w_, group_, panel[i]).weights;
        }
        for (int64_t r = 0; r < count_; ++r) {
            int32_t *to = sums + r * kStep;
            for (int64_t i = 0; i < kTogether; ++i) start(signed_[r], panel[i], to + i * kColumns);
            V::add_signed(signed_[r], weights, to);
        }
        finish_panels<V>(w_, group_, first, end, finish_, rows_, count_, sums, kStep);
    }

    // What the codes' mean, and weights whose sign is changed, leave to be added.
    void start(const SignedRow &row, int64_t panel, int32_t *sums) const {
        const int32_t *column = w_.column_sums + group_ * w_.offset_columns + panel * kColumns;
        for (int64_t i = 0; i < kColumns; i += V::kLanes) {
            const typename V::Int of_mean = V::mul(V::load_int(column + i), V::set_int(row.mean));
            V::store_int(sums + i, V::add(of_mean, V::set_int(row.changed)));
        }
    }

    const rk_weight &w_;
    const int64_t group_;
    const Rows rows_;
    const int64_t count_;
    const Finish finish_;  // multipliers of the group
    SignedRow signed_[kFewRows];
};

}  // namespace
}  // namespace rk
