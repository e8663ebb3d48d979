// Weights whose products are taken in int16.
#include <cmath>

#include "packing.h"

namespace rk {

namespace {

constexpr int64_t kHalf = kInt16Columns / 2;
constexpr int64_t kLeastSumsDepth = 128;     // with less, the way out dominates
constexpr int64_t kMostPairs = 256 << 10;    // bytes of a group: they are read again for every few rows

// The kernels' transforms, as integers: of two outputs and of four.
constexpr int kTwo[4][3] = {{2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}};
constexpr int kFour[6][3] = {{3, 0, 0}, {-1, -1, -1}, {-1, 1, -1}, {1, 2, 4}, {1, -2, 4}, {0, 0, 3}};

// An element of GgG' of one channel and column.
int transformed(const rk_pack_args &args, int64_t column, int64_t channel, const int *row, const int *other) {
    int sum = 0;
    for (int i = 0; i < 9; ++i) sum += row[i / 3] * weight_at(args, column, i, channel) * other[i % 3];
    return sum;
}

}  // namespace

void pack_winograd(const rk_pack_args &args, int tile, Owner &out) {
    const int (*matrix)[3] = tile == 4 ? kFour : kTwo;
    const int64_t elements = (tile + 2) * (tile + 2), pairs = args.channels / 2;
    out.tile = tile;
    out.offset_columns = round_up(args.columns, kInt16Columns);
    out.data.assign(static_cast<size_t>(out.offset_columns * args.channels * elements * 2), 0);
    for (int64_t column = 0; column < args.columns; ++column) {
        const int64_t panel = column / kInt16Columns, lane = column % kInt16Columns;
        for (int64_t i = 0; i < elements; ++i) {
            const int *row = matrix[i / (tile + 2)], *other = matrix[i % (tile + 2)];
            for (int64_t c = 0; c < args.channels; ++c) {
                const int64_t pair = (panel * elements + i) * pairs + c / 2;
                out.put(pair * kInt16Columns + lane, c % 2, transformed(args, column, c, row, other));
            }
        }
    }
    out.int16 = out.data.data();
}

void pack_sums(const rk_pack_args &args, Owner &out) {
    out.depth = round_up(args.taps * args.channels, 16);
    out.gathered = args.taps != 1 || args.channels != out.depth;
    out.offset_columns = round_up(args.columns, kInt16Columns);
    out.panels = out.offset_columns / kInt16Columns;
    out.data.assign(static_cast<size_t>(args.groups * out.offset_columns * out.depth), 0);
    for (int64_t column = 0; column < args.groups * args.columns; ++column) {
        const int64_t in_group = column % args.columns, lane = in_group % kInt16Columns;
        const int64_t panel = column / args.columns * out.panels + in_group / kInt16Columns;
        for (int64_t k = 0; k < args.taps * args.channels; ++k) {
            const int64_t at = ((panel * (out.depth / 4) + k / 4) * kInt16Columns + lane) * 4 + k % 4;
            out.data[static_cast<size_t>(at)] =
                static_cast<uint8_t>(weight_at(args, column, k / args.channels, k % args.channels));
        }
    }
    out.int16 = out.data.data();
}

void pack_pairs(const rk_pack_args &args, Owner &out) {
    out.gathered = args.taps != 1 || args.channels % kHalf != 0;
    out.depth = round_up(args.taps * args.channels, 2);
    out.offset_columns = round_up(args.columns, kHalf);
    out.panels = round_up(args.columns, kInt16Columns) / kInt16Columns;
    out.data.assign(static_cast<size_t>(args.groups * out.offset_columns * out.depth * 2), 0);
    for (int64_t column = 0; column < args.groups * args.columns; ++column) {
        const int64_t in_group = column % args.columns, first = in_group / kInt16Columns * kInt16Columns;
        const int64_t width = out.offset_columns - first < kInt16Columns ? kHalf : kInt16Columns;
        const int64_t start = (column / args.columns * out.offset_columns + first) * out.depth / 2;
        for (int64_t k = 0; k < args.taps * args.channels; ++k) {
            out.put(start + k / 2 * width + in_group - first, k % 2,
                    weight_at(args, column, k / args.channels, k % args.channels));
        }
    }
    out.int16 = out.data.data();
}

double cycles_of_sums(const rk_pack_args &args) {
    const int64_t depth = args.taps * args.channels;
    if (depth < kLeastSumsDepth) return INFINITY;
    const int64_t vectors = args.groups * round_up(args.columns, kInt16Columns) / kHalf;
    return static_cast<double>(vectors) * (8 + 0.3 * static_cast<double>(depth));
}

double cycles_of_pairs(const rk_pack_args &args) {
    const int64_t depth = args.taps * args.channels, columns = round_up(args.columns, kHalf);
    if (columns * depth * 2 > kMostPairs) return INFINITY;
    return static_cast<double>(args.groups * columns / kHalf) * (5.1 + 0.318 * static_cast<double>(depth));
}

}  // namespace rk
