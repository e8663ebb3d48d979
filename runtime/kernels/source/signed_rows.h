// Products of rows by magnitudes and signs, which need nothing of the weights but their bytes: few rows do not pay for
// weights that are widened beforehand.
#pragma once

#include "signed_row.h"
#include "sums.h"

namespace rk {
namespace {

constexpr int64_t kSignedDepth = 256;  // whose weights of a group of panels stay in the first cache, for several rows

// More than a few rows have to pay for their magnitudes and signs with many columns.
inline bool suits_signed_rows(const rk_weight &weight, int64_t rows) {
    return rows <= kFewRows || (rows <= 4 * kFewRows && weight.columns >= 256);
}

// A recurrent layer reads its weights at every step. Where each step starts at the end at which the one before stopped,
// it meets what the second cache still holds before that is thrown out.
inline bool turn_around(const rk_weight &weight) {
    return __atomic_xor_fetch(&weight.backwards, 1, __ATOMIC_RELAXED) != 0;
}

template <class V>
class SignedRows {
  public:
    SignedRows(const rk_weight &weight, int64_t group, const Rows &rows, int64_t count, const Finish &finish)
        : w_(weight),
          group_(group),
          rows_(rows),
          count_(count),
          finish_(finish),
          chunk_(count > kFewRows ? kSignedDepth : weight.depth),
          chunks_(divide_up(weight.depth, chunk_)),
          constants_(static_cast<Constants *>(scratch(kOffsets, count * static_cast<int64_t>(sizeof(Constants))))) {
        const int64_t rows_bytes = chunks_ * count * static_cast<int64_t>(sizeof(SignedRow));
        const int64_t bytes = SignedRow::bytes(chunk_);
        uint8_t *memory = static_cast<uint8_t *>(scratch(kCopies, rows_bytes + chunks_ * count * bytes));
        signed_ = reinterpret_cast<SignedRow *>(memory);
        memory += rows_bytes;
        for (int64_t r = 0; r < count; ++r) {
            const uint8_t mean = mean_of(rows.x[r]);
            constants_[r] = {mean, 0};
            for (int64_t c = 0; c < chunks_; ++c, memory += bytes) {
                const int64_t depth = at_most(w_.depth - c * chunk_, chunk_);
                const SignedRow row(rows.x[r] + c * chunk_, depth, mean, 4 * kColumns, memory);
                signed_[c * count + r] = row;
                constants_[r].changed += row.changed;
            }
        }
    }

    void run(int64_t first_panel, int64_t last_panel, bool backwards) const {
        int32_t *sums = static_cast<int32_t *>(scratch(kSums, count_ * kStep * 4));
        const int64_t groups = divide_up(last_panel - first_panel, kTogether);
        for (int64_t i = 0; i < groups; ++i) {
            const int64_t first = first_panel + (backwards ? groups - 1 - i : i) * kTogether;
            const int64_t end = at_most(first + kTogether, last_panel);
            end - first > 2 ? run_group<kTogether>(first, end, sums) : run_group<2>(first, end, sums);
        }
    }

  private:
    static constexpr int kTogether = 4;  // panels
    static constexpr int64_t kColumns = SumsPanel<V>::kColumns, kStep = kTogether * kColumns;

    // Of a row: what its codes are less of, and what weights whose sign is changed leave to be added to every column.
    struct Constants {
        int32_t mean, changed;
    };

    uint8_t mean_of(const uint8_t *codes) const {
        uint32_t sum = 0;
        for (int64_t k = 0; k < w_.depth; ++k) sum += codes[k];
        const uint32_t depth = static_cast<uint32_t>(w_.depth);
        return static_cast<uint8_t>((sum + depth / 2) / depth);
    }

    template <int kPanels>
    void run_group(int64_t first, int64_t end, int32_t *sums) const {
        int64_t panel[kPanels];
        const uint8_t *weights[kPanels];
        for (int i = 0; i < kPanels; ++i) {
            panel[i] = at_most(first + i, end - 1);  // where there are fewer, the last one is computed again
            weights[i] = SumsPanel<V>(w_, group_, panel[i]).weights;
        }
        for (int64_t r = 0; r < count_; ++r) {
            for (int i = 0; i < kPanels; ++i) start(constants_[r], panel[i], sums + r * kStep + i * kColumns);
        }
        for (int64_t c = 0; c < chunks_; ++c) {
            for (int64_t r = 0; r < count_; ++r) V::add_signed(signed_[c * count_ + r], weights, sums + r * kStep);
            for (const uint8_t *&place : weights) place += chunk_ * kColumns;
        }
        finish_panels<V>(w_, group_, first, end, finish_, rows_, count_, sums, kStep);
    }

    // What the products start with.
    void start(const Constants &row, int64_t panel, int32_t *sums) const {
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
    const Finish finish_;           // multipliers of the group
    const int64_t chunk_, chunks_;  // of the depth
    Constants *const constants_;    // [row]
    SignedRow *signed_;             // [chunk][row]
};

}  // namespace
}  // namespace rk
