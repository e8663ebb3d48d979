// Softmax and layer norm: exact sums of codes where that helps, float32 from there.
#pragma once

#include <cmath>

#include "elementwise.h"

namespace rk {
namespace {

template <class V>
void softmax(const rk_softmax_args &a) {
    float power[256];  // of a code that lies so far below the largest
    for (int i = 0; i < 256; ++i) power[i] = std::exp(-a.scale * static_cast<float>(i));
    const ToCodes<V> codes(a.zero, 0, 255);
    const int64_t share = 1 + kElementsForThreads / (4 * a.length + 1);
    parallel_for((a.rows + share - 1) / share, a.threads, [&](int64_t part) {
        float *row = static_cast<float *>(scratch(kSums, a.length * 4));
        for (int64_t r = part * share; r < a.rows && r < (part + 1) * share; ++r) {
            const uint8_t *x = a.x + r * a.length;
            int largest = 0;
            for (int64_t i = 0; i < a.length; ++i) largest = x[i] > largest ? x[i] : largest;
            float total = 0;
            for (int64_t i = 0; i < a.length; ++i) total += row[i] = power[largest - x[i]];
            const typename V::Float factor = V::set_float(a.inverse_out_scale / total);
            codes.fill(a.out + r * a.length, 0, a.length,
                       [&](int64_t i, int64_t count) { return V::mul(V::load_float(row + i, count), factor); });
        }
    });
}

template <class V>
void layer_norm(const rk_layer_norm_args &a) {
    const ToCodes<V> codes(a.zero, 0, 255);
    const int64_t share = 1 + kElementsForThreads / (4 * a.length + 1);
    parallel_for((a.rows + share - 1) / share, a.threads, [&](int64_t part) {
        for (int64_t r = part * share; r < a.rows && r < (part + 1) * share; ++r) {
            const uint8_t *x = a.x + r * a.length;
            int64_t sum = 0, squares = 0;
            for (int64_t i = 0; i < a.length; ++i) {
                sum += x[i];
                squares += int32_t{x[i]} * x[i];
            }
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

}  // namespace
}  // namespace rk
