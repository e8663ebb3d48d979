// AVX2 without VNNI: pairs of products are summed in int16 where they fit, and codes are widened where they do not.
#include <immintrin.h>

#include "kernels.h"

namespace rk {
namespace {

struct Avx2 {
    static constexpr const char *kName = "avx2";
    static constexpr int kLanes = 8, kRows = 4, kVectors = 3;
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
    static void store_codes(uint8_t *p, Int codes, int64_t count) {
        const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(codes), _mm256_extracti128_si256(codes, 1));
        const int64_t bytes = _mm_cvtsi128_si64(_mm_packus_epi16(words, words));
        if (count == kLanes) {
            __builtin_memcpy(p, &bytes, 8);
        } else {
            __builtin_memcpy(p, &bytes, static_cast<size_t>(count));
        }
    }
    template <int kCount>
    static void store_row(uint8_t *p, const Int (&codes)[kCount]) {
        static_assert(kCount <= 3);
        if constexpr (kCount == 1) {
            store_codes(p, codes[0], kLanes);
            return;
        }
        // Packing works within halves: the permutation brings the halves of each vector together again.
        const Int words = _mm256_packs_epi32(codes[0], codes[kCount > 1 ? 1 : 0]);
        const Int last = _mm256_packs_epi32(codes[kCount - 1], codes[kCount - 1]);
        const Int order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        const Int bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(words, last), order);
        _mm_storeu_si128(reinterpret_cast<__m128i *>(p), _mm256_castsi256_si128(bytes));
        if (kCount == 3) _mm_storel_epi64(reinterpret_cast<__m128i *>(p + 16), _mm256_extracti128_si256(bytes, 1));
    }

    static Float to_float(Int value) { return _mm256_cvtepi32_ps(value); }
    static Int to_int(Float value) { return _mm256_cvtps_epi32(value); }
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
    static Int even_codes(Int codes) { return _mm256_and_si256(codes, _mm256_set1_epi16(255)); }
    static Int odd_codes(Int codes) { return _mm256_srli_epi16(codes, 8); }
    static Int dot_wide(Int codes, const uint8_t *weights) { return _mm256_madd_epi16(codes, load_block(weights)); }

    static Int interleave(const uint8_t *const (&line)[2], int64_t lines, int64_t count) {
        if (lines == 1) return load_codes(line[0], count);
        return _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(load_bytes(line[0], count), load_bytes(line[1], count)));
    }
    static Int dot_lines(Int sum, Int codes, Int weights) {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(codes, weights));
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
    static void store(int16_t *p, Short value) { _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), value.lanes); }
    static Int sub(Int a, Int b) { return _mm256_sub_epi32(a, b); }
    static Int quarter(Int value) { return _mm256_srai_epi32(value, 2); }

    static Float power_of_two(Int exponent) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)), 23));
    }

  private:
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
