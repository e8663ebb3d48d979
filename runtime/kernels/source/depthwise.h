// Depthwise convolution: every channel on its own. The lines of a kernel (its taps of equal place along the width) are
// interleaved, so that one instruction multiplies and sums several of them; each column of input is interleaved once
// for all the outputs of a run that read it.
#pragma once

#include "finish.h"
#include "rows.h"
#include "weight.h"

namespace rk {
namespace {

template <class V>
class Depthwise {
  public:
    Depthwise(const rk_conv_args &args, const RowFinder &finder, const Finish &finish)
        : a_(args),
          w_(*args.weight),
          finder_(finder),
          finish_(finish),
          lines_(a_.kernel[0] * a_.kernel[1]),
          groups_(divide_up(lines_, V::kLines)) {}

    // Rows `first` to `first + count`, whose outputs `all` tells.
    void run(int64_t first, int64_t count, const Rows &all) const {
        const uint8_t *padding = finder_.padding(w_.groups);
        finder_.each_run(first, count, [&](const Run &run) {
            const uint8_t **line =
                static_cast<const uint8_t **>(scratch(kPointers, lines_ * static_cast<int64_t>(sizeof(void *))));
            finder_.each_line(run, 0, [&](int64_t i, const uint8_t *pixels) { line[i] = pixels; });
            const int64_t columns = (run.count - 1) * a_.stride[2] + (a_.kernel[2] - 1) * a_.dilation[2] + 1;
            int32_t *column = static_cast<int32_t *>(scratch(kGathered, columns * groups_ * V::kLanes * 4));
            for (int64_t c = 0; c < w_.groups; c += V::kLanes) {
                const int64_t lanes = lanes_left<V>(w_.groups - c, 0);
                for (int64_t g = 0; g < groups_; ++g) {
                    const int64_t count = at_most(lines_ - g * V::kLines, V::kLines);
                    interleave(run, line + g * V::kLines, count, padding, columns, c, lanes, column + g * V::kLanes);
                }
                int64_t r = 0;
                for (; r + kTogether <= run.count; r += kTogether)
                    multiply<kTogether>(column, r, c, lanes, all, run.row + r);
                for (; r < run.count; ++r) multiply<1>(column, r, c, lanes, all, run.row + r);
            }
        });
    }

  private:
    static constexpr int kTogether = 4;  // outputs for which weights are loaded once

    // Fills column[x] with `count` lines of each column of input, for `lanes` channels from `c` on.
    void interleave(const Run &run, const uint8_t *const *line, int64_t count, const uint8_t *padding, int64_t columns,
                    int64_t c, int64_t lanes, int32_t *column) const {
        const int64_t start = run.at[3] * a_.stride[2] - a_.padding[2];
        const uint8_t *place[V::kLines] = {}, *nowhere[V::kLines] = {};
        int64_t step[V::kLines] = {};
        for (int64_t i = 0; i < count; ++i) {
            nowhere[i] = padding;
            step[i] = line[i] ? a_.x_stride[3] : 0;
            place[i] = line[i] ? line[i] + start * step[i] + c : padding;
        }
        const typename V::Int outside = V::interleave(nowhere, count, lanes);
        for (int64_t x = start; x < start + columns; ++x, column += groups_ * V::kLanes) {
            V::store_int(column, x >= 0 && x < a_.x_size[2] ? V::interleave(place, count, lanes) : outside);
            for (int i = 0; i < V::kLines; ++i) place[i] += step[i];
        }
    }

    // The outputs of kRows rows of a run, from its r-th on.
    template <int kRows>
    void multiply(const int32_t *column, int64_t r, int64_t c, int64_t lanes, const Rows &all, int64_t row) const {
        const int64_t step = groups_ * V::kLanes, stride = a_.stride[2] * step;
        typename V::Int sums[kRows][1];
        for (int i = 0; i < kRows; ++i) sums[i][0] = V::load_int(w_.offset + c);
        const uint8_t *weight = w_.depthwise + c * 4;
        for (int64_t tap = 0; tap < a_.kernel[2]; ++tap) {
            const int32_t *at = column + r * stride + tap * a_.dilation[2] * step;
            for (int64_t g = 0; g < groups_; ++g, at += V::kLanes, weight += w_.offset_columns * 4) {
                const typename V::Int block = V::load_block(weight);
#pragma GCC unroll 4
                for (int i = 0; i < kRows; ++i)
                    sums[i][0] = V::dot_lines(sums[i][0], V::load_int(at + i * stride), block);
            }
        }
        finish_tile<V, kRows, 1>(finish_, all, row, c, lanes, sums);
    }

    const rk_conv_args &a_;
    const rk_weight &w_;
    const RowFinder &finder_;
    const Finish &finish_;
    const int64_t lines_, groups_;
};

}  // namespace
}  // namespace rk
