// 3 x 3 convolutions with stride 1 by Winograd's F(2 x 2, 3 x 3), in integers and exact: 16 multiplications for four
// outputs in place of 36. With input tiles D (4 x 4) and kernels g, the sixteen elements of B'DB and (2G)g(2G)' are
// small enough for int16; summed products over the channels, taken back by A'MA, give exactly four times the
// convolution. What overflows on the way does so modulo 2**32 and is undone, as long as the result fits.
// Packing sees to that.
#pragma once

#include "abi.h"
#include "finish.h"
#include "int16.h"
#include "rows.h"
#include "threads.h"
#include "weight.h"

namespace rk {
namespace {

constexpr int64_t kMaxTiles = 48;  // of a block: their transformed inputs fit the second cache

template <class V>
class Winograd {
  public:
    explicit Winograd(const rk_conv_args &args)
        : a_(args),
          w_(*args.weight),
          finish_(finish_of(args)),
          height_(divide_up(args.out_size[1], 2)),
          width_(divide_up(args.out_size[2], 2)),
          tiles_(args.batch * height_ * width_) {}

    void run() const {
        if (tiles_ == 0) return;
        const int64_t least = at_most(tiles_, a_.threads);
        const int64_t blocks = at_least(divide_up(tiles_, kMaxTiles), least);
        parallel_for(blocks, a_.threads, [&](int64_t i) { run_block(tiles_ * i / blocks, tiles_ * (i + 1) / blocks); });
    }

  private:
    static constexpr int kVectors = kInt16Vectors, kColumns = kVectors * V::kLanes;

    struct Tile {
        int64_t image, y, x;  // of its first output
    };

    // Where the four outputs of each tile go; pixels past the border have none.
    struct Outputs {
        uint8_t *out[4 * kMaxTiles];
        float *out_float[4 * kMaxTiles];
        const uint8_t *other[4 * kMaxTiles];
        bool exists[4 * kMaxTiles];
    };

    void run_block(int64_t first, int64_t last) const {
        const int64_t tiles = last - first, depth = w_.channels;
        Outputs outputs;
        int16_t *inputs = static_cast<int16_t *>(scratch(kGathered, 16 * tiles * depth * 2));
        for (int64_t t = 0; t < tiles; ++t) {
            const int64_t at = first + t;
            const Tile tile{at / (height_ * width_), at / width_ % height_ * 2, at % width_ * 2};
            transform_input(tile, inputs + t * depth, tiles * depth);
            locate(tile, 4 * t, outputs);
        }
        const Rows rows{nullptr,
                        0,
                        a_.out_float ? nullptr : outputs.out,
                        a_.out_float ? outputs.out_float : nullptr,
                        a_.other ? outputs.other : nullptr,
                        nullptr};
        int32_t *sums = static_cast<int32_t *>(scratch(kSums, 16 * tiles * kColumns * 4));
        for (int64_t column = 0; column < w_.columns; column += kColumns) {
            const uint8_t *weights = w_.int16 + column * depth * 16 * 2;
            for (int i = 0; i < 16; ++i) {
                const uint8_t *of_element = weights + i * depth * kColumns * 2;
                each_tile(tiles, Element{inputs + i * tiles * depth, of_element, depth, sums + i * tiles * kColumns});
            }
            for (int64_t t = 0; t < tiles; ++t)
                finish_outputs(sums + t * kColumns, tiles * kColumns, column, 4 * t, outputs, rows);
        }
    }

    void locate(const Tile &tile, int64_t row, Outputs &outputs) const {
        for (int64_t i = 0; i < 4; ++i, ++row) {
            const int64_t y = tile.y + i / 2, x = tile.x + i % 2;
            outputs.exists[row] = y < a_.out_size[1] && x < a_.out_size[2];
            if (!outputs.exists[row]) continue;
            const auto place = [&](const int64_t (&stride)[4]) {
                return tile.image * stride[0] + y * stride[2] + x * stride[3];
            };
            if (a_.out) outputs.out[row] = a_.out + place(a_.out_stride);
            if (a_.out_float) outputs.out_float[row] = a_.out_float + place(a_.out_stride);
            if (a_.other) outputs.other[row] = a_.other + place(a_.other_stride);
        }
    }

    // B'DB for all channels of a tile; its elements lie `step` apart.
    void transform_input(const Tile &tile, int16_t *to, int64_t step) const {
        using Short = typename V::Short;
        const uint8_t *padding = zero_points(), *place[4][4];
        for (int64_t i = 0; i < 4; ++i) {
            const int64_t y = tile.y - a_.padding[1] + i;
            for (int64_t j = 0; j < 4; ++j) {
                const int64_t x = tile.x - a_.padding[2] + j;
                const bool inside = y >= 0 && y < a_.x_size[1] && x >= 0 && x < a_.x_size[2];
                place[i][j] =
                    inside ? a_.x + tile.image * a_.x_stride[0] + y * a_.x_stride[2] + x * a_.x_stride[3] : padding;
            }
        }
        for (int64_t c = 0; c < w_.channels; c += V::kShorts, to += V::kShorts) {
            Short half[4][4];
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) {
                const Short d0 = V::widen(place[0][j] + c), d1 = V::widen(place[1][j] + c);
                const Short d2 = V::widen(place[2][j] + c), d3 = V::widen(place[3][j] + c);
                half[0][j] = V::sub(d0, d2);
                half[1][j] = V::add(d1, d2);
                half[2][j] = V::sub(d2, d1);
                half[3][j] = V::sub(d1, d3);
            }
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i) {
                int16_t *row = to + 4 * i * step;
                V::store(row, V::sub(half[i][0], half[i][2]));
                V::store(row + step, V::add(half[i][1], half[i][2]));
                V::store(row + 2 * step, V::sub(half[i][2], half[i][1]));
                V::store(row + 3 * step, V::sub(half[i][1], half[i][3]));
            }
        }
    }

    const uint8_t *zero_points() const {
        void *codes = scratch(kPadding, w_.channels);
        std::memset(codes, a_.x_zero, static_cast<size_t>(w_.channels));
        return static_cast<const uint8_t *>(codes);
    }

    // One element of all tiles: [tile][channel] by [pair of channels][column][2] to [tile][column].
    struct Element {
        const int16_t *inputs;
        const uint8_t *weights;
        int64_t depth;
        int32_t *sums;

        template <int kRows>
        __attribute__((noinline)) void tile(int64_t row) const {
            typename V::Int total[kRows][kVectors] = {};
            multiply_int16<V, kRows>(inputs + row * depth, depth, depth, weights, total);
#pragma GCC unroll 8
            for (int r = 0; r < kRows; ++r) {
                V::store_int(sums + (row + r) * kColumns, total[r][0]);
                V::store_int(sums + (row + r) * kColumns + V::kLanes, total[r][1]);
            }
        }
    };

    // A'MA, a quarter of it, and on to codes; the elements of M lie `step` apart.
    void finish_outputs(const int32_t *m, int64_t step, int64_t column, int64_t row, const Outputs &outputs,
                        const Rows &rows) const {
        using Int = typename V::Int;
        Int sums[4][1][kVectors];
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) {
            Int half[2][4];
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) {
                const int32_t *at = m + j * step + v * V::kLanes;
                const Int m1 = V::load_int(at + 4 * step), m2 = V::load_int(at + 8 * step);
                half[0][j] = V::add(V::load_int(at), V::add(m1, m2));
                half[1][j] = V::sub(V::sub(m1, m2), V::load_int(at + 12 * step));
            }
            const Int offset = V::load_int(w_.offset + column + v * V::kLanes);
#pragma GCC unroll 2
            for (int i = 0; i < 2; ++i) {
                const Int left = V::add(half[i][0], V::add(half[i][1], half[i][2]));
                const Int right = V::sub(V::sub(half[i][1], half[i][2]), half[i][3]);
                sums[2 * i][0][v] = V::add(V::quarter(left), offset);
                sums[2 * i + 1][0][v] = V::add(V::quarter(right), offset);
            }
        }
        const int64_t columns = at_most(w_.columns - column, kColumns);
        for (int i = 0; i < 4; ++i) {
            if (outputs.exists[row + i]) finish_tile<V, 1, kVectors>(finish_, rows, row + i, column, columns, sums[i]);
        }
    }

    const rk_conv_args &a_;
    const rk_weight &w_;
    const Finish finish_;
    const int64_t height_, width_, tiles_;
};

}  // namespace
}  // namespace rk
