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

// Where a panel of weights stands, and where its results go.
template <class V>
struct SumsPanel {
    static constexpr int kColumns = kSumVectors * V::kLanes;

    SumsPanel(const rk_weight &weight, int64_t group, int64_t panel)
        : column(panel * kColumns),
          columns(at_most(weight.columns - column, kColumns)),
          offset(weight.offset + group * weight.offset_columns + column),
          weights(weight.int16 + (group * weight.panels + panel) * weight.depth * kColumns) {}

    const int64_t column, columns;
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

// Rows of codes, widened and by fours in the order 0, 2, 1, 3.
template <class V>
class WidenedRows {
  public:
    WidenedRows(const Rows &rows, int64_t count, int64_t depth)
        : depth(depth),
          codes_(static_cast<int16_t *>(scratch(kWidened, count * depth * 2))),
          offsets_(static_cast<int32_t *>(scratch(kOffsets, count * 4))) {
        for (int64_t r = 0; r < count; ++r) {
            typename V::Int products = V::set_int(0);
            for (int64_t k = 0; k < depth; k += V::kShorts) {
                const typename V::Short codes = V::widen_fours(rows.x[r] + k);
                V::store(codes_ + r * depth + k, codes);
                products = V::add(products, V::neighbours(codes));
            }
            const uint32_t offset = rows.offset ? static_cast<uint32_t>(rows.offset[r]) : 0;
            offsets_[r] = static_cast<int32_t>(offset - static_cast<uint32_t>(V::sum(products)));
        }
    }

    const int16_t *row(int64_t r) const { return codes_ + r * depth; }
    // What is to be added to every sum of each row: its offset, less the products of its neighbours.
    const int32_t *offsets() const { return offsets_; }

    const int64_t depth;

  private:
    int16_t *codes_;
    int32_t *offsets_;
};

// Some of the depth of a panel: its weights, widened, and less the products of neighbours.
template <class V>
struct SumsStep {
    const SumsPanel<V> &panel;
    const WidenedRows<V> &widened;
    const Rows &rows;
    const Finish &finish;  // multipliers of the group
    const int16_t *weights;
    int32_t *sums;  // [row][column], from one step to the next
    int64_t k, fours;
    bool first, last;
    Ahead &ahead;  // the weights of the next step
    typename V::Int products[kSumVectors];

    template <int kRows>
    __attribute__((noinline)) void tile(int64_t row) const {
        ahead.fetch();
        typename V::Int total[kRows][kSumVectors];
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
            const int32_t *before = first ? panel.offset : sums + (row + r) * panel.kColumns;
#pragma GCC unroll 2
            for (int v = 0; v < kSumVectors; ++v)
                total[r][v] = V::sub(V::load_int(before + v * V::kLanes), products[v]);
        }
        V::add_products_of_sums(widened.row(row) + k, widened.depth, weights, fours, total);
        if (last) {
            finish_tile<V, kRows, kSumVectors>(finish, rows, row, panel.column, panel.columns, total);
            return;
        }
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
            for (int v = 0; v < kSumVectors; ++v)
                V::store_int(sums + (row + r) * panel.kColumns + v * V::kLanes, total[r][v]);
        }
    }
};

// Four channels of a panel, the odd ones before the even ones. Adds the products of neighbours.
template <class V>
inline void widen_weights(const uint8_t *from, int16_t *to, typename V::Int (&products)[kSumVectors]) {
#pragma GCC unroll 2
    for (int v = 0; v < kSumVectors; ++v) {
        const uint8_t *block = from + 4 * V::kLanes * v;
        const typename V::Short odd = V::odd_shorts(block), even = V::even_shorts(block);
        V::store(to + 2 * V::kLanes * v, odd);
        V::store(to + 2 * V::kLanes * (kSumVectors + v), even);
        products[v] = V::add(products[v], V::multiply_add(odd, even));
    }
}

// `count` rows by a panel, on to codes.
template <class V>
void multiply_sums(const SumsPanel<V> &panel, const WidenedRows<V> &widened, const Rows &rows, int64_t count,
                   const Finish &finish) {
    constexpr int kColumns = SumsPanel<V>::kColumns;
    const int64_t eights = widened.depth / 8, steps = divide_up(widened.depth, kSumDepth);
    int16_t *weights = static_cast<int16_t *>(scratch(kPacked, divide_up(eights, steps) * 8 * kColumns * 2));
    int32_t *sums = static_cast<int32_t *>(scratch(kSums, count * kColumns * 4));
    for (int64_t i = 0; i < steps; ++i) {
        const int64_t from = eights * i / steps * 2, to = eights * (i + 1) / steps * 2;  // blocks of four
        const uint8_t *next = panel.weights + to * 4 * kColumns;
        Ahead ahead(next, next + (to - from) * 4 * kColumns, divide_up(count, kSumRows));
        SumsStep<V> step{panel,    widened,   rows,   finish,         weights, sums,
                         4 * from, to - from, i == 0, i + 1 == steps, ahead,   {}};
        for (int64_t k = from; k < to; ++k)
            widen_weights<V>(panel.weights + k * 4 * kColumns, weights + (k - from) * 4 * kColumns, step.products);
        each_sum_tile(count, step);
    }
}

}  // namespace
}  // namespace rk
