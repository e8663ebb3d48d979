// Convolutions, and linear layers as convolutions over one pixel: which inputs each output reads, and how work is shared out.
#pragma once

#include <cstring>

#include "abi.h"
#include "depthwise.h"
#include "multiply.h"
#include "threads.h"
#include "weight.h"

namespace rk {
namespace {

constexpr int64_t kBlockRows = 96;         // a multiple of every kRows; their inputs fit the second cache
constexpr int64_t kLeastBlockRows = 24;    // below this, setting up a block shows
constexpr int64_t kWorkForThreads = 1 << 18;  // multiplications that are worth waking somebody

template <class V>
class Convolution {
  public:
    explicit Convolution(const rk_conv_args &args) : a_(args), w_(*args.weight) {
        pixels_ = int64_t{1} * a_.out_size[0] * a_.out_size[1] * a_.out_size[2];
        rows_ = a_.batch * pixels_;
        finish_ = {a_.multiplier,
                   static_cast<float>(a_.zero),
                   static_cast<float>(a_.low - a_.zero),
                   static_cast<float>(a_.high - a_.zero),
                   a_.other != nullptr,
                   a_.self_multiplier,
                   a_.other_multiplier,
                   static_cast<float>(a_.other_zero),
                   static_cast<float>(a_.sum_zero),
                   static_cast<float>(a_.sum_low - a_.sum_zero),
                   static_cast<float>(a_.sum_high - a_.sum_zero)};
        inside_ = true;
        for (int i = 0; i < 3; ++i) {
            const int64_t last = int64_t{a_.out_size[i] - 1} * a_.stride[i] - a_.padding[i] + reach(i);
            inside_ = inside_ && a_.padding[i] <= 0 && last < a_.x_size[i];
        }
    }

    void run() {
        const bool depthwise = w_.kind == Kind::kDepthwise;
        const int64_t groups = depthwise ? 1 : w_.groups;
        const int64_t work = rows_ * w_.groups * w_.columns * w_.taps * w_.channels;
        const int threads = work < kWorkForThreads ? 1 : a_.threads;
        const int64_t wanted = threads > 1 ? 4 * threads : 1;
        int64_t block = kBlockRows;
        while (block > kLeastBlockRows && divide_up(rows_, block) * groups < wanted) block /= 2;
        if (rows_ == 0) return;
        const int64_t blocks = divide_up(rows_, block);
        const int64_t panels = depthwise ? 1 : w_.panels;
        int64_t chunks = divide_up(wanted, blocks * groups);
        if (chunks > panels) chunks = panels;
        parallel_for(groups * blocks * chunks, threads, [&](int64_t task) {
            const int64_t chunk = task % chunks, first = task / chunks % blocks * block;
            const int64_t rows = rows_ - first < block ? rows_ - first : block;
            run_block(task / chunks / blocks, first, rows, panels * chunk / chunks, panels * (chunk + 1) / chunks);
        });
    }

  private:
    static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
    int64_t reach(int axis) const { return int64_t{a_.kernel[axis] - 1} * a_.dilation[axis]; }

    // Where in the input the window of an output starts; may lie in the padding.
    struct Pixel {
        const uint8_t *image;
        int64_t at[3];
    };

    void run_block(int64_t group, int64_t first, int64_t rows, int64_t first_panel, int64_t last_panel) const {
        Pixel pixel[kBlockRows];
        uint8_t *out[kBlockRows];
        float *out_float[kBlockRows];
        const uint8_t *other[kBlockRows];
        locate(group, first, rows, pixel, out, out_float, other);
        Rows all{nullptr,
                 rows,
                 out,
                 a_.out_float ? out_float : nullptr,
                 other,
                 a_.row_offset ? a_.row_offset + first : nullptr};
        const int64_t taps = w_.gathered && w_.kind == Kind::kDense ? 1 : w_.taps;
        const int64_t bytes = (taps * rows + 2) * static_cast<int64_t>(sizeof(void *)) + taps * 8;
        const uint8_t **x = static_cast<const uint8_t **>(scratch(kPointers, bytes));
        all.x = x;
        if (w_.gathered && w_.kind == Kind::kDense) {
            gather(pixel, rows, x);
        } else {
            point(pixel, rows, x);
        }
        if (w_.kind == Kind::kDepthwise) {
            depthwise_rows<V>(w_, rows, all, finish_);
        } else {
            multiply(group, rows, first_panel, last_panel, all);
        }
    }

    void locate(int64_t group, int64_t first, int64_t rows, Pixel *pixel, uint8_t **out, float **out_float, const uint8_t **other) const {
        const int64_t height = a_.out_size[1], width = a_.out_size[2];
        int64_t n = first / pixels_, rest = first % pixels_;
        int64_t at[3] = {rest / (height * width), rest / width % height, rest % width};
        for (int64_t r = 0; r < rows; ++r) {
            int64_t place = n * a_.out_stride[0], beside = n * a_.other_stride[0];
            pixel[r].image = a_.x + n * a_.x_stride[0] + group * w_.channels;
            for (int i = 0; i < 3; ++i) {
                pixel[r].at[i] = at[i] * a_.stride[i] - a_.padding[i];
                place += at[i] * a_.out_stride[i + 1];
                beside += at[i] * a_.other_stride[i + 1];
            }
            const int64_t column = group * w_.columns;
            out[r] = a_.out + place + column;
            out_float[r] = a_.out_float + place + column;
            other[r] = a_.other + beside + column;
            if (++at[2] < width) continue;
            at[2] = 0;
            if (++at[1] < height) continue;
            at[1] = 0;
            if (++at[0] < a_.out_size[0]) continue;
            at[0] = 0;
            ++n;
        }
    }

    bool within(const int64_t (&at)[3]) const {
        bool all = true;
        for (int i = 0; i < 3; ++i) all = all && at[i] >= 0 && at[i] < a_.x_size[i];
        return all;
    }

    int64_t offset_of(const int64_t (&at)[3]) const {
        return at[0] * a_.x_stride[1] + at[1] * a_.x_stride[2] + at[2] * a_.x_stride[3];
    }

    // Calls body(tap, position) for every tap of a window.
    template <class Body>
    void each_tap(const Pixel &pixel, Body body) const {
        int64_t tap = 0, at[3];
        at[0] = pixel.at[0];
        for (int d = 0; d < a_.kernel[0]; ++d, at[0] += a_.dilation[0]) {
            at[1] = pixel.at[1];
            for (int h = 0; h < a_.kernel[1]; ++h, at[1] += a_.dilation[1]) {
                at[2] = pixel.at[2];
                for (int w = 0; w < a_.kernel[2]; ++w, at[2] += a_.dilation[2]) body(tap++, at);
            }
        }
    }

    // Fills x[tap][row] with the inputs of each row; padding is a run of zero points.
    void point(const Pixel *pixel, int64_t rows, const uint8_t **x) const {
        const uint8_t *padding = inside_ ? nullptr : zero_points();
        int64_t *steps = reinterpret_cast<int64_t *>(x + w_.taps * rows);
        const Pixel origin{nullptr, {0, 0, 0}};
        each_tap(origin, [&](int64_t tap, const int64_t (&at)[3]) { steps[tap] = offset_of(at); });
        for (int64_t r = 0; r < rows; ++r) {
            const int64_t(&at)[3] = pixel[r].at;
            const int64_t last[3] = {at[0] + reach(0), at[1] + reach(1), at[2] + reach(2)};
            if (inside_ || (within(at) && within(last))) {
                const uint8_t *start = pixel[r].image + offset_of(at);
                for (int64_t tap = 0; tap < w_.taps; ++tap) x[tap * rows + r] = start + steps[tap];
            } else {
                each_tap(pixel[r], [&](int64_t tap, const int64_t (&here)[3]) {
                    x[tap * rows + r] = within(here) ? pixel[r].image + offset_of(here) : padding;
                });
            }
        }
    }

    const uint8_t *zero_points() const {
        const int64_t bytes = w_.kind == Kind::kDepthwise ? w_.groups : w_.channels;
        void *padding = scratch(kPadding, bytes);
        std::memset(padding, a_.x_zero, static_cast<size_t>(bytes));
        return static_cast<const uint8_t *>(padding);
    }

    // Copies the inputs of each row side by side, for channels that do not come in fours.
    void gather(const Pixel *pixel, int64_t rows, const uint8_t **x) const {
        uint8_t *row = static_cast<uint8_t *>(scratch(kGathered, rows * w_.depth));
        const size_t run = static_cast<size_t>(w_.channels);
        const bool runs_on = a_.dilation[2] == 1 && a_.x_stride[3] == w_.channels;  // a row of taps is one run of bytes
        for (int64_t r = 0; r < rows; ++r, row += w_.depth) {
            x[r] = row;
            std::memset(row + w_.depth - 4, 0, 4);
            each_tap(pixel[r], [&](int64_t tap, const int64_t (&at)[3]) {
                const bool first = tap % a_.kernel[2] == 0;
                const bool whole = runs_on && pixel[r].at[2] >= 0 && pixel[r].at[2] + a_.kernel[2] <= a_.x_size[2];
                if (whole && !first) return;
                const size_t bytes = whole ? run * static_cast<size_t>(a_.kernel[2]) : run;
                if (within(at)) {
                    std::memcpy(row + tap * w_.channels, pixel[r].image + offset_of(at), bytes);
                } else {
                    std::memset(row + tap * w_.channels, a_.x_zero, bytes);
                }
            });
        }
    }

    void multiply(int64_t group, int64_t rows, int64_t first_panel, int64_t last_panel, const Rows &all) const {
        const int64_t taps = w_.gathered ? 1 : w_.taps;
        for (int64_t i = first_panel; i < last_panel; ++i) {
            const Panel &panel = w_.panel[group * w_.panels + i];
            const int32_t *offset = w_.offset + group * w_.offset_columns + panel.first_column;
            uint8_t *out[V::kRows];
            float *out_float[V::kRows];
            const uint8_t *other[V::kRows];
            Finish finish = finish_;
            finish.multiplier += group * w_.columns + panel.first_column;
            for (int64_t r = 0; r < rows; r += V::kRows) {
                const int64_t height = rows - r < V::kRows ? rows - r : V::kRows;
                for (int64_t i = 0; i < height; ++i) {
                    out[i] = all.out[r + i] + panel.first_column;
                    if (all.out_float) out_float[i] = all.out_float[r + i] + panel.first_column;
                    other[i] = all.other[r + i] + panel.first_column;
                }
                const Rows tile{all.x + r, rows, out, all.out_float ? out_float : nullptr, other, all.offset ? all.offset + r : nullptr};
                tile_for<V>(height, panel.vectors)(panel, taps, offset, w_.columns - panel.first_column, tile, finish);
            }
        }
    }

    const rk_conv_args &a_;
    const rk_weight &w_;
    int64_t pixels_, rows_;
    bool inside_;  // no window touches padding
    Finish finish_;
};

template <class V>
void convolve(const rk_conv_args &args) {
    Convolution<V>(args).run();
}

}  // namespace
}  // namespace rk
