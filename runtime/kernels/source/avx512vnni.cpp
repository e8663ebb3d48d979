// AVX-512 with VNNI, whose dot product of four codes and four weights is exact.
#include <immintrin.h>

#include "avx2_look_up.h"
#include "kernels.h"

namespace rk {
namespace {

struct Avx512Vnni {
    static constexpr const char *kName = "avx512vnni";
    static constexpr int kLanes = 16, kRows = 6, kVectors = 4;
    static constexpr int kStored = 1;  // vectors that are packed at once
    static constexpr int kLines = 4;
    static constexpr bool kPairsSaturate = false;
    static constexpr int kWinograd = 4;  // outputs along an axis from which on its transforms pay
    using Int = __m512i;
    using Float = __m512;

    static bool supported() {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vnni");
    }

    static Int set_int(int32_t value) { return _mm512_set1_epi32(value); }
    static Float set_float(float value) { return _mm512_set1_ps(value); }
    static void store_int(int32_t *p, Int value) { _mm512_storeu_si512(p, value); }
    static Int load_int(const int32_t *p) { return _mm512_loadu_si512(p); }
    static Float load_float(const float *p, int64_t count) { return _mm512_maskz_loadu_ps(mask(count), p); }
    static void store_float(float *p, Float value, int64_t count) { _mm512_mask_storeu_ps(p, mask(count), value); }
    static Int load_codes(const uint8_t *p, int64_t count) { return _mm512_cvtepu8_epi32(load_bytes(p, count)); }

    // How numbers become codes: less the zero point they are at most `highest`; packed with it, at least `low`.
    struct Range {
        Range(int32_t zero_point, int32_t least, int32_t most)
            : highest(set_float(static_cast<float>(most - zero_point))),
              lowest(set_int(least - zero_point)),
              zero(set_int(zero_point)),
              zeros(_mm512_set1_epi16(static_cast<int16_t>(zero_point))),
              low(_mm512_set1_epi8(static_cast<char>(least))) {}
        Float highest;
        Int lowest, zero, zeros, low;
    };
    // What is too low for an integer, and a NaN, becomes the lowest integer, which packing takes to `low`.
    static Int to_code(Float value, const Range &range) {
        return _mm512_cvtps_epi32(_mm512_min_ps(range.highest, value));
    }
    static void store_codes(uint8_t *p, Int codes, int64_t count, const Range &range) {
        const __m128i bytes = _mm512_cvtepi32_epi8(add(max(codes, range.lowest), range.zero));
        if (count == kLanes) {
            _mm_storeu_si128(reinterpret_cast<__m128i *>(p), bytes);
        } else {
            _mm_mask_storeu_epi8(p, mask(count), bytes);
        }
    }
    template <int kRowsStored, int kCount>
    static void store_rows(uint8_t *const *out, int, int64_t at, const Int (&codes)[kRowsStored][kCount],
                           const Range &range) {
        static_assert(kRowsStored == 1 || kCount < 4);
        if constexpr (kCount < 4) {
            for (int v = 0; v < kCount; ++v) store_codes(out[0] + at + v * kLanes, codes[0][v], kLanes, range);
        } else {
            const Int left = _mm512_adds_epi16(_mm512_packs_epi32(codes[0][0], codes[0][1]), range.zeros);
            const Int right = _mm512_adds_epi16(_mm512_packs_epi32(codes[0][2], codes[0][3]), range.zeros);
            // Packing works within quarters: the permutation brings the quarters of each vector together again.
            const Int bytes = _mm512_max_epu8(_mm512_packus_epi16(left, right), range.low);
            const Int order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            _mm512_storeu_si512(out[0] + at, _mm512_permutexvar_epi32(order, bytes));
        }
    }

    static Float to_float(Int value) { return _mm512_cvtepi32_ps(value); }
    static Int to_int(Float value) { return _mm512_cvtps_epi32(value); }
    static Float round(Float value) { return _mm512_roundscale_ps(value, _MM_FROUND_TO_NEAREST_INT); }
    static Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
    static Float sub(Float a, Float b) { return _mm512_sub_ps(a, b); }
    static Float mul(Float a, Float b) { return _mm512_mul_ps(a, b); }
    static Float div(Float a, Float b) { return _mm512_div_ps(a, b); }
    static Float max(Float a, Float b) { return _mm512_max_ps(a, b); }
    static Float min(Float a, Float b) { return _mm512_min_ps(a, b); }
    static Int add(Int a, Int b) { return _mm512_add_epi32(a, b); }
    static Int mul(Int a, Int b) { return _mm512_mullo_epi32(a, b); }
    static Int max(Int a, Int b) { return _mm512_max_epi32(a, b); }

    static Int load_block(const uint8_t *p) { return _mm512_loadu_si512(p); }
    static Int broadcast4(const uint8_t *p) {
        int32_t codes;
        __builtin_memcpy(&codes, p, 4);
        return _mm512_set1_epi32(codes);
    }
    static Int dot_block(Int sum, Int codes, const uint8_t *weights) { return dot(sum, codes, load_block(weights)); }
    template <int>
    static Int reorder(Int codes) {
        return codes;
    }
    static Int dot(Int sum, Int codes, Int weights) { return _mm512_dpbusd_epi32(sum, codes, weights); }

    static Int interleave(const uint8_t *const (&line)[4], int64_t lines, int64_t count) {
        Int codes = load_codes(line[0], count);
        if (lines > 1) codes = _mm512_or_si512(codes, _mm512_slli_epi32(load_codes(line[1], count), 8));
        if (lines > 2) codes = _mm512_or_si512(codes, _mm512_slli_epi32(load_codes(line[2], count), 16));
        if (lines > 3) codes = _mm512_or_si512(codes, _mm512_slli_epi32(load_codes(line[3], count), 24));
        return codes;
    }
    static Int dot_lines(Int sum, Int codes, Int weights) { return dot(sum, codes, weights); }

    static Int interleave4(const uint8_t *const (&line)[4], int64_t count) { return interleave(line, 4, count); }
    static Int exclusive_or(Int a, Int b) { return _mm512_xor_si512(a, b); }
    static void store_weights(uint8_t *p, Int block) { _mm512_storeu_si512(p, block); }

    static constexpr int kShorts = 32;
    using Short = struct {
        __m512i lanes;
    };
    static Short widen(const uint8_t *p) {
        return {_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)))};
    }
    static Short add(Short a, Short b) { return {_mm512_add_epi16(a.lanes, b.lanes)}; }
    static Short sub(Short a, Short b) { return {_mm512_sub_epi16(a.lanes, b.lanes)}; }
    static Short shift_left(Short value, int bits) {
        return {_mm512_slli_epi16(value.lanes, static_cast<unsigned>(bits))};
    }
    static void store(int16_t *p, Short value) { _mm512_storeu_si512(p, value.lanes); }
    static Int sub(Int a, Int b) { return _mm512_sub_epi32(a, b); }
    static Int shift_right(Int value, int bits) { return _mm512_srai_epi32(value, static_cast<unsigned>(bits)); }
    // kRows rows, `step` apart, by [pair of depths][16 columns][2], to [row][16 columns].
    template <int kRows>
    static void multiply_pairs(const int16_t *rows, int64_t step, const uint8_t *weights, int64_t pairs,
                               int32_t *sums) {
        Int total[kRows];
#pragma GCC unroll 12
        for (Int &sum : total) sum = _mm512_setzero_si512();
        for (int64_t k = 0; k < pairs; ++k, rows += 2, weights += 64) {
            const Int block = load_block(weights);
            __builtin_prefetch(weights + kFetchedAhead, 0, 2);
#pragma GCC unroll 12
            for (int r = 0; r < kRows; ++r)
                total[r] = _mm512_dpwssd_epi32(total[r], broadcast4(reinterpret_cast<const uint8_t *>(rows + r * step)),
                                               block);
        }
#pragma GCC unroll 12
        for (int r = 0; r < kRows; ++r) store_int(sums + r * kLanes, total[r]);
    }

    static int64_t look_up(const uint8_t *table, const uint8_t *x, uint8_t *out, int64_t length) {
        static const bool permutes_bytes = __builtin_cpu_supports("avx512vbmi");
        return permutes_bytes ? look_up_permuting(table, x, out, length) : avx2_look_up(table, x, out, length);
    }

    static Float power_of_two(Int exponent) {
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(exponent, _mm512_set1_epi32(127)), 23));
    }

  private:
    __attribute__((target("avx512vbmi"))) static int64_t look_up_permuting(const uint8_t *table, const uint8_t *x,
                                                                           uint8_t *out, int64_t length) {
        const Int a = _mm512_loadu_si512(table), b = _mm512_loadu_si512(table + 64);
        const Int c = _mm512_loadu_si512(table + 128), d = _mm512_loadu_si512(table + 192);
        int64_t done = 0;
        for (; done + 64 <= length; done += 64) {
            const Int codes = _mm512_loadu_si512(x + done);
            const Int low = _mm512_permutex2var_epi8(a, codes, b), high = _mm512_permutex2var_epi8(c, codes, d);
            _mm512_storeu_si512(out + done, _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), low, high));
        }
        return done;
    }
    static __m128i load_bytes(const uint8_t *p, int64_t count) {
        return count == kLanes ? _mm_loadu_si128(reinterpret_cast<const __m128i *>(p))
                               : _mm_maskz_loadu_epi8(mask(count), p);
    }
    static __mmask16 mask(int64_t count) { return static_cast<__mmask16>((1u << count) - 1); }
};

}  // namespace

constexpr Kernels avx512vnni = kernels_of<Avx512Vnni>();

}  // namespace rk
