// A row's codes less their mean, which leaves most of them small: four channels at a time, as magnitudes and signs.
#pragma once

#include <cstdint>
#include <cstring>

namespace rk {
namespace {

// Weights are multiplied by magnitudes. Those of a code below the mean change their sign before: -w is ~w + 1, and the
// ones are the same for all columns.
struct SignedBlock {
    uint32_t magnitudes, signs;  // four bytes each; the sign of what is less is -1
    int64_t at;                  // of its weights in a panel
};

// Products by magnitudes that are at most 256 together fit int16, as a sum. That is so for the first two channels of a
// block and for the last two where no code is far from the mean; else the block is taken twice, by half the magnitudes
// and by the rest. Mostly it is so for two blocks together, whose sums are widened at once then.
class SignedRow {
  public:
    // `memory` has room for bytes(depth), where depth is a multiple of 8; the weights of a block take `block_bytes` of
    // each panel.
    SignedRow(const uint8_t *codes, int64_t depth, uint8_t mean, int64_t block_bytes, uint8_t *memory)
        : couples(reinterpret_cast<SignedBlock *>(memory)), singles(couples + depth / 4) {
        uint8_t *magnitudes = reinterpret_cast<uint8_t *>(singles + 2 * (depth / 4)), *signs = magnitudes + depth;
        for (int64_t k = 0; k < depth; ++k) {
            const bool below = codes[k] < mean;
            const uint8_t magnitude = static_cast<uint8_t>(below ? mean - codes[k] : codes[k] - mean);
            magnitudes[k] = magnitude;
            signs[k] = below ? 255 : 0;
            changed += below ? magnitude : 0;
        }
        for (int64_t k = 0; k < depth; k += 8)
            add_two(block_at(magnitudes, signs, k, block_bytes), block_at(magnitudes, signs, k + 4, block_bytes));
        if (waits_) singles[single_count++] = waiting_;
    }

    static int64_t bytes(int64_t depth) {
        return 3 * (depth / 4) * static_cast<int64_t>(sizeof(SignedBlock)) + 2 * depth;
    }

    SignedBlock *couples, *singles;
    int64_t couple_count = 0, single_count = 0;
    int32_t changed = 0;  // the magnitudes of all codes below the mean

  private:
    static SignedBlock block_at(const uint8_t *magnitudes, const uint8_t *signs, int64_t k, int64_t block_bytes) {
        SignedBlock block{0, 0, k / 4 * block_bytes};
        std::memcpy(&block.magnitudes, magnitudes + k, 4);
        std::memcpy(&block.signs, signs + k, 4);
        return block;
    }

    // The sums of the first two and of the last two magnitudes, in 16 bits each.
    static uint32_t halves(uint32_t magnitudes) { return (magnitudes & 0x00ff00ffu) + (magnitudes >> 8 & 0x00ff00ffu); }
    static bool fits(uint32_t sums) { return (sums & 0xff00ff00u) == 0; }

    void add_two(const SignedBlock &block, const SignedBlock &next) {
        if (fits(halves(block.magnitudes) + halves(next.magnitudes))) {
            add_couple(block, next);
        } else {
            add_one(block);
            add_one(next);
        }
    }

    void add_couple(const SignedBlock &block, const SignedBlock &other) {
        couples[2 * couple_count] = block;
        couples[2 * couple_count++ + 1] = other;
    }

    // Of two blocks that do not fit together the smaller one waits for another.
    void add_one(const SignedBlock &block) {
        const uint32_t sums = halves(block.magnitudes), waiting = halves(waiting_.magnitudes);
        if (!fits(sums)) {
            const uint32_t half = block.magnitudes >> 1 & 0x7f7f7f7fu;
            singles[single_count++] = {half, block.signs, block.at};
            singles[single_count++] = {block.magnitudes - half, block.signs, block.at};
        } else if (!waits_) {
            waiting_ = block;
            waits_ = true;
        } else if (fits(waiting + sums)) {
            add_couple(waiting_, block);
            waits_ = false;
        } else if (waiting < sums) {
            singles[single_count++] = block;
        } else {
            singles[single_count++] = waiting_;
            waiting_ = block;
        }
    }

    SignedBlock waiting_{};
    bool waits_ = false;
};

}  // namespace
}  // namespace rk
