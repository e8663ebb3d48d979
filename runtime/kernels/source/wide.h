// Numbers of 16 bits as two codes of 8, so that the products of codes serve for them too.
#pragma once

#include "elementwise.h"

namespace rk {
namespace {

constexpr float kLargestWide = 32639.0f;  // 256 * 127 + 127
constexpr int32_t kWideZero = 128;        // of both codes

// x[i] for i in first..last: how often 256 goes into the number, and what is left, both from -128 to 127.
template <class V>
void widen_part(const float *x, uint8_t *high, uint8_t *low, int64_t first, int64_t last, float inverse_scale) {
    using Float = typename V::Float;
    const ToCodes<V> codes(kWideZero, 0, 255);
    const Float inverse = V::set_float(inverse_scale), most = V::set_float(kLargestWide),
                least = V::set_float(-kLargestWide), step = V::set_float(256.0f);
    const auto whole = [&](int64_t i, int64_t count) {
        return V::round(V::min(V::max(V::mul(V::load_float(x + i, count), inverse), least), most));
    };
    // A quarter more decides between two numbers that are as near: what is left is -128 then, and never 128.
    const auto often = [&](Float number) {
        return V::round(V::mul(V::add(number, V::set_float(0.25f)), V::set_float(1.0f / 256)));
    };
    codes.fill(high, first, last, [&](int64_t i, int64_t count) { return often(whole(i, count)); });
    codes.fill(low, first, last, [&](int64_t i, int64_t count) {
        const Float number = whole(i, count);
        return V::sub(number, V::mul(often(number), step));
    });
}

template <class V>
void widen(const rk_widen_args &a) {
    in_parts(a.length, a.threads, [&](int64_t first, int64_t last) {
        widen_part<V>(a.x, a.out, a.out + a.length, first, last, a.inverse_scale);
    });
}

template <class V>
void joined(const rk_joined_args &a) {
    const typename V::Float step = V::set_float(256.0f);
    const int64_t share = 1 + kElementsForThreads / (a.columns + 1);
    parallel_for((a.rows + share - 1) / share, a.threads, [&](int64_t part) {
        for (int64_t row = part * share; row < a.rows && row < (part + 1) * share; ++row) {
            const float *high = a.high + row * a.columns, *low = a.low + row * a.columns;
            in_vectors<V>(0, a.columns, [&](int64_t i, int64_t count) {
                const typename V::Float sum =
                    V::add(V::mul(V::load_float(high + i, count), step), V::load_float(low + i, count));
                const typename V::Float out = a.bias ? V::add(sum, V::load_float(a.bias + i, count)) : sum;
                V::store_float(a.out + row * a.columns + i, out, count);
            });
        }
    });
}

}  // namespace
}  // namespace rk
