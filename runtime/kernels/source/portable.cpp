// For any processor: eight lanes in the compiler's own vectors.
#include "kernels.h"

namespace rk {
namespace {

struct Portable {
    static constexpr const char *kName = "portable";
    static constexpr int kLanes = 8, kRows = 2, kVectors = 2;
    static constexpr int kStored = 1;  // vectors that are packed at once
    static constexpr int kLines = 2;
    static constexpr bool kPairsSaturate = false;
    static constexpr int kWinograd = 0;
    typedef int32_t Int __attribute__((vector_size(32)));
    typedef float Float __attribute__((vector_size(32)));
    typedef uint32_t Unsigned __attribute__((vector_size(32)));
    typedef int16_t Short __attribute__((vector_size(32)));

    static bool supported() { return true; }

    static Int set_int(int32_t value) { return Int{} + value; }
    static Float set_float(float value) { return Float{} + value; }
    static void store_int(int32_t *p, Int value) { __builtin_memcpy(p, &value, sizeof(Int)); }
    static Int load_int(const int32_t *p) { return copy<Int>(p, sizeof(Int)); }
    static Float load_float(const float *p, int64_t count) { return copy<Float>(p, count * 4); }
    static void store_float(float *p, Float value, int64_t count) { __builtin_memcpy(p, &value, count * 4); }

    static Int load_codes(const uint8_t *p, int64_t count) {
        Int out{};
        for (int i = 0; i < count; ++i) out[i] = p[i];
        return out;
    }

    // How numbers become codes.
    struct Range {
        Range(int32_t zero_point, int32_t low, int32_t high)
            : lowest(set_float(static_cast<float>(low - zero_point))),
              highest(set_float(static_cast<float>(high - zero_point))),
              zero(zero_point) {}
        Float lowest, highest;
        int32_t zero;
    };
    // The clamp comes before the rounding, so that nothing leaves the range of an integer; a NaN becomes the lowest.
    static Int to_code(Float value, const Range &range) {
        return to_int(min(max(value, range.lowest), range.highest)) + range.zero;
    }
    static void store_codes(uint8_t *p, Int codes, int64_t count, const Range &) {
        for (int i = 0; i < count; ++i) p[i] = static_cast<uint8_t>(codes[i]);
    }
    template <int kRowsStored, int kCount>
    static void store_rows(uint8_t *const *out, int, int64_t at, const Int (&codes)[kRowsStored][kCount],
                           const Range &range) {
        for (int r = 0; r < kRowsStored; ++r) {
            for (int v = 0; v < kCount; ++v) store_codes(out[r] + at + v * kLanes, codes[r][v], kLanes, range);
        }
    }

    static Float to_float(Int value) { return __builtin_convertvector(value, Float); }
    // Half to even, for values between -2**22 and 2**22: after the addition there is no digit left behind the point.
    static Int to_int(Float value) { return reinterpret_cast<Int>(value + 12582912.0f) - 0x4b400000; }
    static Float round(Float value) { return to_float(to_int(value)); }
    static Float add(Float a, Float b) { return a + b; }
    static Float sub(Float a, Float b) { return a - b; }
    static Float mul(Float a, Float b) { return a * b; }
    static Float div(Float a, Float b) { return a / b; }
    static Float max(Float a, Float b) { return a > b ? a : b; }  // b where a is NaN
    static Float min(Float a, Float b) { return a < b ? a : b; }
    static Int add(Int a, Int b) {
        return reinterpret_cast<Int>(reinterpret_cast<Unsigned>(a) + reinterpret_cast<Unsigned>(b));
    }
    static Int mul(Int a, Int b) { return a * b; }
    static Int max(Int a, Int b) { return a > b ? a : b; }

    static Int load_block(const uint8_t *p) { return copy<Int>(p, 32); }
    static Int broadcast4(const uint8_t *p) { return set_int(copy<int32_t>(p, 4)); }
    static Int dot_block(Int sum, Int codes, const uint8_t *weights) { return dot(sum, codes, load_block(weights)); }
    template <int>
    static Int reorder(Int codes) {
        return codes;
    }
    static Int dot(Int sum, Int codes, Int weights) {
        // One product of a code and a weight fits int16, two do not: each is widened before they are added.
        const Short w = reinterpret_cast<Short>(weights), even = (w << 8) >> 8, odd = w >> 8;
        const Short even_codes = reinterpret_cast<Short>(codes & 0x00ff00ff);
        const Short odd_codes = reinterpret_cast<Short>((codes >> 8) & 0x00ff00ff);
        return add(sum, add(widened(even_codes * even), widened(odd_codes * odd)));
    }

    // One or two codes of each channel in one lane, and their dot product with two int16 weights.
    static Int interleave(const uint8_t *const (&line)[2], int64_t lines, int64_t count) {
        const Int first = load_codes(line[0], count);
        return lines == 1 ? first : first | (load_codes(line[1], count) << 16);
    }
    static Int dot_lines(Int sum, Int codes, Int weights) {
        const Int low = reinterpret_cast<Int>(reinterpret_cast<Unsigned>(weights) << 16) >> 16;
        return add(sum, add((codes & 65535) * low, (codes >> 16) * (weights >> 16)));
    }

    // Four codes of each column in one lane.
    static Int interleave4(const uint8_t *const (&line)[4], int64_t count) {
        const Int low = load_codes(line[0], count) | (load_codes(line[1], count) << 8);
        return low | (load_codes(line[2], count) << 16) | shift_to_top(load_codes(line[3], count));
    }
    static Int exclusive_or(Int a, Int b) { return a ^ b; }
    static void store_weights(uint8_t *p, Int block) { __builtin_memcpy(p, &block, sizeof(Int)); }

    // Looks up what vectors can, and returns how many codes that were.
    static int64_t look_up(const uint8_t *, const uint8_t *, uint8_t *, int64_t) { return 0; }

    static Float power_of_two(Int exponent) { return reinterpret_cast<Float>((exponent + 127) << 23); }

  private:
    // The sum of the two int16 in each lane.
    static Int widened(Short products) {
        const Int pairs = reinterpret_cast<Int>(products);
        return (reinterpret_cast<Int>(reinterpret_cast<Unsigned>(pairs) << 16) >> 16) + (pairs >> 16);
    }
    static Int shift_to_top(Int value) { return reinterpret_cast<Int>(reinterpret_cast<Unsigned>(value) << 24); }
    template <class T>
    static T copy(const void *p, int64_t bytes) {
        T out{};
        __builtin_memcpy(&out, p, static_cast<size_t>(bytes));
        return out;
    }
};

}  // namespace

constexpr Kernels portable = kernels_of<Portable>();

}  // namespace rk
