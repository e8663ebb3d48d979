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
    SignedRow() = default;

    // `memory` has room for bytes(depth); the weights of a block take `block_bytes` of each panel.
    SignedRow(const uint8_t *codes, int64_t depth, int64_t block_bytes, uint8_t *memory)
        : couples(reinterpret_cast<SignedBlock *>(memory)), singles(couples + depth / 4) {
        int32_t sum = 0;
        for (int64_t k = 0; k < depth; ++k) sum += codes[k];
        mean = static_cast<int32_t>((sum + depth / 2) / depth);
        uint8_t *magnitudes = reinterpret_cast<uint8_t *>(singles + 2 * (depth / 4)), *signs = magnitudes + depth;
        for (int64_t k = 0; k < depth; ++k) {
            const int32_t less = codes[k] - mean, magnitude = less < 0 ? -less : less;
            magnitudes[k] = static_cast<uint8_t>(magnitude);
            signs[k] = less < 0 ? 255 : 0;
            changed += less < 0 ? magnitude : 0;
        }
        sort(magnitudes, signs, depth, block_bytes);
    }

    static int64_t bytes(int64_t depth) {
        return 3 * (depth / 4) * static_cast<int64_t>(sizeof(SignedBlock)) + 2 * depth;
    }

    SignedBlock *couples = nullptr, *singles = nullptr;
    int64_t couple_count = 0, single_count = 0;
    int32_t mean = 0;
    int32_t changed = 0;  // the magnitudes of all codes below the mean

  private:
    // The sums of the first two and of the last two magnitudes, in 16 bits each.
    static uint32_t halves(uint32_t magnitudes) { return (magnitudes & 0x00ff00ffu) + (magnitudes >> 8 & 0x00ff00ffu); }
    static bool fits(uint32_t sums) { return (sums & 0xff00ff00u) == 0; }

    // Of two blocks that do not fit together the smaller one waits for another.
    void sort(const uint8_t *magnitudes, const uint8_t *signs, int64_t depth, int64_t block_bytes) {
        SignedBlock waiting{};
        uint32_t waiting_sums = 0;
        bool waits = false;
        for (int64_t k = 0; k < depth; k += 4) {
            SignedBlock block{0, 0, k / 4 * block_bytes};
            std::memcpy(&block.magnitudes, magnitudes + k, 4);
            std::memcpy(&block.signs, signs + k, 4);
            const uint32_t sums = halves(block.magnitudes);
            if (!fits(sums)) {
                const uint32_t half = block.magnitudes >> 1 & 0x7f7f7f7fu;
                singles[single_count++] = {half, block.signs, block.at};
                singles[single_count++] = {block.magnitudes - half, block.signs, block.at};
            } else if (waits && fits(waiting_sums + sums)) {
                couples[2 * couple_count] = waiting;
                couples[2 * couple_count++ + 1] = block;
                waits = false;
            } else {
                const bool stays = waits && waiting_sums < sums;
                if (waits) singles[single_count++] = stays ? block : waiting;
                if (stays) continue;
                waiting = block;
                waiting_sums = sums;
                waits = true;
            }
        }
        if (waits) singles[single_count++] = waiting;
    }
};

}  // namespace
}  // namespace rk
