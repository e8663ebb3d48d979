// Inner loops of products of sums, and of few rows.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "avx2_asm.h"
#include "signed_row.h"

namespace rk {
namespace {

// clang-format off
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

// A vector of weights of a block, whose codes are `magnitudes` and `signs`: its products, two by two.
#define RK_SIGNED(place, magnitudes, signs, to)                                                      \
    RK_DO("vpxor " place ", %%ymm" #signs ", %%ymm" #to) RK_ON("vpmaddubsw", to, magnitudes, to)
#define RK_SIGNED_WIDEN(vector)                                                                      \
    RK_DO("vpmaddwd %[ones], %%ymm12, %%ymm12") RK_DO("vpaddd %%ymm12, %" #vector ", %" #vector)
#define RK_SINGLE(at, vector) RK_SIGNED(at "%%r8)", 8, 9, 12) RK_SIGNED_WIDEN(vector)
#define RK_COUPLE(at, vector)                                                                        \
    RK_SIGNED(at "%%r8)", 8, 9, 12) RK_SIGNED(at "%%r9)", 10, 11, 13) RK_ON("vpaddw", 12, 13, 12) RK_SIGNED_WIDEN(vector)
#define RK_SIGNED_BLOCK(at, magnitudes, signs, place)                                                \
    RK_DO("vpbroadcastd " #at "(%[block]), %%ymm" #magnitudes) RK_DO("vpbroadcastd " #at "+4(%[block]), %%ymm" #signs) \
    RK_DO("movq " #at "+8(%[block]), %%" #place)
#define RK_SIGNED_TWO(add) add("(%[a],", 0) add("32(%[a],", 1) add("(%[b],", 2) add("32(%[b],", 3)
#define RK_SIGNED_FOUR(add)                                                                          \
    RK_SIGNED_TWO(add) add("(%[c],", 4) add("32(%[c],", 5) add("(%[d],", 6) add("32(%[d],", 7)
#define RK_SIGNED_LOOP(start, vectors, bytes, from, count)                                           \
    asm volatile(RK_DO(".p2align 5\n1:") start vectors                                               \
        RK_DO("addq $" #bytes ", %[block]") RK_DO("decq %[times]") RK_DO("jne 1b")                   \
        : "+x"(total[0]), "+x"(total[1]), "+x"(total[2]), "+x"(total[3]), "+x"(total[4]), "+x"(total[5]), \
          "+x"(total[6]), "+x"(total[7]), [block] "+r"(from), [times] "+r"(count)                    \
        : [a] "r"(panels[0]), [b] "r"(panels[1]), [c] "r"(panels[kPanels / 2]), [d] "r"(panels[kPanels - 1]), \
          [ones] "x"(_mm256_set1_epi16(1))                                                           \
        : "memory", "cc", "r8", "r9", "ymm8", "ymm9", "ymm10", "ymm11", "ymm12", "ymm13")
#define RK_SIGNED_LOOPS(vectors)                                                                     \
    if (couples)                                                                                     \
        RK_SIGNED_LOOP(RK_SIGNED_BLOCK(0, 8, 9, r8) RK_SIGNED_BLOCK(16, 10, 11, r9), vectors(RK_COUPLE), 32, couple, couples); \
    if (singles) RK_SIGNED_LOOP(RK_SIGNED_BLOCK(0, 8, 9, r8), vectors(RK_SINGLE), 16, single, singles)

// Adds a row times two or four panels of [four depths][16 columns][4] to 16 sums each.
template <int kPanels>
inline void avx2_add_signed(const SignedRow &row, const uint8_t *const (&panels)[kPanels], int32_t *sums) {
    static_assert(kPanels == 2 || kPanels == 4);
    __m256i *to = reinterpret_cast<__m256i *>(sums), total[8] = {};
    for (int v = 0; v < 2 * kPanels; ++v) total[v] = _mm256_loadu_si256(to + v);
    const SignedBlock *couple = row.couples, *single = row.singles;
    int64_t couples = row.couple_count, singles = row.single_count;
    if constexpr (kPanels == 4) {
        RK_SIGNED_LOOPS(RK_SIGNED_FOUR);
    } else {
        RK_SIGNED_LOOPS(RK_SIGNED_TWO);
    }
    for (int v = 0; v < 2 * kPanels; ++v) _mm256_storeu_si256(to + v, total[v]);
}
// clang-format on

}  // namespace
}  // namespace rk
