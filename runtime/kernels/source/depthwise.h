// Depthwise convolution: every channel on its own. The lines of a kernel (its taps of equal place along the width) are
// interleaved, so that one instruction multiplies and sums several of them; each column of input is interleaved once
// for all the outputs of a run that read it.
#pragma once

#include "finish_sums.h"
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

    // `count` rows from `first` on, whose outputs `all` tells, of the channels between two.
    void run(int64_t first, int64_t count, int64_t first_channel, int64_t last_channel, const Rows &all) const {
        const uint8_t *padding = finder_.padding(w_.groups);
        finder_.each_run(first, count, [&](const Run &run) {
            const uint8_t **line =
                static_cast<const uint8_t **>(scratch(kPointers, lines_ * static_cast<int64_t>(sizeof(void *))));
            finder_.each_line(run, 0, [&](int64_t i, const uint8_t *pixels) { line[i] = pixels; });
            if (lines_ == 3 && a_.kernel[2] == 3 && a_.dilation[2] == 1 && a_.stride[2] <= 2) {
                a_.stride[2] == 1 ? three_lines<1>(run, line, padding, first_channel, last_channel, all)
                                  : three_lines<2>(run, line, padding, first_channel, last_channel, all);
                return;
            }
            const int64_t columns = (run.count - 1) * a_.stride[2] + (a_.kernel[2] - 1) * a_.dilation[2] + 1;
            int32_t *column = static_cast<int32_t *>(scratch(kGathered, columns * groups_ * V::kLanes * 4));
            for (int64_t c = first_channel; c < last_channel; c += V::kLanes) {
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
    static constexpr int kTogether = 4;                  // outputs for which weights are loaded once
    static constexpr int64_t kFinished = 32;             // outputs, and
    static constexpr int64_t kChannels = 4 * V::kLanes;  // channels whose sums are finished at once
    static constexpr int kThreeGroups = (3 + V::kLines - 1) / V::kLines;

    // Kernels of 3 x 3: the three columns that an output reads stay in registers, and move on with it.
    template <int kStride>
    void three_lines(const Run &run, const uint8_t *const *line, const uint8_t *padding, int64_t first_channel,
                     int64_t last_channel, const Rows &all) const {
        int32_t sums[kFinished * kChannels];
        for (int64_t c = first_channel; c < last_channel; c += kChannels) {
            const int64_t channels = at_most(last_channel - c, kChannels);
            const TileFinish<V> finished(finish_, all, w_.offset + c, c, channels);
            for (int64_t r = 0; r < run.count; r += kFinished) {
                const int64_t count = at_most(run.count - r, kFinished), x = (run.at[3] + r) * kStride - a_.padding[2];
                for (int64_t i = 0; i < channels; i += V::kLanes) {
                    const Lines lines(a_, line, padding, c + i);
                    if (channels - i >= V::kLanes) {
                        sum_three<kStride>(lines, x, V::kLanes, c + i, count, sums + i);
                    } else {
                        sum_three<kStride>(lines, x, channels - i, c + i, count, sums + i);
                    }
                }
                finished.run(run.row + r, count, sums, kChannels);
            }
        }
    }

    using Column = typename V::Int[kThreeGroups];

    // Three lines of input at some channel; those in the padding are one pixel over and over.
    struct Lines {
        Lines(const rk_conv_args &a, const uint8_t *const *line, const uint8_t *padding, int64_t channel)
            : nowhere(padding), width(a.x_size[2]) {
            for (int i = 0; i < 3; ++i) {
                place[i] = line[i] ? line[i] + channel : padding;
                step[i] = line[i] ? a.x_stride[3] : 0;
            }
        }

        // Of the column at x, groups of lines interleaved.
        __attribute__((always_inline)) inline void read(int64_t x, int64_t lanes, Column &to) const {
            const bool inside = x >= 0 && x < width;
            const uint8_t *pixel[3];
#pragma GCC unroll 3
            for (int i = 0; i < 3; ++i) pixel[i] = inside ? place[i] + x * step[i] : nowhere;
            interleave(pixel, lanes, to);
        }

        static __attribute__((always_inline)) inline void interleave(const uint8_t *const (&pixel)[3], int64_t lanes,
                                                                     Column &to) {
#pragma GCC unroll 2
            for (int g = 0; g < kThreeGroups; ++g) {
                const uint8_t *group[V::kLines] = {};
                constexpr int kLines = V::kLines < 3 ? V::kLines : 3;
                const int count = g * kLines + kLines <= 3 ? kLines : 3 - g * kLines;
#pragma GCC unroll 3
                for (int i = 0; i < count; ++i) group[i] = pixel[g * kLines + i];
                to[g] = V::interleave(group, count, lanes);
            }
        }

        const uint8_t *place[3], *nowhere;
        int64_t step[3], width;
    };

    // Sums of `count` outputs, kChannels apart, of which the first reads the columns from x on.
    template <int kStride>
    __attribute__((always_inline)) inline void sum_three(const Lines lines, int64_t x, int64_t lanes, int64_t c,
                                                         int64_t count, int32_t *sums) const {
        using Int = typename V::Int;
        Column weight[3], column[3];
#pragma GCC unroll 3
        for (int tap = 0; tap < 3; ++tap) {
#pragma GCC unroll 2
            for (int g = 0; g < kThreeGroups; ++g)
                weight[tap][g] = V::load_block(w_.depthwise + ((tap * kThreeGroups + g) * w_.offset_columns + c) * 4);
        }
#pragma GCC unroll 3
        for (int i = kStride; i < 3; ++i) lines.read(x + i - kStride, lanes, column[i]);
        // The next output, whose columns from kStride before the last on `read` gets.
        const auto next = [&](auto read) __attribute__((always_inline)) {
            Int sum = V::set_int(0);
#pragma GCC unroll 3
            for (int tap = 0; tap < 3; ++tap) {
#pragma GCC unroll 2
                for (int g = 0; g < kThreeGroups; ++g) {
                    if (tap + kStride < 3) column[tap][g] = column[tap + kStride][g];
                }
                if (tap + kStride >= 3) read(tap, column[tap]);
#pragma GCC unroll 2
                for (int g = 0; g < kThreeGroups; ++g) sum = V::dot_lines(sum, column[tap][g], weight[tap][g]);
            }
            V::store_int(sums, sum);
            sums += kChannels;
        };
        const auto checked = [&](int tap, Column &to) { lines.read(x + tap, lanes, to); };
        const int32_t *const end = sums + count * kChannels;
        for (; sums < end && x < 0; x += kStride) next(checked);
        const uint8_t *pixel[3];
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i) pixel[i] = lines.place[i] + (x + 3 - kStride) * lines.step[i];
        const int64_t inside = at_least(at_most(divide_up(lines.width - 2 - x, kStride), (end - sums) / kChannels), 0);
        x += inside * kStride;
        // By threes, in which columns need not move on: each takes the place of another.
#pragma GCC unroll 3
        for (int64_t i = 0; i < inside; ++i) {
            next([&](int, Column &to) {
                Lines::interleave(pixel, lanes, to);
#pragma GCC unroll 3
                for (int j = 0; j < 3; ++j) pixel[j] += lines.step[j];
            });
        }
        for (; sums < end; x += kStride) next(checked);
    }

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
