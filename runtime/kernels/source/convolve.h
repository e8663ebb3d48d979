// Convolutions, and linear layers as convolutions over one pixel: how the work is cut into blocks and shared out.
#pragma once

#include "abi.h"
#include "depthwise.h"
#include "multiply.h"
#include "pairs.h"
#include "rows.h"
#include "signed_rows.h"
#include "strassen.h"
#include "sums.h"
#include "threads.h"
#include "weight.h"
#include "winograd.h"

namespace rk {
namespace {

constexpr int64_t kTileRows = 8;              // height of the tiles that are of one height
constexpr int64_t kLeastBlockRows = 24;       // below this, setting up a block shows
constexpr int64_t kOverrun = 16;              // of reads in the last copy of a row's codes
constexpr int64_t kPartsForThread = 4;        // for the others to take over from one that is kept waiting
constexpr int64_t kSplitPartsForThread = 2;   // likewise, where each part makes matrices of all its rows
constexpr int64_t kWorkForThreads = 1 << 18;  // multiplications that are worth waking somebody

template <class V>
class Convolution {
  public:
    explicit Convolution(const rk_conv_args &args)
        : a_(with_long_rows(args)),
          w_(*args.weight),
          finder_(a_),
          rows_(finder_.rows()),
          finish_(finish_of(a_)),
          depthwise_(w_.kind == Kind::kDepthwise),
          backwards_(rows_ <= kFewRows && turn_around(w_)) {}

    void run() const {
        if (rows_ == 0) return;
        const int64_t work = rows_ * w_.groups * w_.columns * w_.taps * w_.channels;
        const int threads = work < kWorkForThreads ? 1 : a_.threads;
        const int64_t parts = splits(w_) ? kSplitPartsForThread : kPartsForThread;
        const Cut cut = cut_for(threads > 1 ? parts * threads : 1);
        parallel_for(cut.groups * cut.blocks * cut.chunks, threads, [&](int64_t task) { run_part(cut.part(task)); });
    }

  private:
    struct Part {
        int64_t group, first, rows, first_panel, last_panel;
    };

    // Parts are groups by blocks of rows by chunks of panels. Neighbours go to the same thread, so what is larger,
    // inputs or weights, is what changes slowly: then no two threads read all of it.
    struct Cut {
        int64_t rows, row_unit, panels, panel_unit, groups, blocks, chunks;
        bool chunks_outside;

        Part part(int64_t task) const {
            const int64_t chunk = chunks_outside ? task / (groups * blocks) : task % chunks;
            const int64_t rest = chunks_outside ? task % (groups * blocks) : task / chunks, block = rest % blocks;
            const int64_t first = border(rows, row_unit, block, blocks);
            return {rest / blocks, first, border(rows, row_unit, block + 1, blocks) - first,
                    border(panels, panel_unit, chunk, chunks), border(panels, panel_unit, chunk + 1, chunks)};
        }
        int64_t most_chunks() const { return divide_up(panels, panel_unit); }

        // Where a part starts that is a number of whole units.
        static int64_t border(int64_t size, int64_t unit, int64_t index, int64_t parts) {
            return at_most(divide_up(size, unit) * index / parts * unit, size);
        }
    };

    // In at least so many parts, if there is that much work.
    Cut cut_for(int64_t wanted) const {
        Cut cut{rows_, kTileRows, w_.panels, w_.kind == Kind::kSums ? 2 : 1, w_.groups, 1, 1, false};
        const bool reads_lines = depthwise_ || (w_.gathered && w_.taps > 1);
        if (reads_lines && a_.out_size[2] <= kBlockRows) cut.row_unit = a_.out_size[2];
        if (depthwise_) {
            cut.panels = divide_up(w_.groups, V::kLanes);
            cut.groups = 1;
        }
        int64_t block = rows_at_once();
        const int64_t inputs = a_.batch * a_.x_size[0] * a_.x_size[1] * a_.x_size[2] * w_.channels;
        cut.chunks_outside = !depthwise_ && inputs < w_.taps * w_.channels * w_.columns;
        if (cut.chunks_outside) cut.chunks = at_most(divide_up(wanted, w_.groups), cut.most_chunks());
        while (block > kLeastBlockRows && divide_up(rows_, block) * cut.groups * cut.chunks < wanted) block /= 2;
        cut.blocks = divide_up(divide_up(rows_, cut.row_unit), at_least(block / cut.row_unit, 1));
        cut.chunks = at_most(at_least(divide_up(wanted, cut.blocks * cut.groups), cut.chunks), cut.most_chunks());
        return cut;
    }

    // So many that what is made of them stays in the caches.
    int64_t rows_at_once() const {
        if (w_.kind == Kind::kBlocks) return rows_to_copy(w_);
        if (w_.kind != Kind::kSums) return kBlockRows;
        return splits(w_) ? rows_to_split(w_) : rows_to_widen(w_.depth);
    }

    void run_part(const Part &part) const {
        uint8_t *out[kBlockRows];
        float *out_float[kBlockRows];
        const uint8_t *other[kBlockRows];
        const int64_t column = part.group * w_.columns;
        if (a_.out_float) {
            finder_.outputs(part.first, part.rows, a_.out_float, a_.out_stride, column, out_float);
        } else {
            finder_.outputs(part.first, part.rows, a_.out, a_.out_stride, column, out);
        }
        if (a_.other) finder_.outputs(part.first, part.rows, a_.other, a_.other_stride, column, other);
        const Rows all{depthwise_ ? nullptr : inputs(part), part.rows,
                       a_.out_float ? nullptr : out,        a_.out_float ? out_float : nullptr,
                       a_.other ? other : nullptr,          a_.row_offset ? a_.row_offset + part.first : nullptr};
        if (depthwise_) {
            Depthwise<V>(a_, finder_, finish_)
                .run(part.first, part.rows, part.first_panel * V::kLanes,
                     at_most(part.last_panel * V::kLanes, w_.groups), all);
        } else if constexpr (V::kPairsSaturate) {
            switch (w_.kind) {
                case Kind::kPairs: return multiply_pairs(part, all);
                case Kind::kSums: return multiply_summed(part, all);
                default: return multiply_copied(part, all);
            }
        } else {
            multiply(part, all);
        }
    }

    // [tap][row] pointers to the channels of each tap, or [row] pointers to copies of all taps.
    const uint8_t **inputs(const Part &part) const {
        const int64_t channel = part.group * w_.channels, taps = w_.gathered ? 1 : w_.taps;
        const uint8_t **x =
            static_cast<const uint8_t **>(scratch(kPointers, taps * part.rows * static_cast<int64_t>(sizeof(void *))));
        if (w_.gathered) {
            uint8_t *copies = static_cast<uint8_t *>(scratch(kGathered, part.rows * w_.depth + kOverrun));
            finder_.gathered(part.first, part.rows, channel, copies);
            for (int64_t r = 0; r < part.rows; ++r) x[r] = copies + r * w_.depth;
        } else {
            finder_.inputs(part.first, part.rows, channel, finder_.padding(w_.channels), x);
        }
        return x;
    }

    Finish finish_of_group(int64_t group) const {
        Finish finish = finish_;
        finish.multiplier += group * w_.columns;
        if (finish.negative) finish.negative += group * w_.columns;
        return finish;
    }

    void multiply(const Part &part, const Rows &all) const {
        const int64_t taps = w_.gathered ? 1 : w_.taps;
        const Finish finish = finish_of_group(part.group);
        for (int64_t i = part.first_panel; i < part.last_panel; ++i) {
            const int64_t at = backwards_ ? part.first_panel + part.last_panel - 1 - i : i;
            const Panel &panel = w_.panel[part.group * w_.panels + at];
            const int32_t *offset = w_.offset + part.group * w_.offset_columns + panel.first_column;
            const int64_t columns = at_most(w_.columns - panel.first_column, panel.vectors * V::kLanes);
            each_part(part.rows, V::kRows, [&](int64_t first, int64_t count) {
                tile_for<V>(count, panel.vectors)(panel, taps, offset, columns, all, first, finish);
            });
        }
    }

    void multiply_copied(const Part &part, const Rows &all) const {
        const Finish finish = finish_of_group(part.group);
        const int64_t tiles = w_.chunks == 1 ? 1 : divide_up(part.rows, kBlockHeight);
        const int64_t groups = w_.chunks == 1 ? 1 : divide_up(part.last_panel - part.first_panel, kGroupPanels);
        int32_t *sums = static_cast<int32_t *>(scratch(kSums, groups * tiles * kTileSums<V> * 4));
        for (int64_t chunk = 0; chunk < w_.chunks; ++chunk) {
            const CopiedRows<V> copied(all, part.rows, w_, chunk);
            int32_t *of_group = sums;
            for (int64_t i = part.first_panel; i < part.last_panel; i += kGroupPanels) {
                const int64_t first = (part.group * w_.chunks + chunk) * w_.panels + i;
                const int64_t count = at_most(part.last_panel - i, kGroupPanels), column = w_.panel[first].first_column;
                const TileFinish<V> finished(finish, all, w_.offset + part.group * w_.offset_columns + column, column,
                                             at_most(w_.columns - column, count * V::kLanes));
                multiply_blocks(w_, first, count, chunk, copied, all, part.rows, finished, of_group);
                if (w_.chunks > 1) of_group += tiles * kTileSums<V>;
            }
        }
    }

    void multiply_pairs(const Part &part, const Rows &all) const {
        const Finish finish = finish_of_group(part.group);
        Pairs<V>(w_, part.group, all, finish).run(part.rows, part.first_panel, part.last_panel);
    }

    void multiply_summed(const Part &part, const Rows &all) const {
        const Finish finish = finish_of_group(part.group);
        if (suits_signed_rows(w_, part.rows)) {
            SignedRows<V>(w_, part.group, all, part.rows, finish).run(part.first_panel, part.last_panel, backwards_);
        } else if (part.rows >= kLeastRowsToSplit && splits(w_)) {
            Strassen<V>(w_, part.group, all, part.rows, finish).run(part.first_panel, part.last_panel);
        } else {
            SummedRows<V>(w_, part.group, all, part.rows, finish).run(part.first_panel, part.last_panel);
        }
    }

    const rk_conv_args a_;
    const rk_weight &w_;
    const RowFinder finder_;
    const int64_t rows_;
    const Finish finish_;
    const bool depthwise_, backwards_;
};

template <class V>
void conv(const rk_conv_args &args) {
    if constexpr (V::kWinograd != 0) {
        if (args.weight->kind == Kind::kWinograd) {
            args.weight->tile == 4 ? Winograd<V, FourOutputs<V>>(args).run() : Winograd<V, TwoOutputs<V>>(args).run();
            return;
        }
    }
    Convolution<V>(args).run();
}

}  // namespace
}  // namespace rk
