// Weights as blocks of four channels.
#include <algorithm>

#include "packing.h"

namespace rk {
namespace {

constexpr int64_t kManyColumns = 128;

class DensePacker {
  public:
    DensePacker(const rk_pack_args &args, const Layout &layout, Owner &out) : args_(args), layout_(layout), out_(out) {}

    bool pack() {
        out_.gathered = args_.channels % 4 != 0;
        out_.depth = out_.gathered ? round_up(args_.taps * args_.channels, 4) : args_.channels;
        out_.offset_columns = round_up(args_.columns, layout_.lanes);
        for (int64_t group = 0; group < args_.groups; ++group) cut(group);
        link();
        // For int16 all rows are widened first, which takes many columns to pay.
        return args_.columns < kManyColumns ? wide_ > 2 * plain_ : 2 * wide_ > plain_;
    }

  private:
    // Cuts the columns of a group into panels of about the same width.
    void cut(int64_t group) {
        const int64_t vectors = out_.offset_columns / layout_.lanes;
        out_.panels = (vectors + layout_.max_vectors - 1) / layout_.max_vectors;
        for (int64_t i = 0, first = 0; i < out_.panels; ++i) {
            const int64_t share = (vectors - first + out_.panels - i - 1) / (out_.panels - i);
            fill(group, first * layout_.lanes, share);
            first += share;
        }
    }

    void fill(int64_t group, int64_t first_column, int64_t vectors) {
        out_.data.resize(static_cast<size_t>(round_up(static_cast<int64_t>(out_.data.size()), 64)));
        starts_.push_back({out_.counts.size(), out_.offsets.size(), out_.data.size()});
        out_.panel_list.push_back(
            {static_cast<int32_t>(first_column), static_cast<int32_t>(vectors), nullptr, nullptr, nullptr});
        const int64_t taps = out_.gathered ? 1 : args_.taps;
        block_.resize(static_cast<size_t>(vectors * layout_.lanes * 4));
        for (int64_t tap = 0; tap < taps; ++tap) {
            std::vector<int32_t> blocks[kBlockKinds];
            sort(group, first_column, tap, blocks);
            for (int kind = 0; kind < kBlockKinds; ++kind) {
                for (int32_t k : blocks[kind]) {
                    read(group, first_column, tap, k);
                    out_.offsets.push_back(k);
                    kind == kWide ? write_wide(vectors) : write_plain(kOrders[kind == kJoined ? 0 : kind]);
                }
                const size_t count = blocks[kind].size();
                out_.counts.push_back(static_cast<int32_t>(kind == kJoined ? count / 2 : count));
                (kind == kWide ? wide_ : plain_) += static_cast<int64_t>(count);
            }
        }
    }

    // The largest sums of both signs that codes and the pairs of a block can have, less the codes' largest factor.
    struct Reach {
        int32_t channel;
        bool taken;
        std::vector<int16_t> positive, negative;  // [pair]

        bool fits_with(const Reach &other) const {
            int highest = 0, lowest = 0;
            for (size_t i = 0; i < positive.size(); ++i) {
                highest = std::max(highest, positive[i] + other.positive[i]);
                lowest = std::min(lowest, negative[i] + other.negative[i]);
            }
            return 255 * highest <= INT16_MAX && 255 * lowest >= INT16_MIN;
        }
    };

    // Finds the kind of each block that is not zero.
    void sort(int64_t group, int64_t first_column, int64_t tap, std::vector<int32_t> (&blocks)[kBlockKinds]) {
        std::vector<Reach> open;
        for (int64_t k = 0; k < out_.depth; k += 4) {
            if (!read(group, first_column, tap, k)) continue;
            const int best = kind();
            if (!layout_.pairs_saturate || best != 0) {
                blocks[best].push_back(static_cast<int32_t>(k));
            } else {
                open.push_back(reach(static_cast<int32_t>(k)));
            }
        }
        for (size_t i = 0; i < open.size(); ++i) {
            if (open[i].taken) continue;
            size_t j = i + 1;
            while (j < open.size() && (open[j].taken || !open[i].fits_with(open[j]))) ++j;
            if (j == open.size()) {
                blocks[0].push_back(open[i].channel);
                continue;
            }
            open[j].taken = true;
            blocks[kJoined].push_back(open[i].channel);
            blocks[kJoined].push_back(open[j].channel);
        }
    }

    Reach reach(int32_t channel) const {
        Reach out{channel, false, {}, {}};
        for (size_t i = 0; i < block_.size(); i += 2) {
            const int a = block_[i], b = block_[i + 1];
            out.positive.push_back(static_cast<int16_t>((a > 0 ? a : 0) + (b > 0 ? b : 0)));
            out.negative.push_back(static_cast<int16_t>((a < 0 ? a : 0) + (b < 0 ? b : 0)));
        }
        return out;
    }

    // Reads four channels of all columns of a panel into block_ and tells whether any weight is not zero.
    bool read(int64_t group, int64_t first_column, int64_t tap, int64_t k) {
        bool any = false;
        for (size_t i = 0; i < block_.size(); ++i) {
            const int64_t c = first_column + static_cast<int64_t>(i / 4);
            const int64_t flat = k + static_cast<int64_t>(i % 4);
            const int64_t at_tap = out_.gathered ? flat / args_.channels : tap;
            const int64_t channel = out_.gathered ? flat % args_.channels : flat;
            const bool inside = c < args_.columns && at_tap < args_.taps;
            block_[i] = static_cast<int8_t>(inside ? weight_at(args_, group * args_.columns + c, at_tap, channel) : 0);
            any = any || block_[i] != 0;
        }
        return any;
    }

    // The first order of channels in which no pair overflows, or kWide.
    int kind() const {
        if (!layout_.pairs_saturate) return 0;
        for (int kind = 0; kind < kJoined; ++kind) {
            if (!saturates(kOrders[kind])) return kind;
        }
        return kWide;
    }

    bool saturates(const int (&order)[4]) const {
        for (size_t lane = 0; lane < block_.size(); lane += 4) {
            for (size_t pair = 0; pair < 4; pair += 2) {
                const int a = block_[lane + order[pair]], b = block_[lane + order[pair + 1]];
                const int highest = 255 * ((a > 0 ? a : 0) + (b > 0 ? b : 0));
                const int lowest = 255 * ((a < 0 ? a : 0) + (b < 0 ? b : 0));
                if (highest > INT16_MAX || lowest < INT16_MIN) return true;
            }
        }
        return false;
    }

    void write_plain(const int (&order)[4]) {
        for (size_t i = 0; i < block_.size(); ++i)
            out_.data.push_back(static_cast<uint8_t>(block_[i / 4 * 4 + order[i % 4]]));
    }

    void write_wide(int64_t vectors) {
        for (int64_t v = 0; v < vectors; ++v) {
            for (int odd = 0; odd < 2; ++odd) {
                for (int64_t i = 0; i < layout_.lanes * 2; ++i) {
                    const int16_t w = block_[static_cast<size_t>((v * layout_.lanes * 2 + i) * 2 + odd)];
                    const uint8_t *bytes = reinterpret_cast<const uint8_t *>(&w);
                    out_.data.insert(out_.data.end(), bytes, bytes + 2);
                }
            }
        }
    }

    // Only when nothing grows any more do addresses hold.
    void link() {
        for (size_t i = 0; i < starts_.size(); ++i) {
            out_.panel_list[i].counts = out_.counts.data() + starts_[i].counts;
            out_.panel_list[i].offsets = out_.offsets.data() + starts_[i].offsets;
            out_.panel_list[i].data = out_.data.data() + starts_[i].data;
        }
        out_.panel = out_.panel_list.data();
    }

    struct Start {
        size_t counts, offsets, data;
    };

    const rk_pack_args &args_;
    const Layout layout_;
    Owner &out_;
    std::vector<Start> starts_;
    std::vector<int8_t> block_;
    int64_t plain_ = 0, wide_ = 0;  // blocks
};

}  // namespace

bool pack_dense(const rk_pack_args &args, const Layout &layout, Owner &out) {
    return DensePacker(args, layout, out).pack();
}

}  // namespace rk
