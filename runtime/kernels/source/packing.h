// What the packers of weights share. Only for code that is built for any processor: it uses the standard library.
#pragma once

#include <cstring>
#include <new>
#include <vector>

#include "weight.h"

namespace rk {

// Memory that starts with a cache line.
template <class T>
struct CacheLines {
    using value_type = T;
    CacheLines() = default;
    template <class U>
    CacheLines(const CacheLines<U> &) {}
    T *allocate(size_t n) { return static_cast<T *>(::operator new(n * sizeof(T), std::align_val_t{64})); }
    void deallocate(T *p, size_t) { ::operator delete(p, std::align_val_t{64}); }
    bool operator==(const CacheLines &) const { return true; }
    bool operator!=(const CacheLines &) const { return false; }
};

// Packed weights with the memory that they point into.
struct Owner : rk_weight {
    std::vector<Panel> panel_list;
    std::vector<int32_t> counts, offsets, column_offsets, sums_of_columns;
    std::vector<uint8_t, CacheLines<uint8_t>> data;

    // The int16 weight `second` (0 or 1) of a lane.
    void put(int64_t lane, int64_t second, int weight) {
        const int16_t narrow = static_cast<int16_t>(weight);
        std::memcpy(&data[static_cast<size_t>(lane * 4 + second * 2)], &narrow, 2);
    }
};

inline int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// The weight of a column of all groups, at a tap and a channel of its group.
inline int weight_at(const rk_pack_args &args, int64_t column, int64_t tap, int64_t channel) {
    return args.weight[column * args.column_stride + tap * args.tap_stride + channel * args.channel_stride];
}

// What packers of blocks of four channels share.
class BlockPacker {
  protected:
    BlockPacker(const rk_pack_args &args, const Layout &layout, Owner &out) : args_(args), layout_(layout), out_(out) {
        out.gathered = args.channels % 4 != 0;
        out.depth = round_up(args.taps * args.channels, 4);
        out.offset_columns = round_up(args.columns, layout.lanes);
        out.chunks = 1;
    }

    // Cuts each group into as many chunks of depth as `out` says, and their columns into panels of about the same
    // width; calls fill(group, first column, chunk) to write each one's counts, offsets and data.
    template <class Fill>
    void cut(Fill fill) {
        const int64_t vectors = out_.offset_columns / layout_.lanes;
        out_.panels = (vectors + layout_.max_vectors - 1) / layout_.max_vectors;
        std::vector<Start> starts;
        for (int64_t at = 0; at < args_.groups * out_.chunks; ++at) {
            for (int64_t i = 0, first = 0; i < out_.panels; ++i) {
                const int64_t share = (vectors - first + out_.panels - i - 1) / (out_.panels - i);
                block_.resize(static_cast<size_t>(share * layout_.lanes * 4));
                out_.data.resize(static_cast<size_t>(round_up(static_cast<int64_t>(out_.data.size()), 64)));
                starts.push_back({out_.counts.size(), out_.offsets.size(), out_.data.size()});
                out_.panel_list.push_back({static_cast<int32_t>(first * layout_.lanes), static_cast<int32_t>(share),
                                           nullptr, nullptr, nullptr});
                fill(at / out_.chunks, first * layout_.lanes, at % out_.chunks);
                first += share;
            }
        }
        link(starts);
    }

    // Reads the block of a panel that starts with the k-th of all channels of all taps, and tells whether anything in
    // it is not zero.
    bool read(int64_t group, int64_t first_column, int64_t k) {
        bool any = false;
        for (int64_t i = 0; i < static_cast<int64_t>(block_.size()); ++i) {
            const int64_t column = first_column + i / 4, at = k + i % 4;
            const bool inside = column < args_.columns && at < args_.taps * args_.channels;
            block_[static_cast<size_t>(i)] = static_cast<int8_t>(
                inside ? weight_at(args_, group * args_.columns + column, at / args_.channels, at % args_.channels)
                       : 0);
            any = any || block_[static_cast<size_t>(i)] != 0;
        }
        return any;
    }

    // Appends the block that was read last.
    void write(const int (&order)[4]) {
        for (size_t i = 0; i < block_.size(); ++i)
            out_.data.push_back(static_cast<uint8_t>(block_[i / 4 * 4 + static_cast<size_t>(order[i % 4])]));
    }

    const rk_pack_args &args_;
    const Layout layout_;
    Owner &out_;
    std::vector<int8_t> block_;  // [column][channel]

  private:
    struct Start {
        size_t counts, offsets, data;
    };

    // Only when nothing grows any more do addresses hold.
    void link(const std::vector<Start> &starts) {
        for (size_t i = 0; i < starts.size(); ++i) {
            out_.panel_list[i].counts = out_.counts.data() + starts[i].counts;
            out_.panel_list[i].offsets = out_.offsets.data() + starts[i].offsets;
            out_.panel_list[i].data = out_.data.data() + starts[i].data;
        }
        out_.panel = out_.panel_list.data();
        out_.end = out_.data.data() + out_.data.size();
    }
};

// Each fills `out`, but for the offsets of the columns. Blocks tell how many cycles they will take.
void pack_dense(const rk_pack_args &args, const Layout &layout, Owner &out);
double pack_blocks(const rk_pack_args &args, const Layout &layout, Owner &out);
void pack_depthwise(const rk_pack_args &args, const Layout &layout, Owner &out);
void pack_winograd(const rk_pack_args &args, int tile, Owner &out);
void pack_sums(const rk_pack_args &args, Owner &out);
void pack_pairs(const rk_pack_args &args, Owner &out);

// Cycles of one row, out of measurements, of int16 weights; infinite where they are not to be had.
double cycles_of_sums(const rk_pack_args &args);
double cycles_of_pairs(const rk_pack_args &args);

}  // namespace rk
