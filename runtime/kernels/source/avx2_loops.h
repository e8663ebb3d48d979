// Inner loops of AVX2 that need all sixteen registers, as instructions: left to itself, the compiler moves sums between
// registers and memory.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "weight.h"

namespace rk {
namespace {

// clang-format off
// An instruction, and one whose operands are registers by number: the last is where the result goes.
#define RK_DO(text) text "\n\t"
#define RK_ON(name, a, b, to) name " %%ymm" #a ", %%ymm" #b ", %%ymm" #to "\n\t"
#define RK_ALL_REGISTERS \
    "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9", "ymm10", "ymm11", "ymm12", \
        "ymm13", "ymm14", "ymm15"

// A row of a tile: a pair of its codes times 12 and 13, the pair's weights for two vectors of columns.
#define RK_PAIR(place, left, right)                                                                  \
    RK_DO("vpbroadcastd " place ", %%ymm14")                                                         \
    RK_ON("vpmaddwd", 12, 14, 15) RK_ON("vpmaddwd", 13, 14, 14)                                      \
    RK_ON("vpaddd", 15, left, left) RK_ON("vpaddd", 14, right, right)
#define RK_CLEAR(place, left, right)                                                                 \
    RK_ON("vpxor", left, left, left) RK_ON("vpxor", right, right, right)
#define RK_SAVE(place, left, right)                                                                  \
    RK_DO("vmovdqu %%ymm" #left ", 32*" #left "(%[sums])")                                           \
    RK_DO("vmovdqu %%ymm" #right ", 32*" #right "(%[sums])")

// What `use` makes of each row: where its codes are, and which registers are its sums.
#define RK_ROWS_1(use) use("(%[x])", 0, 1)
#define RK_ROWS_2(use) RK_ROWS_1(use) use("(%[x],%[step])", 2, 3)
#define RK_ROWS_3(use) RK_ROWS_2(use) use("(%[x],%[step],2)", 4, 5)
#define RK_ROWS_4(use) RK_ROWS_3(use) use("(%[y])", 6, 7)
#define RK_ROWS_5(use) RK_ROWS_4(use) use("(%[y],%[step])", 8, 9)
#define RK_ROWS_6(use) RK_ROWS_5(use) use("(%[y],%[step],2)", 10, 11)

#define RK_MULTIPLY_PAIRS(rows)                                                                      \
    asm volatile(rows(RK_CLEAR)                                                                      \
        RK_DO(".p2align 5\n1:")                                                                      \
        RK_DO("vmovdqu (%[weights]), %%ymm12") RK_DO("vmovdqu 32(%[weights]), %%ymm13")              \
        rows(RK_PAIR)                                                                                \
        RK_DO("addq $64, %[weights]") RK_DO("addq $4, %[x]") RK_DO("addq $4, %[y]")                  \
        RK_DO("decq %[pairs]") RK_DO("jne 1b")                                                       \
        rows(RK_SAVE)                                                                                \
        : [x] "+r"(x), [y] "+r"(y), [weights] "+r"(weights), [pairs] "+r"(pairs)                     \
        : [step] "r"(step), [sums] "r"(sums)                                                         \
        : "memory", "cc", RK_ALL_REGISTERS)

// kRows rows of int16, `step` bytes apart, by [pair of depths][2 x 8 columns][2], to [row][2 x 8 columns].
template <int kRows>
inline void avx2_multiply_pairs(const int16_t *rows, int64_t step, const uint8_t *weights, int64_t pairs,
                                int32_t *sums) {
    const char *x = reinterpret_cast<const char *>(rows), *y = x + 3 * step;
    if constexpr (kRows == 1) RK_MULTIPLY_PAIRS(RK_ROWS_1);
    if constexpr (kRows == 2) RK_MULTIPLY_PAIRS(RK_ROWS_2);
    if constexpr (kRows == 3) RK_MULTIPLY_PAIRS(RK_ROWS_3);
    if constexpr (kRows == 4) RK_MULTIPLY_PAIRS(RK_ROWS_4);
    if constexpr (kRows == 5) RK_MULTIPLY_PAIRS(RK_ROWS_5);
    if constexpr (kRows == 6) RK_MULTIPLY_PAIRS(RK_ROWS_6);
}

// The same on to sums that are operands, of two vectors of columns or one.
#define RK_ADD_PAIR(place, left, right)                                                              \
    RK_DO("vpbroadcastd " place ", %%ymm14")                                                         \
    RK_ON("vpmaddwd", 12, 14, 15) RK_ON("vpmaddwd", 13, 14, 14)                                      \
    RK_DO("vpaddd %%ymm15, %[s" #left "], %[s" #left "]") RK_DO("vpaddd %%ymm14, %[s" #right "], %[s" #right "]")
#define RK_ADD_SINGLE(place, left, right)                                                            \
    RK_DO("vpbroadcastd " place ", %%ymm14") RK_ON("vpmaddwd", 12, 14, 14) RK_DO("vpaddd %%ymm14, %[s" #left "], %[s" #left "]")
#define RK_START_PAIR(place, left, right)                                                            \
    RK_DO("vmovdqu (%[offset]), %[s" #left "]") RK_DO("vmovdqu 32(%[offset]), %[s" #right "]")
#define RK_START_SINGLE(place, left, right) RK_DO("vmovdqu (%[offset]), %[s" #left "]")
#define RK_TWO_1 [s0] "=&x"(sums[0][0]), [s1] "=&x"(sums[0][1])
#define RK_ONE_1 [s0] "=&x"(sums[0][0])
#define RK_TWO_2 RK_TWO_1, [s2] "=&x"(sums[1][0]), [s3] "=&x"(sums[1][1])
#define RK_ONE_2 RK_ONE_1, [s2] "=&x"(sums[1][0])
#define RK_TWO_3 RK_TWO_2, [s4] "=&x"(sums[2][0]), [s5] "=&x"(sums[2][1])
#define RK_ONE_3 RK_ONE_2, [s4] "=&x"(sums[2][0])
#define RK_TWO_4 RK_TWO_3, [s6] "=&x"(sums[3][0]), [s7] "=&x"(sums[3][1])
#define RK_ONE_4 RK_ONE_3, [s6] "=&x"(sums[3][0])
#define RK_TWO_5 RK_TWO_4, [s8] "=&x"(sums[4][0]), [s9] "=&x"(sums[4][1])
#define RK_ONE_5 RK_ONE_4, [s8] "=&x"(sums[4][0])
#define RK_TWO_6 RK_TWO_5, [s10] "=&x"(sums[5][0]), [s11] "=&x"(sums[5][1])
#define RK_ONE_6 RK_ONE_5, [s10] "=&x"(sums[5][0])
#define RK_ADD_PAIRS(rows, start, add, more, bytes, sums)                                            \
    asm volatile(rows(start) RK_DO(".p2align 5\n1:") RK_DO("vmovdqu (%[weights]), %%ymm12") more     \
        rows(add)                                                                                    \
        RK_DO("addq $" bytes ", %[weights]") RK_DO("addq $4, %[x]") RK_DO("addq $4, %[y]")           \
        RK_DO("decq %[pairs]") RK_DO("jne 1b")                                                       \
        : sums, [x] "+r"(x), [y] "+r"(y), [weights] "+r"(weights), [pairs] "+r"(pairs)               \
        : [step] "r"(step), [offset] "r"(offset)                                                     \
        : "memory", "cc", "ymm12", "ymm13", "ymm14", "ymm15")
#define RK_ADD_ROWS(n)                                                                               \
    if constexpr (kRows == n && kVectors == 2)                                                       \
        RK_ADD_PAIRS(RK_ROWS_##n, RK_START_PAIR, RK_ADD_PAIR, RK_DO("vmovdqu 32(%[weights]), %%ymm13"), "64", RK_TWO_##n);\
    if constexpr (kRows == n && kVectors == 1) RK_ADD_PAIRS(RK_ROWS_##n, RK_START_SINGLE, RK_ADD_SINGLE, "", "32", RK_ONE_##n)

// `offset` and kRows rows of int16, `step` bytes apart, times [pair of depths][kVectors x 8 columns][2].
template <int kRows, int kVectors>
inline __attribute__((always_inline)) void avx2_sum_pairs(const int16_t *rows, int64_t step, const uint8_t *weights,
                                                          int64_t pairs, const int32_t *offset,
                                                          __m256i (&sums)[kRows][kVectors]) {
    const char *x = reinterpret_cast<const char *>(rows), *y = x + 3 * step;
    RK_ADD_ROWS(1);
    RK_ADD_ROWS(2);
    RK_ADD_ROWS(3);
    RK_ADD_ROWS(4);
    RK_ADD_ROWS(5);
    RK_ADD_ROWS(6);
}

// A row of a tile: four of its codes with 8 and 9, the odd weights of two vectors of columns, and 10 and 11, the even.
#define RK_SUMS(place, more, left, right)                                                            \
    RK_DO("vpbroadcastd " place ", %%ymm12") RK_DO("vpbroadcastd " more ", %%ymm13")                 \
    RK_ON("vpaddw", 8, 12, 14) RK_ON("vpaddw", 10, 13, 15) RK_ON("vpmaddwd", 14, 15, 14)             \
    RK_ON("vpaddw", 9, 12, 12) RK_ON("vpaddw", 11, 13, 13) RK_ON("vpmaddwd", 12, 13, 12)             \
    RK_DO("vpaddd %%ymm14, %" #left ", %" #left) RK_DO("vpaddd %%ymm12, %" #right ", %" #right)

#define RK_SUM_FOUR(k)                                                                               \
    RK_DO("vmovdqu 128*" #k "(%[weights]), %%ymm8") RK_DO("vmovdqu 128*" #k "+32(%[weights]), %%ymm9") \
    RK_DO("vmovdqu 128*" #k "+64(%[weights]), %%ymm10") RK_DO("vmovdqu 128*" #k "+96(%[weights]), %%ymm11") \
    RK_SUMS("8*" #k "(%[x])", "8*" #k "+4(%[x])", 0, 1)                                              \
    RK_SUMS("8*" #k "(%[x],%[step])", "8*" #k "+4(%[x],%[step])", 2, 3)                              \
    RK_SUMS("8*" #k "(%[x],%[step],2)", "8*" #k "+4(%[x],%[step],2)", 4, 5)                          \
    RK_SUMS("8*" #k "(%[y])", "8*" #k "+4(%[y])", 6, 7)

// Four rows of int16, `step` bytes apart, by [four depths][odd, even][2 x 8 columns][2]; `fours` is even.
inline void avx2_add_products_of_sums(const int16_t *rows, int64_t step, const int16_t *weights, int64_t fours,
                                      __m256i (&sums)[4][2]) {
    const char *x = reinterpret_cast<const char *>(rows), *y = x + 3 * step;
    asm volatile(RK_DO(".p2align 5\n1:")
        RK_SUM_FOUR(0) RK_SUM_FOUR(1)
        RK_DO("addq $256, %[weights]") RK_DO("addq $16, %[x]") RK_DO("addq $16, %[y]")
        RK_DO("subq $2, %[fours]") RK_DO("jne 1b")
        : "+x"(sums[0][0]), "+x"(sums[0][1]), "+x"(sums[1][0]), "+x"(sums[1][1]), "+x"(sums[2][0]), "+x"(sums[2][1]),
          "+x"(sums[3][0]), "+x"(sums[3][1]), [x] "+r"(x), [y] "+r"(y), [weights] "+r"(weights), [fours] "+r"(fours)
        : [step] "r"(step)
        : "memory", "cc", "ymm8", "ymm9", "ymm10", "ymm11", "ymm12", "ymm13", "ymm14", "ymm15");
}

// Four channels by 32 columns: the products of 8 and 9, the upper and the lower halves of their codes, with weights, of
// which the first 16 columns lie at (weights) and the others `apart` from there. The sums are 0 to 3 and 4 to 7.
#define RK_HALVES_START(at, k, vector, upper, lower)                                                 \
    RK_DO("vmovdqu 64*" #k "+32*" #vector "(%[weights]" at "), %%ymm" #lower)                        \
    RK_ON("vpmaddubsw", lower, 8, upper) RK_ON("vpmaddubsw", lower, 9, lower)
#define RK_HALVES_ADD(at, k, vector, upper, lower, a, b)                                             \
    RK_DO("vmovdqu 64*" #k "+32*" #vector "(%[weights]" at "), %%ymm" #b)                            \
    RK_ON("vpmaddubsw", b, 8, a) RK_ON("vpmaddubsw", b, 9, b)                                        \
    RK_ON("vpaddw", a, upper, upper) RK_ON("vpaddw", b, lower, lower)
#define RK_HALVES_CODES(k)                                                                           \
    RK_DO("vpbroadcastd 8*" #k "(%[codes]), %%ymm8") RK_DO("vpbroadcastd 8*" #k "+4(%[codes]), %%ymm9")
#define RK_HALVES_FIRST                                                                              \
    RK_HALVES_CODES(0) RK_HALVES_START("", 0, 0, 0, 4) RK_HALVES_START("", 0, 1, 1, 5)               \
    RK_HALVES_START(",%[apart]", 0, 0, 2, 6) RK_HALVES_START(",%[apart]", 0, 1, 3, 7)
#define RK_HALVES_NEXT(k)                                                                            \
    RK_HALVES_CODES(k) RK_HALVES_ADD("", k, 0, 0, 4, 10, 11) RK_HALVES_ADD("", k, 1, 1, 5, 12, 13)   \
    RK_HALVES_ADD(",%[apart]", k, 0, 2, 6, 10, 11) RK_HALVES_ADD(",%[apart]", k, 1, 3, 7, 12, 13)
#define RK_HALVES_SAVE(vector, lower)                                                                \
    RK_ON("vpmaddwd", 14, vector, vector) RK_ON("vpmaddwd", 15, lower, lower)                        \
    RK_DO("vpaddd 32*" #vector "(%[sums]), %%ymm" #vector ", %%ymm" #vector)                         \
    RK_ON("vpaddd", lower, vector, vector)                                                           \
    RK_DO("vmovdqu %%ymm" #vector ", 32*" #vector "(%[sums])")
#define RK_HALVES_4 RK_HALVES_FIRST RK_HALVES_NEXT(1) RK_HALVES_NEXT(2) RK_HALVES_NEXT(3)
#define RK_HALVES_8 RK_HALVES_4 RK_HALVES_NEXT(4) RK_HALVES_NEXT(5) RK_HALVES_NEXT(6) RK_HALVES_NEXT(7)
#define RK_ADD_HALVES(fours, count)                                                                  \
    asm volatile(RK_ON("vpcmpeqw", 15, 15, 15) RK_DO("vpsrlw $15, %%ymm15, %%ymm15")                 \
        RK_DO("vpsllw $4, %%ymm15, %%ymm14") RK_DO(".p2align 5\n1:")                                 \
        RK_HALVES_##fours                                                                            \
        RK_HALVES_SAVE(0, 4) RK_HALVES_SAVE(1, 5) RK_HALVES_SAVE(2, 6) RK_HALVES_SAVE(3, 7)          \
        RK_DO("addq $8*" #fours ", %[codes]") RK_DO("addq $64*" #fours ", %[weights]")               \
        RK_DO("decq %[times]") RK_DO("jne 1b")                                                       \
        : [codes] "+r"(codes), [weights] "+r"(weights), [times] "+r"(count)                          \
        : [apart] "r"(apart), [sums] "r"(sums)                                                       \
        : "memory", "cc", RK_ALL_REGISTERS)

// Adds a row's codes, in halves, times 2 x [four depths][16 columns][4] to 32 sums. `fours` is a multiple of four. A pair
// of products is at most 2 x 15 x 128: eight of them fit int16.
inline void avx2_add_halves(const uint8_t *codes, const uint8_t *weights, int64_t apart, int64_t fours, int32_t *sums) {
    int64_t eights = fours / 8, more = fours % 8 / 4;
    if (eights) RK_ADD_HALVES(8, eights);
    if (more) RK_ADD_HALVES(4, more);
}

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

#undef RK_MULTIPLY_BLOCKS
#undef RK_BLOCKS
#undef RK_WIDE
#undef RK_JOINED
#undef RK_PLAIN
#undef RK_TILE_SAVE
#undef RK_TILE_LOAD
#undef RK_TILE_CLEAR
#undef RK_TILE_8
#undef RK_TILE_6
#undef RK_TILE_4
#undef RK_TILE_2
#undef RK_ADD_HALVES
#undef RK_HALVES_8
#undef RK_HALVES_4
#undef RK_HALVES_SAVE
#undef RK_HALVES_NEXT
#undef RK_HALVES_FIRST
#undef RK_HALVES_CODES
#undef RK_HALVES_ADD
#undef RK_HALVES_START
#undef RK_SUM_FOUR
#undef RK_SUMS
#undef RK_ADD_ROWS
#undef RK_ADD_PAIRS
#undef RK_TWO_6
#undef RK_ONE_6
#undef RK_TWO_5
#undef RK_ONE_5
#undef RK_TWO_4
#undef RK_ONE_4
#undef RK_TWO_3
#undef RK_ONE_3
#undef RK_TWO_2
#undef RK_ONE_2
#undef RK_TWO_1
#undef RK_ONE_1
#undef RK_START_SINGLE
#undef RK_START_PAIR
#undef RK_ADD_SINGLE
#undef RK_ADD_PAIR
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
#undef RK_ALL_REGISTERS
#undef RK_ON
#undef RK_DO

}  // namespace
}  // namespace rk
