// Convolutions, and linear layers as convolutions over one pixel: how the work is cut into blocks and shared out.
#pragma once

#include "abi.h"
#include "depthwise.h"
#include "int16.h"
#include "multiply.h"
#include "rows.h"
#include "threads.h"
#include "weight.h"
#include "winograd.h"

namespace rk {
namespace {

constexpr int64_t kBlockRows = 192;          // a multiple of every kRows
constexpr int64_t kLeastBlockRows = 24;       // below this, setting up a block shows
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
          depthwise_(w_.kind == Kind::kDepthwise) {}

    void run() const {
        if (rows_ == 0) return;
        const int64_t groups = depthwise_ ? 1 : w_.groups, panels = depthwise_ ? 1 : w_.panels;
        const int64_t work = rows_ * w_.groups * w_.columns * w_.taps * w_.channels;
        const int threads = work < kWorkForThreads ? 1 : a_.threads;
        const int64_t wanted = threads > 1 ? 4 * threads : 1;
        int64_t block = kBlockRows;
        while (block > kLeastBlockRows && divide_up(rows_, block) * groups < wanted) block /= 2;
        const int64_t blocks = divide_up(rows_, block);
        const int64_t chunks = at_most(divide_up(wanted, blocks * groups), panels);
        parallel_for(groups * blocks * chunks, threads, [&](int64_t task) {
            const int64_t chunk = task % chunks, at = task / chunks % blocks;
            const int64_t first = rows_ * at / blocks, last = rows_ * (at + 1) / blocks;
            const Part part{task / chunks / blocks, first, last - first, panels * chunk / chunks,
                            panels * (chunk + 1) / chunks};
            run_part(part);
        });
    }

  private:
    struct Part {
        int64_t group, first, rows, first_panel, last_panel;
    };

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
            Depthwise<V>(a_, finder_, finish_).run(part.first, part.rows, all);
        } else if (w_.kind == Kind::kInt16) {
            if constexpr (V::kInt16) multiply_widened(part, all);
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
            uint8_t *copies = static_cast<uint8_t *>(scratch(kGathered, part.rows * w_.depth));
            finder_.gathered(part.first, part.rows, channel, copies);
            for (int64_t r = 0; r < part.rows; ++r) x[r] = copies + r * w_.depth;
        } else {
            finder_.inputs(part.first, part.rows, channel, finder_.padding(w_.channels), x);
        }
        return x;
    }

    void multiply(const Part &part, const Rows &all) const {
        const int64_t taps = w_.gathered ? 1 : w_.taps;
        for (int64_t i = part.first_panel; i < part.last_panel; ++i) {
            const Panel &panel = w_.panel[part.group * w_.panels + i];
            const int32_t *offset = w_.offset + part.group * w_.offset_columns + panel.first_column;
            const int64_t columns = at_most(w_.columns - panel.first_column, panel.vectors * V::kLanes);
            Finish finish = finish_;
            finish.multiplier += part.group * w_.columns;
            each_part(part.rows, V::kRows, [&](int64_t first, int64_t count) {
                tile_for<V>(count, panel.vectors)(panel, taps, offset, columns, all, first, finish);
            });
        }
    }

    void multiply_widened(const Part &part, const Rows &all) const {
        int16_t *inputs = static_cast<int16_t *>(scratch(kWidened, part.rows * w_.depth * 2));
        for (int64_t r = 0; r < part.rows; ++r) {
            for (int64_t k = 0; k < w_.depth; k += V::kShorts)
                V::store(inputs + r * w_.depth + k, V::widen(all.x[r] + k));
        }
        Finish finish = finish_;
        finish.multiplier += part.group * w_.columns;
        for (int64_t i = part.first_panel; i < part.last_panel; ++i) {
            each_tile(part.rows, Int16Panel<V>{inputs, w_, part.group, i, all, finish});
        }
    }

    const rk_conv_args a_;
    const rk_weight &w_;
    const RowFinder finder_;
    const int64_t rows_;
    const Finish finish_;
    const bool depthwise_;
};

template <class V>
void convolve(const rk_conv_args &args) {
    if constexpr (V::kInt16) {
        if (args.weight->kind == Kind::kWinograd) {
            args.weight->tile == 4 ? Winograd<V, FourOutputs<V>>(args).run() : Winograd<V, TwoOutputs<V>>(args).run();
            return;
        }
    }
    Convolution<V>(args).run();
}

}  // namespace
}  // namespace rk
