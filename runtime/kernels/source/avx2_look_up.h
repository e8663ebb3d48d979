// Looking codes up in a table of 256 by shuffles, which take one of sixteen entries.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace rk {
namespace {

// Of 16 entries for each value of the first kBits of `bits`, which are 4 to 7 of each code as the highest of its byte.
template <int kBits>
__attribute__((always_inline)) inline __m256i avx2_entries(const uint8_t *table, __m256i low,
                                                           const __m256i (&bits)[4]) {
    if constexpr (kBits == 0) {
        const __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i *>(table));
        return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(sixteen), low);
    } else {
        constexpr int kHalf = 8 << kBits;
        return _mm256_blendv_epi8(avx2_entries<kBits - 1>(table, low, bits),
                                  avx2_entries<kBits - 1>(table + kHalf, low, bits), bits[kBits - 1]);
    }
}

// Returns how many were looked up: those that fill vectors.
inline int64_t avx2_look_up(const uint8_t *table, const uint8_t *x, uint8_t *out, int64_t length) {
    int64_t done = 0;
    for (; done + 32 <= length; done += 32) {
        const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(x + done));
        const __m256i low = _mm256_and_si256(codes, _mm256_set1_epi8(15));
        const __m256i bits[4] = {_mm256_slli_epi16(codes, 3), _mm256_slli_epi16(codes, 2), _mm256_slli_epi16(codes, 1),
                                 codes};
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + done), avx2_entries<4>(table, low, bits));
    }
    return done;
}

}  // namespace
}  // namespace rk
