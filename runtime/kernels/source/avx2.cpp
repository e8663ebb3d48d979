// AVX2 without VNNI: pairs of products are summed in int16 where they fit, and codes are widened where they do not.
#include "avx2_blocks.h"
#include "avx2_look_up.h"
#include "avx2_pairs.h"
#include "avx2_sums.h"
#include "avx2_vectors.h"
#include "kernels.h"

namespace rk {
namespace {

struct Avx2 : Avx2Vectors {
    static constexpr const char *kName = "avx2";
    static constexpr int kVectors = 1;
    static constexpr int kBlocks = 8;  // of four codes, in a vector
    static constexpr int kLines = 2;
    static constexpr bool kPairsSaturate = true;
    static constexpr int kWinograd = 2;  // outputs along an axis from which on its transforms pay

    static bool supported() { return __builtin_cpu_supports("avx2"); }

    static Int dot(Int sum, Int codes, Int weights) {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(codes, weights), _mm256_set1_epi16(1)));
    }
    // The next eight blocks of four codes of eight rows; to[i] has the i-th block of each.
    static void transpose(const uint8_t *const (&rows)[8], Int (&to)[8]) {
        Int pair[8], four[8];
#pragma GCC unroll 4
        for (int r = 0; r < 8; r += 2) {
            const Int a = load_block(rows[r]), b = load_block(rows[r + 1]);
            pair[r] = _mm256_unpacklo_epi32(a, b);
            pair[r + 1] = _mm256_unpackhi_epi32(a, b);
        }
#pragma GCC unroll 2
        for (int half = 0; half < 8; half += 4) {
#pragma GCC unroll 2
            for (int i = 0; i < 2; ++i) {
                four[half + 2 * i] = _mm256_unpacklo_epi64(pair[half + i], pair[half + 2 + i]);
                four[half + 2 * i + 1] = _mm256_unpackhi_epi64(pair[half + i], pair[half + 2 + i]);
            }
        }
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            to[i] = _mm256_permute2x128_si256(four[i], four[4 + i], 0x20);
            to[4 + i] = _mm256_permute2x128_si256(four[i], four[4 + i], 0x31);
        }
    }
    // The even codes of each row, then its odd ones, as int16.
    static void store_widened(uint8_t *p, Int codes) {
        const Int even = even_codes(codes), odd = odd_codes(codes);
        const Int low = _mm256_unpacklo_epi32(even, odd), high = _mm256_unpackhi_epi32(even, odd);
        store_block(p, _mm256_permute2x128_si256(low, high, 0x20));
        store_block(p + 32, _mm256_permute2x128_si256(low, high, 0x31));
    }
    // Adds to sums, or with `first` to zero, the codes of a tile, of which `height` rows count, times a panel.
    static void multiply_blocks(int64_t height, const uint8_t *codes, const uint8_t *wide, const Panel &panel,
                                bool first, int32_t *sums) {
        switch ((height + 1) / 2) {
            case 1: return avx2_multiply_blocks<2>(codes, wide, panel, first, sums);
            case 2: return avx2_multiply_blocks<4>(codes, wide, panel, first, sums);
            case 3: return avx2_multiply_blocks<6>(codes, wide, panel, first, sums);
            default: return avx2_multiply_blocks<8>(codes, wide, panel, first, sums);
        }
    }
    // The codes of a block in another order, so that other pairs of weights meet.
    template <int kOrder>
    static Int reorder(Int codes) {
        static_assert(kOrder < 3);
        if constexpr (kOrder == 0) return codes;
        const int order = kOrder == 1 ? 0x03010200 : 0x02010300;
        return _mm256_shuffle_epi8(
            codes, _mm256_add_epi32(_mm256_set1_epi32(order), _mm256_broadcastsi128_si256(_mm_setr_epi32(
                                                                  0, 0x04040404, 0x08080808, 0x0c0c0c0c))));
    }
    static Int even_codes(Int codes) { return _mm256_and_si256(codes, _mm256_set1_epi16(255)); }
    static Int odd_codes(Int codes) { return _mm256_srli_epi16(codes, 8); }
    static Int interleave(const uint8_t *const (&line)[2], int64_t lines, int64_t count) {
        if (lines == 1) return load_codes(line[0], count);
        return _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(load_bytes(line[0], count), load_bytes(line[1], count)));
    }
    static Int dot_lines(Int sum, Int codes, Int weights) {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(codes, weights));
    }
    // kRows rows, `step` apart, by [pair of depths][2 x 8 columns][2], to [row][2 x 8 columns].
    template <int kRows>
    static void multiply_pairs(const int16_t *rows, int64_t step, const uint8_t *weights, int64_t pairs,
                               int32_t *sums) {
        avx2_multiply_pairs<kRows>(rows, 2 * step, weights, pairs, sums);
    }

    // Codes of a row as int16. Reads and writes up to seven more than there are, if those are no multiple of eight.
    static void widen_row(const uint8_t *from, int16_t *to, int64_t count) {
        int64_t i = 0;
        for (; i + kShorts <= count; i += kShorts) store(to + i, widen(from + i));
        for (; i < count; i += 8) {
            const __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(from + i));
            _mm_storeu_si128(reinterpret_cast<__m128i *>(to + i), _mm_cvtepu8_epi16(codes));
        }
    }
    // The offset of each column and rows of int16, `step` apart, times [pair of depths][kVectorCount x 8 columns][2].
    template <int kRows, int kVectorCount>
    __attribute__((always_inline)) static inline void sum_pairs(const int16_t *rows, int64_t step,
                                                                const uint8_t *weights, int64_t pairs,
                                                                const int32_t *offset,
                                                                Int (&sums)[kRows][kVectorCount]) {
        avx2_sum_pairs(rows, 2 * step, weights, pairs, offset, sums);
    }

    static Int interleave4(const uint8_t *const (&line)[4], int64_t count) {
        const __m128i low = _mm_unpacklo_epi8(load_bytes(line[0], count), load_bytes(line[1], count));
        const __m128i high = _mm_unpacklo_epi8(load_bytes(line[2], count), load_bytes(line[3], count));
        return _mm256_set_m128i(_mm_unpackhi_epi16(low, high), _mm_unpacklo_epi16(low, high));
    }
    static Int exclusive_or(Int a, Int b) { return _mm256_xor_si256(a, b); }
    static Int even_weights(Int block) { return _mm256_srai_epi16(_mm256_slli_epi16(block, 8), 8); }
    static Int odd_weights(Int block) { return _mm256_srai_epi16(block, 8); }
    // As wide blocks are: the even weights, then the odd, as int16.
    static void store_weights(uint8_t *p, Int block) {
        store_block(p, even_weights(block));
        store_block(p + 32, odd_weights(block));
    }

    static int64_t look_up(const uint8_t *table, const uint8_t *x, uint8_t *out, int64_t length) {
        return avx2_look_up(table, x, out, length);
    }

    // Sixteen codes, by fours in the order 0, 2, 1, 3.
    static Short widen_fours(const uint8_t *from) {
        return {_mm256_shuffle_epi8(widen(from).lanes, _mm256_broadcastsi128_si256(_mm_setr_epi8(
                                                           0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15)))};
    }
    // Of such fours the products of 0 and 1, and of 2 and 3.
    static Int neighbours(Short fours) { return multiply_add(fours, {_mm256_srli_epi64(fours.lanes, 32)}); }
    static Int multiply_add(Short a, Short b) { return _mm256_madd_epi16(a.lanes, b.lanes); }
    // Of the weights of eight columns and four channels 1 and 3 of each column, and 0 and 2.
    static Short odd_shorts(const uint8_t *from) { return {odd_weights(load_block(from))}; }
    static Short even_shorts(const uint8_t *from) { return {even_weights(load_block(from))}; }
    // Adds the products of a row with two or four panels of 16 columns to as many sums.
    template <int kPanels>
    static void add_signed(const SignedRow &row, const uint8_t *const (&panels)[kPanels], int32_t *sums) {
        avx2_add_signed(row, panels, sums);
    }
    // Adds the products of (code 0 + weight 1) and (code 1 + weight 0), and of 2 and 3, for rows `step` apart.
    template <int kRows>
    static void add_products_of_sums(const int16_t *x, int64_t step, const int16_t *weights, int64_t fours,
                                     Int (&sums)[kRows][2]) {
        if constexpr (kRows == 4) {
            avx2_add_products_of_sums(x, 2 * step, weights, fours, sums);
        } else {
            for (int64_t k = 0; k < fours; ++k, x += 4, weights += 64) {
#pragma GCC unroll 3
                for (int r = 0; r < kRows; ++r) {
                    const Int even = broadcast2(x + r * step), odd = broadcast2(x + r * step + 2);
#pragma GCC unroll 2
                    for (int v = 0; v < 2; ++v) {
                        const Int left = _mm256_add_epi16(even, load_shorts(weights + 16 * v).lanes);
                        const Int right = _mm256_add_epi16(odd, load_shorts(weights + 32 + 16 * v).lanes);
                        sums[r][v] = _mm256_add_epi32(sums[r][v], _mm256_madd_epi16(left, right));
                    }
                }
            }
        }
    }

  private:
    static Int broadcast2(const int16_t *p) { return broadcast4(reinterpret_cast<const uint8_t *>(p)); }
};

}  // namespace

constexpr Kernels avx2 = kernels_of<Avx2>();

}  // namespace rk
