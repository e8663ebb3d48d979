// Inner loops of products of sums, and of few rows by codes in halves.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "avx2_asm.h"

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
// clang-format on

}  // namespace
}  // namespace rk
