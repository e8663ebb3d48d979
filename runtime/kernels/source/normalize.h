// Softmax and normalizations: exact sums of codes where that helps, float32 from there.
#pragma once

#include <algorithm>
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

// What becomes of codes whose number, sum and sum of squares are known: less the mean, times the factor.
struct Moments {
    float mean, factor;

    Moments(int64_t number, int64_t sum, int64_t squares, double scale, double eps) {
        const double count = static_cast<double>(number);
        const double variance = static_cast<double>(number * squares - sum * sum) / (count * count);
        mean = static_cast<float>(static_cast<double>(sum) / count);
        factor = static_cast<float>(scale / std::sqrt(variance * scale * scale + eps));
    }
};

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
            const Moments moments(a.length, sum, squares, a.scale, a.eps);
            codes.fill(a.out + r * a.length, 0, a.length, [&](int64_t i, int64_t lanes) {
                const typename V::Float centred =
                    V::sub(V::to_float(V::load_codes(x + i, lanes)), V::set_float(moments.mean));
                typename V::Float value = V::mul(centred, V::set_float(moments.factor));
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

// Some groups of one image, `width` channels of all.
struct Channels {
    const uint8_t *x;
    int64_t positions, stride, width;

    // The sums of the codes of each channel and of their squares, added to two numbers a group.
    void add_moments(int64_t of_group, int64_t *totals) const {
        uint32_t *sums = static_cast<uint32_t *>(scratch(kSums, 2 * width * 4)), *squares = sums + width;
        for (int64_t start = 0; start < positions; start += kSquares) {
            std::fill(sums, sums + 2 * width, 0);
            for (int64_t p = start; p < positions && p < start + kSquares; ++p) {
                const uint8_t *__restrict row = x + p * stride;
                for (int64_t c = 0; c < width; ++c) {
                    sums[c] += row[c];
                    squares[c] += uint32_t{row[c]} * row[c];
                }
            }
            for (int64_t c = 0; c < width; ++c) {
                totals[2 * (c / of_group)] += sums[c];
                totals[2 * (c / of_group) + 1] += squares[c];
            }
        }
    }
};

constexpr int64_t kTogether = 64;  // channels, as many as a line of the cache holds, or more where a group has more

template <class V>
void group_norm(const rk_group_norm_args &a) {
    const ToCodes<V> codes(a.zero, 0, 255);
    const int64_t of_group = a.channels / a.groups, groups = 1 + (kTogether - 1) / of_group;
    const int64_t parts = (a.groups + groups - 1) / groups, image_codes = a.positions * a.channels;
    parallel_for(a.images * parts, a.threads, [&](int64_t number) {
        const int64_t first = number % parts * groups, count = at_most(a.groups - first, groups);
        const int64_t channel = first * of_group, start = number / parts * image_codes + channel;
        const Channels part{a.x + start, a.positions, a.channels, count * of_group};
        int64_t totals[2 * kTogether] = {};
        part.add_moments(of_group, totals);
        float *mean = static_cast<float *>(scratch(kMultipliers, 3 * part.width * 4)), *factor = mean + part.width,
              *shift = factor + part.width;
        for (int64_t c = 0; c < part.width; ++c) {
            const int64_t *total = totals + 2 * (c / of_group);
            const Moments moments(a.positions * of_group, total[0], total[1], a.scale, a.eps);
            mean[c] = moments.mean;
            factor[c] = a.weight ? moments.factor * a.weight[channel + c] : moments.factor;
            shift[c] = a.bias ? a.bias[channel + c] : 0;
        }
        for (int64_t p = 0; p < a.positions; ++p) {
            const uint8_t *x = part.x + p * a.channels;
            codes.fill(a.out + start + p * a.channels, 0, part.width, [&](int64_t c, int64_t lanes) {
                const typename V::Float centred =
                    V::sub(V::to_float(V::load_codes(x + c, lanes)), V::load_float(mean + c, lanes));
                const typename V::Float value =
                    V::add(V::mul(centred, V::load_float(factor + c, lanes)), V::load_float(shift + c, lanes));
                return V::mul(value, V::set_float(a.inverse_out_scale));
            });
        }
    });
}

}  // namespace
}  // namespace rk
