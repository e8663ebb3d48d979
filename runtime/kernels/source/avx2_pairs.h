// Inner loops of pairs of int16, for shallow layers and Winograd's transforms.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "avx2_asm.h"
#include "weight.h"

namespace rk {
namespace {

// clang-format off
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
        RK_DO("prefetcht1 %c[ahead](%[weights])")                                                    \
        RK_DO("vmovdqu (%[weights]), %%ymm12") RK_DO("vmovdqu 32(%[weights]), %%ymm13")              \
        rows(RK_PAIR)                                                                                \
        RK_DO("addq $64, %[weights]") RK_DO("addq $4, %[x]") RK_DO("addq $4, %[y]")                  \
        RK_DO("decq %[pairs]") RK_DO("jne 1b")                                                       \
        rows(RK_SAVE)                                                                                \
        : [x] "+r"(x), [y] "+r"(y), [weights] "+r"(weights), [pairs] "+r"(pairs)                     \
        : [step] "r"(step), [sums] "r"(sums), [ahead] "i"(kFetchedAhead)                             \
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
// clang-format on

}  // namespace
}  // namespace rk
