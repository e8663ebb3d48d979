// 3 x 3 convolutions with stride 1 by Winograd's transforms, in integers and exact: 16 multiplications for 2 x 2
// outputs in place of 36, or 36 for 4 x 4 in place of 144.
#pragma once

#include "abi.h"
#include "finish.h"
#include "int16.h"
#include "rows.h"
#include "threads.h"
#include "weight.h"
#include "winograd_tiles.h"

namespace rk {
namespace {

constexpr int64_t kMaxTiles = 48;                 // of a block
constexpr int64_t kTransformedBytes = 400 << 10;  // of a block's inputs: they are to stay in the second cache

template <class V, class T>
class Winograd {
  public:
    explicit Winograd(const rk_conv_args &args)
        : a_(args),
          w_(*args.weight),
          finish_(finish_of(args)),
          height_(divide_up(args.out_size[1], kOut)),
          width_(divide_up(args.out_size[2], kOut)),
          tiles_(args.batch * height_ * width_) {}

    void run() const {
        if (tiles_ == 0) return;
        const int64_t fitting = kTransformedBytes / (kElements * w_.channels * 2);
        const int64_t most = at_most(at_least(fitting, kInt16Rows), kMaxTiles), threads = at_least(a_.threads, 1);
        // As many for each thread.
        const int64_t blocks = at_most(divide_up(divide_up(tiles_, most), threads) * threads, tiles_);
        parallel_for(blocks, a_.threads, [&](int64_t i) { run_block(tiles_ * i / blocks, tiles_ * (i + 1) / blocks); });
    }

  private:
    static constexpr int kColumns = kInt16Columns, kVectors = kColumns / V::kLanes;
    static constexpr int kOut = T::kOut, kIn = T::kIn, kOutputs = kOut * kOut, kElements = kIn * kIn;

    struct Tile {
        int64_t image, y, x;  // of its first output
    };

    // Where the outputs of each tile go; pixels past the border have none.
    struct Outputs {
        uint8_t *out[kOutputs * kMaxTiles];
        float *out_float[kOutputs * kMaxTiles];
        const uint8_t *other[kOutputs * kMaxTiles];
        bool exists[kOutputs * kMaxTiles];
    };

    void run_block(int64_t first, int64_t last) const {
        const int64_t tiles = last - first, depth = w_.channels;
        Outputs outputs;
        int16_t *inputs = static_cast<int16_t *>(scratch(kGathered, kElements * tiles * depth * 2));
        for (int64_t t = 0; t < tiles; ++t) {
            const int64_t at = first + t;
            const Tile tile{at / (height_ * width_), at / width_ % height_ * kOut, at % width_ * kOut};
            transform_input(tile, inputs + t * depth, tiles * depth);
            locate(tile, kOutputs * t, outputs);
        }
        const Rows rows{nullptr,
                        0,
                        a_.out_float ? nullptr : outputs.out,
                        a_.out_float ? outputs.out_float : nullptr,
                        a_.other ? outputs.other : nullptr,
                        nullptr};
        int32_t *sums = static_cast<int32_t *>(scratch(kSums, kElements * tiles * kColumns * 4));
        for (int64_t column = 0; column < w_.columns; column += kColumns) {
            const uint8_t *weights = w_.int16 + column * depth * kElements * 2;
            for (int i = 0; i < kElements; ++i) {
                const uint8_t *of_element = weights + i * depth * kColumns * 2;
                each_tile(tiles, Element{inputs + i * tiles * depth, of_element, depth, sums + i * tiles * kColumns});
            }
            for (int64_t t = 0; t < tiles; ++t)
                finish_outputs(sums + t * kColumns, tiles * kColumns, column, kOutputs * t, outputs, rows);
        }
    }

    void locate(const Tile &tile, int64_t row, Outputs &outputs) const {
        for (int64_t i = 0; i < kOutputs; ++i, ++row) {
            const int64_t y = tile.y + i / kOut, x = tile.x + i % kOut;
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
        const uint8_t *padding = zero_points(), *place[kIn][kIn];
        for (int64_t i = 0; i < kIn; ++i) {
            const int64_t y = tile.y - a_.padding[1] + i;
            for (int64_t j = 0; j < kIn; ++j) {
                const int64_t x = tile.x - a_.padding[2] + j;
                const bool inside = y >= 0 && y < a_.x_size[1] && x >= 0 && x < a_.x_size[2];
                place[i][j] =
                    inside ? a_.x + tile.image * a_.x_stride[0] + y * a_.x_stride[2] + x * a_.x_stride[3] : padding;
            }
        }
        for (int64_t c = 0; c < w_.channels; c += V::kShorts, to += V::kShorts) {
            Short half[kIn][kIn];  // [column][row]
#pragma GCC unroll 6
            for (int j = 0; j < kIn; ++j) {
                Short line[kIn];
#pragma GCC unroll 6
                for (int i = 0; i < kIn; ++i) line[i] = V::widen(place[i][j] + c);
                T::input(line, half[j]);
            }
#pragma GCC unroll 6
            for (int i = 0; i < kIn; ++i) {
                Short line[kIn], done[kIn];
#pragma GCC unroll 6
                for (int j = 0; j < kIn; ++j) line[j] = half[j][i];
                T::input(line, done);
#pragma GCC unroll 6
                for (int j = 0; j < kIn; ++j) V::store(to + (kIn * i + j) * step, done[j]);
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
            V::template multiply_pairs<kRows>(inputs + row * depth, depth, weights, depth / 2, sums + row * kColumns);
        }
    };

    // A'MA, and on to codes; the elements of M lie `step` apart.
    void finish_outputs(const int32_t *m, int64_t step, int64_t column, int64_t row, const Outputs &outputs,
                        const Rows &rows) const {
        using Int = typename V::Int;
        Int half[kVectors][kOut][kIn];
        for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 6
            for (int j = 0; j < kIn; ++j) {
                Int line[kIn], done[kOut];
#pragma GCC unroll 6
                for (int i = 0; i < kIn; ++i) line[i] = V::load_int(m + (kIn * i + j) * step + v * V::kLanes);
                T::output(line, done);
#pragma GCC unroll 4
                for (int i = 0; i < kOut; ++i) half[v][i][j] = done[i];
            }
        }
        const int64_t columns = at_most(w_.columns - column, kColumns);
#pragma GCC unroll 4
        for (int i = 0; i < kOut; ++i, row += kOut) {
            Int sums[kOut][kVectors];
#pragma GCC unroll 2
            for (int v = 0; v < kVectors; ++v) {
                const Int offset = V::load_int(w_.offset + column + v * V::kLanes);
                Int done[kOut];
                T::output(half[v][i], done);
#pragma GCC unroll 4
                for (int j = 0; j < kOut; ++j) sums[j][v] = V::add(T::convolution(done[j], i, j), offset);
            }
            finish_line(row, column, columns, outputs, rows, sums);
        }
    }

    // The outputs of one line of a tile.
    void finish_line(int64_t row, int64_t column, int64_t columns, const Outputs &outputs, const Rows &rows,
                     typename V::Int (&sums)[kOut][kVectors]) const {
        if (outputs.exists[row + kOut - 1]) {
            finish_tile<V, kOut, kVectors>(finish_, rows, row, column, columns, sums);
            return;
        }
        for (int j = 0; j < kOut && outputs.exists[row + j]; ++j) {
            typename V::Int one[1][kVectors];
            for (int v = 0; v < kVectors; ++v) one[0][v] = sums[j][v];
            finish_tile<V, 1, kVectors>(finish_, rows, row + j, column, columns, one);
        }
    }

    const rk_conv_args &a_;
    const rk_weight &w_;
    const Finish finish_;
    const int64_t height_, width_, tiles_;
};

}  // namespace
}  // namespace rk
