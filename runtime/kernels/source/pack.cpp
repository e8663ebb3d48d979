// Chooses how weights are laid out. Built for any processor; an instruction set is only a `Layout` here.
#include <algorithm>
#include <cmath>
#include <memory>

#include "packing.h"

namespace rk {
namespace {

// Weights of one tap: with more, reading the transformed ones takes longer than what is gained by few multiplications.
constexpr int64_t kMostForFour = 128 * 128, kMostForTwo = 512 * 512;
constexpr int64_t kLeastOutputs = 36;  // with fewer, whole tiles of four outputs hang over the border

// The largest sum of products with codes, of either sign.
int64_t largest_sum(const rk_pack_args &args) {
    int64_t largest = 0;
    for (int64_t column = 0; column < args.columns; ++column) {
        int64_t positive = 0, negative = 0;
        for (int64_t i = 0; i < args.taps * args.channels; ++i) {
            const int w = weight_at(args, column, i / args.channels, i % args.channels);
            (w > 0 ? positive : negative) += 255 * w;
        }
        largest = std::max({largest, positive, -negative});
    }
    return largest;
}

// How many outputs along each axis Winograd's transforms are to give, or 0 if they do not suit.
int winograd_tile(const rk_pack_args &args, const Layout &layout) {
    const int64_t weights = args.channels * args.columns;
    const bool few = args.rows > 0 && args.rows < kLeastOutputs;
    const bool vectors = args.channels % (2 * layout.lanes) == 0 && args.channels >= 32 && args.columns >= 16;
    if (!layout.winograd || !args.plain_3x3 || args.groups != 1 || weights > kMostForTwo || few || !vectors) return 0;
    // 64 or 4 times the convolution must fit 32 bits.
    const int64_t largest = largest_sum(args);
    if (weights <= kMostForFour && 64 * largest <= INT32_MAX) return 4;
    return layout.winograd == 2 && 4 * largest <= INT32_MAX ? 2 : 0;
}

// The bias less the zero point's share, modulo 2**32, for every column.
void correct(const rk_pack_args &args, Owner &out) {
    const bool depthwise = out.kind == Kind::kDepthwise;
    const int64_t group_step = depthwise ? 1 : out.offset_columns;
    const size_t places = static_cast<size_t>(depthwise ? out.offset_columns : args.groups * group_step);
    out.column_offsets.assign(places, 0);
    if (out.kind == Kind::kSums) out.sums_of_columns.assign(places, 0);
    for (int64_t column = 0; column < args.groups * args.columns; ++column) {
        int64_t sum = 0;
        for (int64_t tap = 0; tap < args.taps; ++tap) {
            for (int64_t k = 0; k < args.channels; ++k) sum += weight_at(args, column, tap, k);
        }
        const uint32_t wrapped = static_cast<uint32_t>((args.bias ? args.bias[column] : 0) - sum * args.x_zero);
        const size_t place = static_cast<size_t>(column / args.columns * group_step + column % args.columns);
        std::memcpy(&out.column_offsets[place], &wrapped, 4);
        if (out.kind == Kind::kSums) out.sums_of_columns[place] = static_cast<int32_t>(sum);
    }
    out.offset = out.column_offsets.data();
    out.column_sums = out.sums_of_columns.data();
}

void fill(const rk_pack_args &args, const Layout &layout, Owner &out) {
    if (args.channels == 1 && args.columns == 1 && args.groups > 1) {
        out.kind = Kind::kDepthwise;
        pack_depthwise(args, layout, out);
        return;
    }
    const int tile = winograd_tile(args, layout);
    if (tile) {
        out.kind = Kind::kWinograd;
        pack_winograd(args, tile, out);
        return;
    }
    if (!layout.pairs_saturate) {
        out.kind = Kind::kDense;
        pack_dense(args, layout, out);
        return;
    }
    const double pairs = cycles_of_pairs(args), sums = cycles_of_sums(args);
    if (args.rows > 0 && args.rows <= kFewRows && std::isfinite(sums)) {
        out.kind = Kind::kSums;
        pack_sums(args, out);
        return;
    }
    out.kind = Kind::kBlocks;
    const double blocks = pack_blocks(args, layout, out);
    if (blocks <= pairs && blocks <= sums) return;
    out.panel_list.clear();
    out.counts.clear();
    out.offsets.clear();
    out.kind = pairs <= sums ? Kind::kPairs : Kind::kSums;
    pairs <= sums ? pack_pairs(args, out) : pack_sums(args, out);
}

}  // namespace

void pack_depthwise(const rk_pack_args &args, const Layout &layout, Owner &out) {
    const int64_t width = args.tap_width, lines = args.taps / width;
    const int64_t groups = (lines + layout.lines - 1) / layout.lines, bytes = 4 / layout.lines;
    out.offset_columns = round_up(args.groups, layout.lanes);
    out.data.assign(static_cast<size_t>(width * groups * out.offset_columns * 4), 0);
    for (int64_t tap = 0; tap < args.taps; ++tap) {
        const int64_t line = tap / width, block = tap % width * groups + line / layout.lines;
        for (int64_t channel = 0; channel < args.groups; ++channel) {
            const int16_t w = static_cast<int16_t>(weight_at(args, channel, tap, 0));
            const int64_t lane = block * out.offset_columns + channel, place = lane * 4 + line % layout.lines * bytes;
            std::memcpy(&out.data[static_cast<size_t>(place)], &w, static_cast<size_t>(bytes));
        }
    }
    out.depthwise = out.data.data();
}

rk_weight *pack(const rk_pack_args &args, const Layout &layout) {
    try {
        auto out = std::make_unique<Owner>();
        out->groups = args.groups;
        out->columns = args.columns;
        out->taps = args.taps;
        out->channels = args.channels;
        fill(args, layout, *out);
        correct(args, *out);
        out->bytes = static_cast<int64_t>(out->data.size() + 4 * (out->counts.size() + out->offsets.size()) +
                                          4 * (out->column_offsets.size() + out->sums_of_columns.size()));
        return out.release();
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

}  // namespace rk

void rk_free(rk_weight *weight) { delete static_cast<rk::Owner *>(weight); }

int64_t rk_weight_bytes(const rk_weight *weight) { return weight->bytes; }
