// Products of sums of many rows. Rows, depth and columns are cut in halves, and seven products do for the eight of the
// quarters: Strassen's, in Winograd's order. Sums and differences of quarters fit int16, and as results are taken
// modulo 2**32, nothing is lost.
#pragma once

#include "sums.h"

namespace rk {
namespace {

constexpr int kSeven = 7;
constexpr int64_t kMostStepDepth = 2 * kSumDepth;  // so that half of it, of one matrix, stays in the first cache
constexpr int64_t kLeftBytes = 512 << 10;          // of the left matrices: they are to stay in the second cache
constexpr int64_t kMostPairs = 64;                 // of panels whose sums wait for the next step of the depth
constexpr int64_t kLeastDepthToSplit = 384, kLeastRowsToSplit = 64;  // with less, seven matrices do not pay

// Whether a layer's depth is to be cut into steps, whose halves are whole vectors.
inline int64_t split_steps(const rk_weight &w) { return divide_up(w.depth, kMostStepDepth); }
inline bool splits(const rk_weight &w) {
    return w.kind == Kind::kSums && w.depth >= kLeastDepthToSplit && w.depth % (split_steps(w) * 32) == 0;
}
inline int64_t rows_to_split(const rk_weight &w) {
    return at_most(kLeftBytes / (kSeven * w.depth / split_steps(w)) * 2, kBlockRows);
}

// What is multiplied, of the quarters by row and column: matrices of codes, and of weights.
template <class V, class Short>
inline void left_matrices(Short a11, Short a12, Short a21, Short a22, Short (&to)[kSeven]) {
    to[0] = a11;
    to[1] = a12;
    to[3] = V::sub(a11, a21);
    to[4] = a22;
    to[5] = V::add(a21, a22);
    to[2] = V::sub(to[5], a11);
    to[6] = V::sub(a12, to[2]);
}
template <class V, class Short>
inline void right_matrices(Short b11, Short b12, Short b21, Short b22, Short (&to)[kSeven]) {
    to[0] = b11;
    to[1] = b21;
    to[3] = V::sub(b22, b12);
    to[5] = V::sub(b12, b11);
    to[2] = V::sub(b22, to[5]);
    to[4] = V::sub(b21, to[2]);
    to[6] = b22;
}

template <class V>
class Strassen {
  public:
    Strassen(const rk_weight &weight, int64_t group, const Rows &rows, int64_t count, const Finish &finish)
        : w_(weight),
          group_(group),
          rows_(rows),
          count_(count),
          finish_(finish),
          half_rows_(divide_up(count, 2)),
          steps_(split_steps(weight)),
          half_(weight.depth / steps_ / 2),
          left_step_(half_rows_ * half_ + kApart),
          right_step_(half_ * kColumns + kApart),
          left_(static_cast<int16_t *>(scratch(kWidened, kSeven * left_step_ * 2))),
          left_products_(static_cast<int32_t *>(scratch(kOffsets, kSeven * half_rows_ * 4))),
          right_(static_cast<int16_t *>(scratch(kPacked, kSeven * right_step_ * 2 + half_ * kColumns))),
          zeros_(reinterpret_cast<uint8_t *>(right_ + kSeven * right_step_)) {
        std::memset(zeros_, 0, static_cast<size_t>(half_ * kColumns));
    }

    void run(int64_t first_panel, int64_t last_panel) const {
        for (int64_t first = first_panel; first < last_panel; first += 2 * kMostPairs)
            run_panels(first, at_most(first + 2 * kMostPairs, last_panel));
    }

  private:
    using Int = typename V::Int;
    using Short = typename V::Short;
    static constexpr int64_t kColumns = SumsPanel<V>::kColumns, kStep = 2 * kColumns;
    static constexpr int64_t kApart = 64;  // more between matrices, so that they do not meet in the same cache sets

    void run_panels(int64_t first, int64_t last) const {
        const int64_t size = 2 * half_rows_ * kStep, kept = steps_ > 1 ? divide_up(last - first, 2) : 1;
        int32_t *memory = static_cast<int32_t *>(scratch(kSums, (kept + 1) * size * 4)),
                *partial = memory + kept * size;
        for (int64_t step = 0; step < steps_; ++step) {
            split_rows(2 * half_ * step);
            for (int64_t panel = first; panel < last; panel += 2) {
                int32_t *sums = memory + (steps_ > 1 ? (panel - first) / 2 * size : 0);
                if (step == 0) std::memset(sums, 0, static_cast<size_t>(size * 4));
                multiply(2 * half_ * step, panel, panel + 1 < last, sums, partial);
                if (step + 1 < steps_) continue;
                finish_panels<V>(w_, group_, panel, at_most(panel + 2, last), finish_, rows_, count_, sums, kStep);
            }
        }
    }

    // The seven matrices of the codes of a step, and the products of neighbours in each row.
    void split_rows(int64_t k) const {
        for (int64_t r = 0; r < half_rows_; ++r) {
            const uint8_t *top = rows_.x[r] + k;
            const uint8_t *bottom = half_rows_ + r < count_ ? rows_.x[half_rows_ + r] + k : zeros_;
            Int products[kSeven];
            for (Int &product : products) product = V::set_int(0);
            for (int64_t i = 0; i < half_; i += V::kShorts) {
                Short matrix[kSeven];
                left_matrices<V>(V::widen_fours(top + i), V::widen_fours(top + half_ + i), V::widen_fours(bottom + i),
                                 V::widen_fours(bottom + half_ + i), matrix);
#pragma GCC unroll 7
                for (int m = 0; m < kSeven; ++m) {
                    V::store(left_ + m * left_step_ + r * half_ + i, matrix[m]);
                    products[m] = V::add(products[m], V::neighbours(matrix[m]));
                }
            }
            for (int m = 0; m < kSeven; ++m) left_products_[m * half_rows_ + r] = V::sum(products[m]);
        }
    }

    // The seven matrices of a step's weights of two panels, and the products of neighbours in each column.
    void split_weights(const uint8_t *left, const uint8_t *right, Int (&products)[kSeven][kSumVectors]) const {
        const int64_t down = half_ * kColumns;
        const uint8_t *right_down = right == zeros_ ? zeros_ : right + down;
        for (int64_t i = 0; i < half_ * kColumns; i += 4 * kColumns) {
#pragma GCC unroll 2
            for (int v = 0; v < kSumVectors; ++v) {
                const int64_t at = i + 4 * V::kLanes * v;
                Short odd[kSeven], even[kSeven];
                right_matrices<V>(V::odd_shorts(left + at), V::odd_shorts(right + at), V::odd_shorts(left + down + at),
                                  V::odd_shorts(right_down + at), odd);
                right_matrices<V>(V::even_shorts(left + at), V::even_shorts(right + at),
                                  V::even_shorts(left + down + at), V::even_shorts(right_down + at), even);
                int16_t *to = right_ + i + 2 * V::kLanes * v;
#pragma GCC unroll 7
                for (int m = 0; m < kSeven; ++m, to += right_step_) {
                    V::store(to, odd[m]);
                    V::store(to + 2 * kColumns, even[m]);
                    products[m][v] = V::add(products[m][v], V::multiply_add(odd[m], even[m]));
                }
            }
        }
    }

    // Adds the products of a step to the sums of two panels; `partial` is room for as many.
    void multiply(int64_t k, int64_t panel, bool both, int32_t *sums, int32_t *partial) const {
        Int products[kSeven][kSumVectors];
        for (auto &of_matrix : products) {
            for (Int &product : of_matrix) product = V::set_int(0);
        }
        const int64_t panel_bytes = w_.depth * kColumns, bytes = 2 * half_ * kColumns;
        const int64_t turns = kSeven * divide_up(half_rows_, kSumRows);
        const uint8_t *left = SumsPanel<V>(w_, group_, panel).weights + k * kColumns, *next = left + 2 * panel_bytes;
        split_weights(left, both ? left + panel_bytes : zeros_, products);
        Ahead ahead[2] = {{next, next + bytes, turns}, {next + panel_bytes, next + panel_bytes + bytes, turns}};
        const auto product = [&](int m, const int32_t *from, const int32_t *more, int32_t *to) {
            each_sum_tile(half_rows_,
                          SumProduct<V>{left_ + m * left_step_, right_ + m * right_step_, half_, half_,
                                        left_products_ + m * half_rows_, products[m], from, more, to, kStep, ahead, 2});
        };
        int32_t *c11 = sums, *c12 = c11 + kColumns, *c21 = sums + half_rows_ * kStep, *c22 = c21 + kColumns;
        int32_t *u = partial, *v = u + kColumns, *w = u + half_rows_ * kStep;
        product(0, nullptr, nullptr, u);
        product(1, u, c11, c11);
        product(2, u, nullptr, u);
        product(3, u, nullptr, v);
        product(4, v, c21, c21);
        product(5, nullptr, nullptr, w);
        product(6, u, c12, c12);
        for (int64_t r = 0; r < half_rows_ * kStep; r += kStep) {
            for (int64_t i = r; i < r + kColumns; i += V::kLanes) {
                const Int fifth = V::load_int(w + i);
                V::store_int(c12 + i, V::add(V::load_int(c12 + i), fifth));
                V::store_int(c22 + i, V::add(V::add(V::load_int(c22 + i), V::load_int(v + i)), fifth));
            }
        }
    }

    const rk_weight &w_;
    const int64_t group_;
    const Rows rows_;
    const int64_t count_;
    const Finish finish_;  // multipliers of the group
    const int64_t half_rows_, steps_, half_, left_step_, right_step_;
    int16_t *const left_;           // [matrix][row][depth]
    int32_t *const left_products_;  // [matrix][row]
    int16_t *const right_;          // [matrix][four depths][odd, even][column][2]
    uint8_t *const zeros_;          // for a row or a panel that is not there
};

}  // namespace
}  // namespace rk
