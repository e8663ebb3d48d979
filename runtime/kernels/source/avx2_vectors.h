// Vectors of AVX2: how they are loaded and stored, their arithmetic, and how they become codes.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace rk {
namespace {

struct Avx2Vectors {
    static constexpr int kLanes = 8;
    static constexpr int kStored = 4;  // vectors that are packed at once
    using Int = __m256i;
    using Float = __m256;

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
    static Int to_code(Float value, const Range &range) {
        return _mm256_cvtps_epi32(_mm256_min_ps(range.highest, value));
    }
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
            store_half<0>(out[0] + at, left);
            if (kRowsStored > 1 && rows > 1) store_half<1>(out[1] + at, left);
            if (kRowsStored > 2 && rows > 2) store_half<0>(out[2] + at, right);
            if (kRowsStored > 3 && rows > 3) store_half<1>(out[3] + at, right);
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
    static void store_block(uint8_t *p, Int codes) { _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), codes); }

    static constexpr int kShorts = 16;
    using Short = struct {
        __m256i lanes;
    };
    static Short widen(const uint8_t *p) {
        return {_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)))};
    }
    static Short load_shorts(const int16_t *p) { return {load_block(reinterpret_cast<const uint8_t *>(p))}; }
    static Short add(Short a, Short b) { return {_mm256_add_epi16(a.lanes, b.lanes)}; }
    static Short sub(Short a, Short b) { return {_mm256_sub_epi16(a.lanes, b.lanes)}; }
    static Short shift_left(Short value, int bits) { return {_mm256_slli_epi16(value.lanes, bits)}; }
    static void store(int16_t *p, Short value) { _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), value.lanes); }
    static Int sub(Int a, Int b) { return _mm256_sub_epi32(a, b); }
    static Int shift_right(Int value, int bits) { return _mm256_srai_epi32(value, bits); }

    static int32_t sum(Int value) {
        const __m128i two = _mm_add_epi32(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
        const __m128i one = _mm_add_epi32(two, _mm_shuffle_epi32(two, 0x4e));
        return _mm_cvtsi128_si32(_mm_add_epi32(one, _mm_shuffle_epi32(one, 0xb1)));
    }

    static Float power_of_two(Int exponent) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)), 23));
    }

  protected:
    template <int kHalf>
    static void store_half(uint8_t *p, __m128i bytes) {
        const int64_t half = _mm_extract_epi64(bytes, kHalf);
        __builtin_memcpy(p, &half, 8);
    }
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
}  // namespace rk
