// The inner loop of blocks of four channels: plain, joined and wide ones.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "avx2_asm.h"
#include "weight.h"

namespace rk {
namespace {

// clang-format off
// Rows of a tile of blocks: the register of its sum, of the same number, and two temporary ones.
#define RK_TILE_2(use) use(0, 10, 11) use(1, 12, 13)
#define RK_TILE_4(use) RK_TILE_2(use) use(2, 10, 11) use(3, 12, 13)
#define RK_TILE_6(use) RK_TILE_4(use) use(4, 10, 11) use(5, 12, 13)
#define RK_TILE_8(use) RK_TILE_6(use) use(6, 10, 11) use(7, 12, 13)
#define RK_TILE_CLEAR(row, a, b) RK_ON("vpxor", row, row, row)
#define RK_TILE_LOAD(row, a, b) RK_DO("vmovdqu 256*" #row "(%[sums]), %%ymm" #row)
#define RK_TILE_SAVE(row, a, b) RK_DO("vmovdqu %%ymm" #row ", 256*" #row "(%[sums])")

// 8 and 9 are weights, 15 is ones.
#define RK_PLAIN(row, a, b)                                                                          \
    RK_DO("vpbroadcastd 4*" #row "(%[codes],%[at]), %%ymm" #a)                                       \
    RK_ON("vpmaddubsw", 8, a, a) RK_ON("vpmaddwd", 15, a, a) RK_ON("vpaddd", a, row, row)
#define RK_JOINED(row, a, b)                                                                         \
    RK_DO("vpbroadcastd 4*" #row "(%[codes],%[at]), %%ymm" #a)                                       \
    RK_DO("vpbroadcastd 4*" #row "(%[codes],%[more]), %%ymm" #b)                                     \
    RK_ON("vpmaddubsw", 8, a, a) RK_ON("vpmaddubsw", 9, b, b) RK_ON("vpaddw", a, b, a)               \
    RK_ON("vpmaddwd", 15, a, a) RK_ON("vpaddd", a, row, row)
#define RK_WIDE(row, a, b)                                                                           \
    RK_DO("vpbroadcastd 8*" #row "(%[wide],%[at]), %%ymm" #a)                                        \
    RK_DO("vpbroadcastd 8*" #row "+4(%[wide],%[at]), %%ymm" #b)                                      \
    RK_ON("vpmaddwd", 8, a, a) RK_ON("vpmaddwd", 9, b, b)                                            \
    RK_ON("vpaddd", a, b, a) RK_ON("vpaddd", a, row, row)

// A loop over `count` blocks or couples of them, between two labels.
#define RK_BLOCKS(count, again, done, before, tile, offset_bytes, weight_bytes)                      \
    RK_DO("testl %k[" count "], %k[" count "]") RK_DO("je " done "f") RK_DO(".p2align 5\n" again ":") \
    RK_DO("movslq (%[block]), %[at]") RK_DO("vmovdqu (%[data]), %%ymm8") before                      \
    tile                                                                                             \
    RK_DO("addq $" offset_bytes ", %[block]") RK_DO("addq $" weight_bytes ", %[data]")               \
    RK_DO("decl %k[" count "]") RK_DO("jne " again "b\n" done ":")
#define RK_MULTIPLY_BLOCKS(tile)                                                                     \
    asm volatile(tile(RK_TILE_CLEAR)                                                                 \
        RK_DO("testl %k[first], %k[first]") RK_DO("jne 7f")                                          \
        tile(RK_TILE_LOAD)                                                                           \
        "7:\n\t" RK_ON("vpcmpeqw", 15, 15, 15) RK_DO("vpsrlw $15, %%ymm15, %%ymm15")                 \
        RK_BLOCKS("plain", "1", "2", "", tile(RK_PLAIN), "4", "32")                                  \
        RK_BLOCKS("joined", "3", "4",                                                                \
            RK_DO("movslq 4(%[block]), %[more]") RK_DO("vmovdqu 32(%[data]), %%ymm9"), tile(RK_JOINED), "8", "64") \
        RK_BLOCKS("wides", "5", "6", RK_DO("vmovdqu 32(%[data]), %%ymm9"), tile(RK_WIDE), "4", "64") \
        tile(RK_TILE_SAVE)                                                                           \
        : [block] "+r"(block), [data] "+r"(data), [plain] "+r"(plain), [joined] "+r"(joined),        \
          [wides] "+r"(wides), [at] "=&r"(at), [more] "=&r"(more)                                    \
        : [codes] "r"(codes), [wide] "r"(wide), [sums] "r"(sums), [first] "r"(first)                 \
        : "memory", "cc", RK_ALL_REGISTERS)

// Adds to sums, 64 a row, or with `first` to zero, the first kRows rows of a tile's copies, plain and widened, times a
// panel.
template <int kRows>
inline void avx2_multiply_blocks(const uint8_t *codes, const uint8_t *wide, const Panel &panel, int32_t first,
                                 int32_t *sums) {
    static_assert(kGroupPanels * 8 * sizeof(int32_t) == 256);
    const int32_t *block = panel.offsets;
    const uint8_t *data = panel.data;
    int32_t plain = panel.counts[kPlain], joined = panel.counts[kJoined], wides = panel.counts[kWide];
    int64_t at, more;
    if constexpr (kRows == 2) RK_MULTIPLY_BLOCKS(RK_TILE_2);
    if constexpr (kRows == 4) RK_MULTIPLY_BLOCKS(RK_TILE_4);
    if constexpr (kRows == 6) RK_MULTIPLY_BLOCKS(RK_TILE_6);
    if constexpr (kRows == 8) RK_MULTIPLY_BLOCKS(RK_TILE_8);
}
// clang-format on

}  // namespace
}  // namespace rk
