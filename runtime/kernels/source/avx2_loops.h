// Inner loops of AVX2 that need all sixteen registers, as instructions: left to itself, the compiler moves sums between
// registers and memory.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "weight.h"

namespace rk {
namespace {

// A row of a tile: a pair of its codes times ymm12 and ymm13, the pair's weights for two vectors of columns.
#define RK_PAIR(place, left, right)                                                     \
    "vpbroadcastd " place ", %%ymm14\n\t"                                               \
    "vpmaddwd %%ymm12, %%ymm14, %%ymm15\n\tvpmaddwd %%ymm13, %%ymm14, %%ymm14\n\t"       \
    "vpaddd %%ymm15, %%ymm" #left ", %%ymm" #left "\n\t"                                \
    "vpaddd %%ymm14, %%ymm" #right ", %%ymm" #right "\n\t"
#define RK_CLEAR(place, left, right)                               \
    "vpxor %%ymm" #left ", %%ymm" #left ", %%ymm" #left "\n\t"     \
    "vpxor %%ymm" #right ", %%ymm" #right ", %%ymm" #right "\n\t"
#define RK_SAVE(place, left, right) \
    "vmovdqu %%ymm" #left ", 32*" #left "(%[sums])\n\tvmovdqu %%ymm" #right ", 32*" #right "(%[sums])\n\t"

// What `use` makes of each row: where its codes are, and which registers are its sums.
#define RK_ROWS_1(use) use("(%[x])", 0, 1)
#define RK_ROWS_2(use) RK_ROWS_1(use) use("(%[x],%[step])", 2, 3)
#define RK_ROWS_3(use) RK_ROWS_2(use) use("(%[x],%[step],2)", 4, 5)
#define RK_ROWS_4(use) RK_ROWS_3(use) use("(%[y])", 6, 7)
#define RK_ROWS_5(use) RK_ROWS_4(use) use("(%[y],%[step])", 8, 9)
#define RK_ROWS_6(use) RK_ROWS_5(use) use("(%[y],%[step],2)", 10, 11)

#define RK_MULTIPLY_PAIRS(rows)                                                                                      \
    asm volatile(rows(RK_CLEAR) ".p2align 5\n1:\n\tvmovdqu (%[weights]), %%ymm12\n\tvmovdqu 32(%[weights]), %%ymm13\n\t" \
                     rows(RK_PAIR) "addq $64, %[weights]\n\taddq $4, %[x]\n\taddq $4, %[y]\n\tdecq %[pairs]\n\tjne 1b\n\t" \
                         rows(RK_SAVE)                                                                               \
                 : [x] "+r"(x), [y] "+r"(y), [weights] "+r"(weights), [pairs] "+r"(pairs)                            \
                 : [step] "r"(step), [sums] "r"(sums)                                                                \
                 : "memory", "cc", "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9",   \
                   "ymm10", "ymm11", "ymm12", "ymm13", "ymm14", "ymm15")

// kRows rows of int16, `step` bytes apart, by [pair of depths][2 x 8 columns][2], to [row][2 x 8 columns].
template <int kRows>
inline void avx2_multiply_pairs(const int16_t *rows, int64_t step, const uint8_t *weights, int64_t pairs, int32_t *sums) {
    const char *x = reinterpret_cast<const char *>(rows), *y = x + 3 * step;
    if constexpr (kRows == 1) RK_MULTIPLY_PAIRS(RK_ROWS_1);
    if constexpr (kRows == 2) RK_MULTIPLY_PAIRS(RK_ROWS_2);
    if constexpr (kRows == 3) RK_MULTIPLY_PAIRS(RK_ROWS_3);
    if constexpr (kRows == 4) RK_MULTIPLY_PAIRS(RK_ROWS_4);
    if constexpr (kRows == 5) RK_MULTIPLY_PAIRS(RK_ROWS_5);
    if constexpr (kRows == 6) RK_MULTIPLY_PAIRS(RK_ROWS_6);
}

// A row of a tile: four of its codes with ymm8 and 9, the odd weights of two vectors of columns, and ymm10 and 11, the even.
#define RK_SUMS(place, more, left, right)                                                                     \
    "vpbroadcastd " place ", %%ymm12\n\tvpbroadcastd " more ", %%ymm13\n\t"                                  \
    "vpaddw %%ymm8, %%ymm12, %%ymm14\n\tvpaddw %%ymm10, %%ymm13, %%ymm15\n\tvpmaddwd %%ymm14, %%ymm15, %%ymm14\n\t" \
    "vpaddw %%ymm9, %%ymm12, %%ymm12\n\tvpaddw %%ymm11, %%ymm13, %%ymm13\n\tvpmaddwd %%ymm12, %%ymm13, %%ymm12\n\t" \
    "vpaddd %%ymm14, %" #left ", %" #left "\n\tvpaddd %%ymm12, %" #right ", %" #right "\n\t"

// Four rows of int16, `step` bytes apart, by [four depths][odd, even][2 x 8 columns][2].
inline void avx2_add_products_of_sums(const int16_t *rows, int64_t step, const int16_t *weights, int64_t fours,
                                      __m256i (&sums)[4][2]) {
    const char *x = reinterpret_cast<const char *>(rows), *y = x + 3 * step;
    asm volatile(
        ".p2align 5\n1:\n\tvmovdqu (%[weights]), %%ymm8\n\tvmovdqu 32(%[weights]), %%ymm9\n\t"
        "vmovdqu 64(%[weights]), %%ymm10\n\tvmovdqu 96(%[weights]), %%ymm11\n\t"
        RK_SUMS("(%[x])", "4(%[x])", 0, 1) RK_SUMS("(%[x],%[step])", "4(%[x],%[step])", 2, 3)
        RK_SUMS("(%[x],%[step],2)", "4(%[x],%[step],2)", 4, 5) RK_SUMS("(%[y])", "4(%[y])", 6, 7)
        "subq $-128, %[weights]\n\taddq $8, %[x]\n\taddq $8, %[y]\n\tdecq %[fours]\n\tjne 1b"
        : "+x"(sums[0][0]), "+x"(sums[0][1]), "+x"(sums[1][0]), "+x"(sums[1][1]), "+x"(sums[2][0]), "+x"(sums[2][1]),
          "+x"(sums[3][0]), "+x"(sums[3][1]), [x] "+r"(x), [y] "+r"(y), [weights] "+r"(weights), [fours] "+r"(fours)
        : [step] "r"(step)
        : "memory", "cc", "ymm8", "ymm9", "ymm10", "ymm11", "ymm12", "ymm13", "ymm14", "ymm15");
}

// Rows of a tile of blocks: where its codes start, and the registers of its sum and of temporaries.
#define RK_TILE_2(use) use(0, 0, 10, 11) use(1, 1, 12, 13)
#define RK_TILE_4(use) RK_TILE_2(use) use(2, 2, 10, 11) use(3, 3, 12, 13)
#define RK_TILE_6(use) RK_TILE_4(use) use(4, 4, 10, 11) use(5, 5, 12, 13)
#define RK_TILE_8(use) RK_TILE_6(use) use(6, 6, 10, 11) use(7, 7, 12, 13)
#define RK_TILE_START(row, sum, a, b) "vmovdqu 256*" #row "(%[sums]), %%ymm" #sum "\n\t"
#define RK_TILE_CLEAR(row, sum, a, b) "vpxor %%ymm" #sum ", %%ymm" #sum ", %%ymm" #sum "\n\t"
#define RK_TILE_SAVE(row, sum, a, b) "vmovdqu %%ymm" #sum ", 256*" #row "(%[sums])\n\t"
// ymm8 and 9: weights, ymm15: ones.
#define RK_PLAIN(row, sum, a, b)                                                                                     \
    "vpbroadcastd 4*" #row "(%[codes],%[at]), %%ymm" #a "\n\tvpmaddubsw %%ymm8, %%ymm" #a ", %%ymm" #a "\n\t"         \
    "vpmaddwd %%ymm15, %%ymm" #a ", %%ymm" #a "\n\tvpaddd %%ymm" #a ", %%ymm" #sum ", %%ymm" #sum "\n\t"
#define RK_JOINED(row, sum, a, b)                                                                                    \
    "vpbroadcastd 4*" #row "(%[codes],%[at]), %%ymm" #a "\n\tvpbroadcastd 4*" #row "(%[codes],%[more]), %%ymm" #b      \
    "\n\tvpmaddubsw %%ymm8, %%ymm" #a ", %%ymm" #a "\n\tvpmaddubsw %%ymm9, %%ymm" #b ", %%ymm" #b                      \
    "\n\tvpaddw %%ymm" #a ", %%ymm" #b ", %%ymm" #a                                                                    \
    "\n\tvpmaddwd %%ymm15, %%ymm" #a ", %%ymm" #a "\n\tvpaddd %%ymm" #a ", %%ymm" #sum ", %%ymm" #sum "\n\t"
#define RK_WIDE(row, sum, a, b)                                                                                      \
    "vpbroadcastd 8*" #row "(%[wide],%[at]), %%ymm" #a "\n\tvpbroadcastd 8*" #row "+4(%[wide],%[at]), %%ymm" #b        \
    "\n\tvpmaddwd %%ymm8, %%ymm" #a ", %%ymm" #a "\n\tvpmaddwd %%ymm9, %%ymm" #b ", %%ymm" #b                          \
    "\n\tvpaddd %%ymm" #a ", %%ymm" #b ", %%ymm" #a "\n\tvpaddd %%ymm" #a ", %%ymm" #sum ", %%ymm" #sum "\n\t"

#define RK_MULTIPLY_BLOCKS(tile)                                                                                     \
    asm volatile(tile(RK_TILE_CLEAR) "testl %k[first], %k[first]\n\tjne 7f\n\t" tile(RK_TILE_START) "7:\n\tvpcmpeqw %%ymm15, %%ymm15, %%ymm15\n\tvpsrlw $15, %%ymm15, %%ymm15\n\t"        \
                 "testl %k[plain], %k[plain]\n\tje 2f\n\t.p2align 5\n1:\n\t"                                         \
                 "movslq (%[block]), %[at]\n\tvmovdqu (%[data]), %%ymm8\n\t" tile(RK_PLAIN)                          \
                 "addq $4, %[block]\n\taddq $32, %[data]\n\tdecl %k[plain]\n\tjne 1b\n2:\n\t"                        \
                 "testl %k[joined], %k[joined]\n\tje 4f\n\t.p2align 5\n3:\n\t"                                       \
                 "movslq (%[block]), %[at]\n\tmovslq 4(%[block]), %[more]\n\t"                                       \
                 "vmovdqu (%[data]), %%ymm8\n\tvmovdqu 32(%[data]), %%ymm9\n\t" tile(RK_JOINED)                      \
                 "addq $8, %[block]\n\taddq $64, %[data]\n\tdecl %k[joined]\n\tjne 3b\n4:\n\t"                       \
                 "testl %k[wides], %k[wides]\n\tje 6f\n\t.p2align 5\n5:\n\t"                                         \
                 "movslq (%[block]), %[at]\n\tvmovdqu (%[data]), %%ymm8\n\tvmovdqu 32(%[data]), %%ymm9\n\t"          \
                 tile(RK_WIDE) "addq $4, %[block]\n\taddq $64, %[data]\n\tdecl %k[wides]\n\tjne 5b\n6:\n\t"          \
                 tile(RK_TILE_SAVE)                                                                                  \
                 : [block] "+r"(block), [data] "+r"(data), [plain] "+r"(plain), [joined] "+r"(joined),               \
                   [wides] "+r"(wides), [at] "=&r"(at), [more] "=&r"(more)                                           \
                 : [codes] "r"(codes), [wide] "r"(wide), [sums] "r"(sums), [first] "r"(first)                      \
                 : "memory", "cc", "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9",   \
                   "ymm10", "ymm11", "ymm12", "ymm13", "ymm15")

// Adds to sums, 64 a row, or with `first` to zero the first kRows rows of a tile's copies, plain and widened, times a panel.
template <int kRows>
inline void avx2_multiply_blocks(const uint8_t *codes, const uint8_t *wide, const Panel &panel, int first, int32_t *sums) {
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

#undef RK_MULTIPLY_BLOCKS
#undef RK_WIDE
#undef RK_JOINED
#undef RK_PLAIN
#undef RK_TILE_SAVE
#undef RK_TILE_CLEAR
#undef RK_TILE_START
#undef RK_TILE_8
#undef RK_TILE_6
#undef RK_TILE_4
#undef RK_TILE_2
#undef RK_SUMS
#undef RK_MULTIPLY_PAIRS
#undef RK_ROWS_6
#undef RK_ROWS_5
#undef RK_ROWS_4
#undef RK_ROWS_3
#undef RK_ROWS_2
#undef RK_ROWS_1
#undef RK_SAVE
#undef RK_CLEAR
#undef RK_PAIR

}  // namespace
}  // namespace rk
