// Softmax and normalizations: exact sums of codes where that helps, float32 from there.
#pragma once

#include <cmath>

#include "elementwise.h"
#include "exponential.h"
#include "rows.h"

namespace rk {
namespace {

// Fills row[i] with exp((x[i] - largest) * scale), and returns the sum.
template <class V>
float powers(const uint8_t *x, int64_t length, int largest, float scale, float *row) {
    const typename V::Int minus_largest = V::set_int(-largest);
    const auto fill = [&](int64_t i, int64_t count) {
        const typename V::Float power = exponential<V>(load_centred<V>(x, i, count, minus_largest), scale, 126.0f);
        V::store_float(row + i, power, count);
        return power;
    };
    typename V::Float sums = V::set_float(0);
    int64_t i = 0;
    for (; i + V::kLanes <= length; i += V::kLanes) sums = V::add(sums, fill(i, V::kLanes));
    float lanes[V::kLanes], total = 0;
    V::store_float(lanes, sums, V::kLanes);
    for (float lane : lanes) total += lane;
    if (i < length) fill(i, length - i);
    for (; i < length; ++i) total += row[i];
    return total;
}

template <class V>
void softmax(const rk_softmax_args &a) {
    const ToCodes<V> codes(a.zero, 0, 255);
    const int64_t share = 1 + kElementsForThreads / (4 * a.length + 1);
    parallel_for((a.rows + share - 1) / share, a.threads, [&](int64_t part) {
        float *row = static_cast<float *>(scratch(kSums, a.length * 4));
        for (int64_t r = part * share; r < a.rows && r < (part + 1) * share; ++r) {
            const uint8_t *x = a.x + r * a.length;
            uint8_t largest = 0;
            for (int64_t i = 0; i < a.length; ++i) largest = x[i] > largest ? x[i] : largest;
            const float total = powers<V>(x, a.length, largest, a.scale, row);
            const typename V::Float factor = V::set_float(a.inverse_out_scale / total);
            codes.fill(a.out + r * a.length, 0, a.length,
                       [&](int64_t i, int64_t count) { return V::mul(V::load_float(row + i, count), factor); });
        }
    });
}

constexpr int64_t kSquares = 1 << 15;  // so many squares of codes fit 32 bits

inline void add_moments(const uint8_t *x, int64_t length, int64_t &sum, int64_t &squares) {
    uint32_t codes = 0, products = 0;
    for (int64_t i = 0; i < length; ++i) {
        codes += x[i];
        products += uint32_t{x[i]} * x[i];
    }
    sum += codes;
    squares += products;
}

template <class V>
void layer_norm(const rk_layer_norm_args &a) {
    const ToCodes<V> codes(a.zero, 0, 255);
    const int64_t share = 1 + kElementsForThreads / (4 * a.length + 1);
    parallel_for((a.rows + share - 1) / share, a.threads, [&](int64_t part) {
        for (int64_t r = part * share; r < a.rows && r < (part + 1) * share; ++r) {
            const uint8_t *x = a.x + r * a.length;
            int64_t sum = 0, squares = 0;
            for (int64_t i = 0; i < a.length; i += kSquares)
                add_moments(x + i, at_most(a.length - i, kSquares), sum, squares);
            const double count = static_cast<double>(a.length), mean = static_cast<double>(sum) / count;
            const double variance = static_cast<double>(a.length * squares - sum * sum) / (count * count);
            const double scale = a.scale;
            const float factor = static_cast<float>(scale / std::sqrt(variance * scale * scale + a.eps));
            codes.fill(a.out + r * a.length, 0, a.length, [&](int64_t i, int64_t lanes) {
                const typename V::Float centred =
                    V::sub(V::to_float(V::load_codes(x + i, lanes)), V::set_float(static_cast<float>(mean)));
                typename V::Float value = V::mul(centred, V::set_float(factor));
                if (a.weight) value = V::mul(value, V::load_float(a.weight + i, lanes));
                if (a.bias) value = V::add(value, V::load_float(a.bias + i, lanes));
                return V::mul(value, V::set_float(a.inverse_out_scale));
            });
        }
    });
}

template <class V>
void rms_norm(const rk_rms_norm_args &a) {
    const ToCodes<V> codes(a.out_zero, 0, 255);
    const int64_t share = 1 + kElementsForThreads / (4 * a.length + 1), zero = a.zero;
    parallel_for((a.rows + share - 1) / share, a.threads, [&](int64_t part) {
        for (int64_t r = part * share; r < a.rows && r < (part + 1) * share; ++r) {
            const uint8_t *x = a.x + r * a.length;
            int64_t sum = 0, squares = 0;
            for (int64_t i = 0; i < a.length; i += kSquares)
                add_moments(x + i, at_most(a.length - i, kSquares), sum, squares);
            const double of_zero = static_cast<double>(squares - 2 * zero * sum + a.length * zero * zero);
            const double mean = of_zero * a.scale * a.scale / static_cast<double>(a.length);
            const float factor = static_cast<float>(a.scale / std::sqrt(mean + a.eps));
            const typename V::Int minus_zero = V::set_int(-a.zero);
            codes.fill(a.out + r * a.length, 0, a.length, [&](int64_t i, int64_t lanes) {
                typename V::Float value = V::mul(load_centred<V>(x, i, lanes, minus_zero), V::set_float(factor));
                if (a.weight) value = V::mul(value, V::load_float(a.weight + i, lanes));
                return V::mul(value, V::set_float(1 / a.out_scale));
            });
        }
    });
}

}  // namespace
}  // namespace rk
