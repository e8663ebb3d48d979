// AVX2 without VNNI: pairs of products are summed in int16 where they fit, and codes are widened where they do not.
#include <immintrin.h>

#include "kernels.h"

namespace rk {
namespace {

struct Avx2 {
    static constexpr const char *kName = "avx2";
    static constexpr int kLanes = 8, kRows = 6, kVectors = 2;
    static constexpr int kStored = 4;  // vectors that are packed at once
    static constexpr int kLines = 2;
    static constexpr bool kPairsSaturate = true, kInt16 = true;
    using Int = __m256i;
    using Float = __m256;

    static bool supported() { return __builtin_cpu_supports("avx2"); }

    static Int set_int(int32_t value) { return _mm256_set1_epi32(value); }
    static Float set_float(float value) { return _mm256_set1_ps(value); }
    static void store_int(int32_t *p, Int value) { _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), value); }
    static Int load_int(const int32_t *p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)); }
    static Float load_float(const float *p, int64_t count) {
        return count == kLanes ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, mask(count));
    }
    static void store_float(float *p, Float value, int64_t count) {
        if (count == kLanes) {
            _mm256_storeu_ps(p, value);
        } else {
            _mm256_maskstore_ps(p, mask(count), value);
        }
    }

    static Int load_codes(const uint8_t *p, int64_t count) { return _mm256_cvtepu8_epi32(load_bytes(p, count)); }

    // How numbers become codes: less the zero point they are at most `highest`; packed with it, at least `low`.
    struct Range {
        Range(int32_t zero_point, int32_t least, int32_t most)
            : highest(set_float(static_cast<float>(most - zero_point))),
              zero(_mm256_set1_epi16(static_cast<int16_t>(zero_point))),
              low(_mm256_set1_epi8(static_cast<char>(least))) {}
        Float highest;
        Int zero, low;
    };
    // What is too low for an integer, and a NaN, becomes the lowest integer, which packing takes to `low`.
    static Int to_code(Float value, const Range &range) { return _mm256_cvtps_epi32(_mm256_min_ps(range.highest, value)); }
    static void store_codes(uint8_t *p, Int codes, int64_t count, const Range &range) {
        const int64_t bytes = _mm_cvtsi128_si64(_mm256_castsi256_si128(pack(codes, codes, codes, codes, range)));
        if (count == kLanes) {
            __builtin_memcpy(p, &bytes, 8);
        } else {
            __builtin_memcpy(p, &bytes, static_cast<size_t>(count));
        }
    }
    // Of kRowsStored rows the first `rows`, together four vectors at most.
    template <int kRowsStored, int kCount>
    static void store_rows(uint8_t *const *out, int rows, int64_t at, const Int (&codes)[kRowsStored][kCount],
                           const Range &range) {
        static_assert(kRowsStored * kCount <= 4 && kCount != 3);
        constexpr int kLast = kRowsStored * kCount - 1;
        const Int first = codes[0][0], second = codes[kLast < 1 ? 0 : 1 / kCount][kLast < 1 ? 0 : 1 % kCount];
        const Int third = codes[kLast < 2 ? 0 : 2 / kCount][kLast < 2 ? 0 : 2 % kCount];
        const Int fourth = codes[kLast < 3 ? 0 : 3 / kCount][kLast < 3 ? 0 : 3 % kCount];
        const Int bytes = pack(first, second, third, fourth, range);
        const __m128i left = _mm256_castsi256_si128(bytes), right = _mm256_extracti128_si256(bytes, 1);
        if constexpr (kCount == 4) {
            _mm256_storeu_si256(reinterpret_cast<__m256i *>(out[0] + at), bytes);
        } else if constexpr (kCount == 2) {
            _mm_storeu_si128(reinterpret_cast<__m128i *>(out[0] + at), left);
            if (kRowsStored > 1 && rows > 1) _mm_storeu_si128(reinterpret_cast<__m128i *>(out[1] + at), right);
        } else {
            _mm_storel_pd(reinterpret_cast<double *>(out[0] + at), _mm_castsi128_pd(left));
            if (kRowsStored > 1 && rows > 1) _mm_storeh_pd(reinterpret_cast<double *>(out[1] + at), _mm_castsi128_pd(left));
            if (kRowsStored > 2 && rows > 2) _mm_storel_pd(reinterpret_cast<double *>(out[2] + at), _mm_castsi128_pd(right));
            if (kRowsStored > 3 && rows > 3) _mm_storeh_pd(reinterpret_cast<double *>(out[3] + at), _mm_castsi128_pd(right));
        }
    }

    static Float to_float(Int value) { return _mm256_cvtepi32_ps(value); }
    static Int to_int(Float value) { return _mm256_cvtps_epi32(value); }
    static Float round(Float value) { return _mm256_round_ps(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
    static Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
    static Float sub(Float a, Float b) { return _mm256_sub_ps(a, b); }
    static Float mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
    static Float div(Float a, Float b) { return _mm256_div_ps(a, b); }
    static Float max(Float a, Float b) { return _mm256_max_ps(a, b); }
    static Float min(Float a, Float b) { return _mm256_min_ps(a, b); }
    static Int add(Int a, Int b) { return _mm256_add_epi32(a, b); }
    static Int mul(Int a, Int b) { return _mm256_mullo_epi32(a, b); }
    static Int max(Int a, Int b) { return _mm256_max_epi32(a, b); }

    static Int load_block(const uint8_t *p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)); }
    static Int broadcast4(const uint8_t *p) {
        int32_t codes;
        __builtin_memcpy(&codes, p, 4);
        return _mm256_set1_epi32(codes);
    }
    static Int dot(Int sum, Int codes, Int weights) {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(codes, weights), _mm256_set1_epi16(1)));
    }
    // The products of inner loops are written out as instructions: left to itself, the compiler moves sums between
    // registers and memory.
    static Int dot_block(Int sum, Int codes, const uint8_t *weights) {
        Int products;
        asm("vpmaddubsw %2, %3, %1\n\tvpmaddwd %4, %1, %1\n\tvpaddd %1, %0, %0"
            : "+x"(sum), "=&x"(products)
            : "m"(*reinterpret_cast<const __m256i_u *>(weights)), "x"(codes), "x"(_mm256_set1_epi16(1)));
        return sum;
    }
    // The products of two blocks, which are summed in int16 before they are widened.
    static Int dot_joined(Int sum, Int codes, Int weights, Int others, Int their_weights) {
        const Int pairs = _mm256_maddubs_epi16(codes, weights), more = _mm256_maddubs_epi16(others, their_weights);
        return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(pairs, more), _mm256_set1_epi16(1)));
    }
    // The codes of a block in another order, so that other pairs of weights meet.
    template <int kOrder>
    static Int reorder(Int codes) {
        static_assert(kOrder < 3);
        if constexpr (kOrder == 0) return codes;
        const int order = kOrder == 1 ? 0x03010200 : 0x02010300;
        return _mm256_shuffle_epi8(
            codes, _mm256_add_epi32(_mm256_set1_epi32(order), _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c, 0,
                                                                                0x04040404, 0x08080808, 0x0c0c0c0c)));
    }
    static Int even_codes(Int codes) { return _mm256_and_si256(codes, _mm256_set1_epi16(255)); }
    static Int odd_codes(Int codes) { return _mm256_srli_epi16(codes, 8); }
    static Int dot_wide(Int sum, Int codes, const uint8_t *weights) {
        Int products;
        asm("vpmaddwd %2, %3, %1\n\tvpaddd %1, %0, %0"
            : "+x"(sum), "=&x"(products)
            : "m"(*reinterpret_cast<const __m256i_u *>(weights)), "x"(codes));
        return sum;
    }

    static Int interleave(const uint8_t *const (&line)[2], int64_t lines, int64_t count) {
        if (lines == 1) return load_codes(line[0], count);
        return _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(load_bytes(line[0], count), load_bytes(line[1], count)));
    }
    static Int dot_lines(Int sum, Int codes, Int weights) {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(codes, weights));
    }
    // Adds to two sums the products of two int16 with 2 x 8 pairs of weights.
    static void add_pair(Int (&sums)[2], const int16_t *pair, Int left, Int right) {
        Int product, codes;
        asm("vpbroadcastd %4, %3\n\t"
            "vpmaddwd %5, %3, %2\n\tvpmaddwd %6, %3, %3\n\tvpaddd %3, %1, %1\n\tvpaddd %2, %0, %0"
            : "+x"(sums[0]), "+x"(sums[1]), "=&x"(product), "=&x"(codes)
            : "m"(*reinterpret_cast<const int32_t *>(pair)), "x"(left), "x"(right));
    }

    static Int interleave4(const uint8_t *const (&line)[4], int64_t count) {
        const __m128i low = _mm_unpacklo_epi8(load_bytes(line[0], count), load_bytes(line[1], count));
        const __m128i high = _mm_unpacklo_epi8(load_bytes(line[2], count), load_bytes(line[3], count));
        return _mm256_set_m128i(_mm_unpackhi_epi16(low, high), _mm_unpacklo_epi16(low, high));
    }
    static Int exclusive_or(Int a, Int b) { return _mm256_xor_si256(a, b); }
    // As wide blocks are: the even weights, then the odd, as int16.
    static void store_weights(uint8_t *p, Int block) {
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), _mm256_srai_epi16(_mm256_slli_epi16(block, 8), 8));
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(p + 32), _mm256_srai_epi16(block, 8));
    }

    // Sixteen entries at a time: a shuffle gives zero where the code, less the first of them, is not below 16.
    static int64_t look_up(const uint8_t *table, const uint8_t *x, uint8_t *out, int64_t length) {
        Int part[16];
        for (int i = 0; i < 16; ++i) {
            part[i] = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i *>(table + 16 * i)));
        }
        int64_t done = 0;
        for (; done + 32 <= length; done += 32) {
            Int codes = load_block(x + done), found = _mm256_setzero_si256();
#pragma GCC unroll 16
            for (int i = 0; i < 16; ++i) {
                const Int index = _mm256_adds_epu8(codes, _mm256_set1_epi8(0x70));
                found = _mm256_or_si256(found, _mm256_shuffle_epi8(part[i], index));
                codes = _mm256_sub_epi8(codes, _mm256_set1_epi8(16));
            }
            _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + done), found);
        }
        return done;
    }

    static constexpr int kShorts = 16;
    using Short = struct {
        __m256i lanes;
    };
    static Short widen(const uint8_t *p) {
        return {_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)))};
    }
    static Short add(Short a, Short b) { return {_mm256_add_epi16(a.lanes, b.lanes)}; }
    static Short sub(Short a, Short b) { return {_mm256_sub_epi16(a.lanes, b.lanes)}; }
    static Short shift_left(Short value, int bits) { return {_mm256_slli_epi16(value.lanes, bits)}; }
    static void store(int16_t *p, Short value) { _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), value.lanes); }
    static Int sub(Int a, Int b) { return _mm256_sub_epi32(a, b); }
    static Int shift_right(Int value, int bits) { return _mm256_srai_epi32(value, bits); }

    static Float power_of_two(Int exponent) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)), 23));
    }

  private:
    // Four vectors of integers as 32 codes, in order.
    static Int pack(Int a, Int b, Int c, Int d, const Range &range) {
        const Int left = _mm256_adds_epi16(_mm256_packs_epi32(a, b), range.zero);
        const Int right = _mm256_adds_epi16(_mm256_packs_epi32(c, d), range.zero);
        // Packing works within halves: the permutation brings the halves of each vector together again.
        const Int bytes = _mm256_max_epu8(_mm256_packus_epi16(left, right), range.low);
        return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    }
    static __m128i load_bytes(const uint8_t *p, int64_t count) {
        if (count == kLanes) return _mm_loadl_epi64(reinterpret_cast<const __m128i *>(p));
        int64_t bytes = 0;
        __builtin_memcpy(&bytes, p, static_cast<size_t>(count));
        return _mm_cvtsi64_si128(bytes);
    }
    static __m256i mask(int64_t count) {
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int32_t>(count)),
                                  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    }
};

}  // namespace

constexpr Kernels avx2 = kernels_of<Avx2>();

}  // namespace rk
