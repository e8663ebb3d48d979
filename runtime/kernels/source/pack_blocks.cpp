// Weights as blocks of four channels, for sets whose products of four codes and weights sum pairs in int16.
#include <algorithm>

#include "packing.h"

namespace rk {
namespace {

constexpr size_t kSearched = 96;  // blocks among which another's partner is sought
// Cycles of a row: of a vector's way out, of copying four codes, and of a block of each kind.
constexpr double kWayOut = 6.7, kCopy = 1, kCycles[kBlockKinds] = {1.05, 1, 1.51};

class JoinedPacker : public BlockPacker {
  public:
    JoinedPacker(const rk_pack_args &args, const Layout &layout, Owner &out) : BlockPacker(args, layout, out) {}

    double pack() {
        const int64_t fours = out_.depth / 4;
        out_.chunks = (out_.depth + kChunkDepth - 1) / kChunkDepth;
        cut([&](int64_t group, int64_t first_column, int64_t chunk) {
            std::vector<Block> blocks;
            const int64_t end = fours * (chunk + 1) / out_.chunks * 4;
            for (int64_t k = fours * chunk / out_.chunks * 4; k < end; k += 4) {
                if (read(group, first_column, k)) blocks.push_back(reach(static_cast<int32_t>(k)));
            }
            write(group, first_column, fours * chunk / out_.chunks, end / 4, blocks);
        });
        const int64_t vectors = out_.offset_columns / layout_.lanes;
        return cycles_ + static_cast<double>(args_.groups) *
                             (kWayOut * static_cast<double>(vectors) + kCopy * static_cast<double>(fours));
    }

  private:
    // The sums of the positive and of the negative weights of each pair, in one order of the channels.
    struct Reach {
        int order;
        std::vector<int16_t> positive, negative;  // [pair]

        static bool fits(int highest, int lowest) { return 255 * highest <= INT16_MAX && 255 * lowest >= INT16_MIN; }

        bool fits() const {
            return fits(*std::max_element(positive.begin(), positive.end()),
                        *std::min_element(negative.begin(), negative.end()));
        }
        bool fits_with(const Reach &other) const {
            int highest = 0, lowest = 0;
            for (size_t i = 0; i < positive.size(); ++i) {
                highest = std::max<int>(highest, positive[i] + other.positive[i]);
                lowest = std::min<int>(lowest, negative[i] + other.negative[i]);
            }
            return fits(highest, lowest);
        }
    };
    struct Block {
        int32_t k;
        bool taken;
        std::vector<Reach> orders;  // in which no pair overflows
    };

    Block reach(int32_t k) const {
        Block out{k, false, {}};
        for (int order = 0; order < kOrderCount; ++order) {
            Reach reach{order, {}, {}};
            for (size_t i = 0; i < block_.size(); i += 2) {
                const int a = block_[i / 4 * 4 + static_cast<size_t>(kOrders[order][i % 4])];
                const int b = block_[i / 4 * 4 + static_cast<size_t>(kOrders[order][i % 4 + 1])];
                reach.positive.push_back(static_cast<int16_t>((a > 0 ? a : 0) + (b > 0 ? b : 0)));
                reach.negative.push_back(static_cast<int16_t>((a < 0 ? a : 0) + (b < 0 ? b : 0)));
            }
            if (reach.fits()) out.orders.push_back(std::move(reach));
        }
        return out;
    }

    // The blocks between `first` and `end` that are not zero.
    void write(int64_t group, int64_t first_column, int64_t first, int64_t end, std::vector<Block> &blocks) {
        std::vector<std::pair<int32_t, int>> of_kind[kBlockKinds];  // first channel and order
        for (size_t i = 0; i < blocks.size(); ++i) {
            if (blocks[i].taken) continue;
            if (blocks[i].orders.empty()) {
                of_kind[kWide].push_back({blocks[i].k, 0});
            } else if (!join(blocks, i, of_kind[kJoined])) {
                of_kind[kPlain].push_back({blocks[i].k, blocks[i].orders[0].order});
            }
        }
        for (int kind = 0; kind < kBlockKinds; ++kind) {
            for (const auto &[k, order] : of_kind[kind]) {
                read(group, first_column, k);
                const int64_t at = kind == kWide ? 2 * (k / 4 - first) : order * (end - first) + k / 4 - first;
                out_.offsets.push_back(static_cast<int32_t>(at * kCopyBytes));
                out_.copies |= 1 << (kind == kWide ? kOrderCount : order);
                kind == kWide ? write_wide() : BlockPacker::write(kOrders[order]);
            }
            const size_t count = of_kind[kind].size();
            out_.counts.push_back(static_cast<int32_t>(kind == kJoined ? count / 2 : count));
            cycles_ += static_cast<double>(count) * kCycles[kind];
        }
    }

    // Seeks a later block whose pairs, summed with those of the i-th, fit int16.
    static bool join(std::vector<Block> &blocks, size_t i, std::vector<std::pair<int32_t, int>> &joined) {
        const size_t end = std::min(blocks.size(), i + 1 + kSearched);
        for (size_t j = i + 1; j < end; ++j) {
            if (blocks[j].taken) continue;
            for (const Reach &own : blocks[i].orders) {
                for (const Reach &other : blocks[j].orders) {
                    if (!own.fits_with(other)) continue;
                    blocks[j].taken = true;
                    joined.push_back({blocks[i].k, own.order});
                    joined.push_back({blocks[j].k, other.order});
                    return true;
                }
            }
        }
        return false;
    }

    void write_wide() {
        for (size_t odd = 0; odd < 2; ++odd) {
            for (size_t i = odd; i < block_.size(); i += 2) {
                const int16_t w = block_[i];
                const uint8_t *bytes = reinterpret_cast<const uint8_t *>(&w);
                out_.data.insert(out_.data.end(), bytes, bytes + 2);
            }
        }
    }

    double cycles_ = 0;
};

}  // namespace

double pack_blocks(const rk_pack_args &args, const Layout &layout, Owner &out) {
    return JoinedPacker(args, layout, out).pack();
}

}  // namespace rk
