// Products of int8 weights, two of codes at a time: x w + x' w' = (x + w')(x' + w) - x x' - w w'. That is one
// multiplication in place of two, and what is subtracted depends on the row or on the column alone. The sums fit int16,
// and everything behind them is taken modulo 2**32, as the result is.
#pragma once

#include "blocks.h"
#include "finish_sums.h"
#include "rows.h"
#include "threads.h"
#include "weight.h"

namespace rk {
namespace {

constexpr int kSumRows = 4, kSumVectors = 2;  // of a tile
constexpr int64_t kSumDepth = 512;            // of weights that are widened at once, and stay in the first cache
constexpr int64_t kWidenedBytes = 384 << 10;  // of a block's codes: they are to stay in the second cache

// Calls body.tile<n>(first) for groups of n rows.
template <class Body>
inline void each_sum_tile(int64_t rows, const Body &body) {
    const int64_t whole = rows / kSumRows * kSumRows;
    for (int64_t r = 0; r < whole; r += kSumRows) body.template tile<kSumRows>(r);
    switch (rows - whole) {
        case 1: return body.template tile<1>(whole);
        case 2: return body.template tile<2>(whole);
        case 3: return body.template tile<3>(whole);
    }
}

// How many rows to widen at once, so many that widening the weights pays and so few that they stay in the second cache.
inline int64_t rows_to_widen(int64_t depth) {
    return at_most(at_least(kWidenedBytes / (2 * depth) / kSumRows * kSumRows, 32), kBlockRows);
}

// A matrix of rows of int16 times a panel of weights, both by fours: of rows the channels in the order 0, 2, 1, 3, of
// weights 1 and 3 of all columns before 0 and 2.
template <class V>
struct SumProduct {
    using Int = typename V::Int;

    const int16_t *rows, *weights;
    int64_t depth, row_step;
    const int32_t *row_products;                // of the neighbours in each row, all to be subtracted
    const Int (&column_products)[kSumVectors];  // likewise
    const int32_t *from, *more;                 // what sums start with, or null; [row][column], `step` apart
    int32_t *to;
    int64_t step;
    Ahead *ahead;  // of several, weights that come next
    int aheads;

    template <int kRows>
    __attribute__((noinline)) void tile(int64_t row) const {
        for (int i = 0; i < aheads; ++i) ahead[i].fetch();
        Int total[kRows][kSumVectors];
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
            const Int less = V::set_int(row_products[row + r]);
#pragma GCC unroll 2
            for (int v = 0; v < kSumVectors; ++v) {
                const int64_t at = (row + r) * step + v * V::kLanes;
                Int sum = V::sub(V::sub(V::set_int(0), less), column_products[v]);
                if (from) sum = V::add(sum, V::load_int(from + at));
                if (more) sum = V::add(sum, V::load_int(more + at));
                total[r][v] = sum;
            }
        }
        V::add_products_of_sums(rows + row * row_step, row_step, weights, depth / 4, total);
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
            for (int v = 0; v < kSumVectors; ++v) V::store_int(to + (row + r) * step + v * V::kLanes, total[r][v]);
        }
    }
};

// Where a panel of weights stands.
template <class V>
struct SumsPanel {
    static constexpr int kColumns = kSumVectors * V::kLanes;

    SumsPanel(const rk_weight &weight, int64_t group, int64_t panel)
        : column(panel * kColumns),
          offset(weight.offset + group * weight.offset_columns + column),
          weights(weight.int16 + (group * weight.panels + panel) * weight.depth * kColumns) {}

    const int64_t column;
    const int32_t *offset;
    const uint8_t *weights;
};

// The sums of `count` rows by panels between two, `step` apart, on to codes.
template <class V>
void finish_panels(const rk_weight &weight, int64_t group, int64_t first, int64_t end, const Finish &finish,
                   const Rows &rows, int64_t count, int32_t *sums, int64_t step) {
    if (rows.offset) add_offsets<V>(rows.offset, count, step, sums);
    const SumsPanel<V> panel(weight, group, first);
    const int64_t columns = at_most(weight.columns, end * panel.kColumns) - panel.column;
    TileFinish<V>(finish, rows, panel.offset, panel.column, columns).run(0, count, sums, step);
}

// The products of neighbours in a row of int16 by fours: of 0 and 2, and of 1 and 3.
template <class V>
int32_t products_of_neighbours(const int16_t *row, int64_t depth) {
    typename V::Int products = V::set_int(0);
    for (int64_t k = 0; k < depth; k += V::kShorts) products = V::add(products, V::neighbours(V::load_shorts(row + k)));
    return V::sum(products);
}

// Weights of a panel, of each four channels the odd ones before the even ones, and the products of neighbours.
template <class V>
void widen_weights(const uint8_t *from, int64_t fours, int16_t *to, typename V::Int (&products)[kSumVectors]) {
    typename V::Int sums[kSumVectors];
    for (typename V::Int &sum : sums) sum = V::set_int(0);
    for (int64_t i = 0; i < fours; ++i, from += 4 * kSumVectors * V::kLanes, to += 4 * kSumVectors * V::kLanes) {
#pragma GCC unroll 2
        for (int v = 0; v < kSumVectors; ++v) {
            const uint8_t *block = from + 4 * V::kLanes * v;
            const typename V::Short odd = V::odd_shorts(block), even = V::even_shorts(block);
            V::store(to + 2 * V::kLanes * v, odd);
            V::store(to + 2 * V::kLanes * (kSumVectors + v), even);
            sums[v] = V::add(sums[v], V::multiply_add(odd, even));
        }
    }
    for (int v = 0; v < kSumVectors; ++v) products[v] = sums[v];
}

// `count` rows by panels between two, on to codes.
template <class V>
class SummedRows {
  public:
    SummedRows(const rk_weight &weight, int64_t group, const Rows &rows, int64_t count, const Finish &finish)
        : w_(weight),
          group_(group),
          rows_(rows),
          count_(count),
          finish_(finish),
          steps_(divide_up(weight.depth, kSumDepth)),
          codes_(static_cast<int16_t *>(scratch(kWidened, count * weight.depth * 2))),
          products_(static_cast<int32_t *>(scratch(kOffsets, steps_ * count * 4))),
          weights_(static_cast<int16_t *>(scratch(kPacked, most_fours() * 4 * kColumns * 2))) {
        for (int64_t r = 0; r < count; ++r) {
            for (int64_t k = 0; k < w_.depth; k += V::kShorts)
                V::store(codes_ + r * w_.depth + k, V::widen_fours(rows.x[r] + k));
        }
        for (int64_t i = 0; i < steps_; ++i) {
            for (int64_t r = 0; r < count; ++r)
                products_[i * count + r] =
                    products_of_neighbours<V>(codes_ + r * w_.depth + start(i), start(i + 1) - start(i));
        }
    }

    void run(int64_t first_panel, int64_t last_panel) const {
        int32_t *sums = static_cast<int32_t *>(scratch(kSums, count_ * kStep * 4));
        for (int64_t panel = first_panel; panel < last_panel; panel += 2) {
            const int64_t end = at_most(panel + 2, last_panel);
            for (int64_t i = panel; i < end; ++i) multiply(i, sums + (i - panel) * kColumns);
            finish_panels<V>(w_, group_, panel, end, finish_, rows_, count_, sums, kStep);
        }
    }

  private:
    static constexpr int64_t kColumns = SumsPanel<V>::kColumns, kStep = 2 * kColumns;

    // Steps of the depth, of whole vectors.
    int64_t start(int64_t step) const { return w_.depth / V::kShorts * step / steps_ * V::kShorts; }
    int64_t most_fours() const { return (divide_up(w_.depth / V::kShorts, steps_) * V::kShorts) / 4; }

    void multiply(int64_t panel, int32_t *sums) const {
        const uint8_t *weights = SumsPanel<V>(w_, group_, panel).weights;
        for (int64_t i = 0; i < steps_; ++i) {
            const int64_t first = start(i), end = start(i + 1);
            const uint8_t *next = weights + end * kColumns;
            Ahead ahead(next, next + (end - first) * kColumns, divide_up(count_, kSumRows));
            typename V::Int products[kSumVectors];
            widen_weights<V>(weights + first * kColumns, (end - first) / 4, weights_, products);
            each_sum_tile(count_, SumProduct<V>{codes_ + first, weights_, end - first, w_.depth, products_ + i * count_,
                                                products, i ? sums : nullptr, nullptr, sums, kStep, &ahead, 1});
        }
    }

    const rk_weight &w_;
    const int64_t group_;
    const Rows rows_;
    const int64_t count_;
    const Finish finish_;  // multipliers of the group
    const int64_t steps_;
    int16_t *const codes_;     // [row][depth], by fours in the order 0, 2, 1, 3
    int32_t *const products_;  // of neighbours, [step][row]
    int16_t *const weights_;   // [four depths][odd, even][column][2]
};

}  // namespace
}  // namespace rk
