// Pooling over windows, channels side by side.
#pragma once

#include <cstring>

#include "elementwise.h"

namespace rk {
namespace {

// Calls body(pointer to the channels) for every input of one output's window.
template <class Body>
void each_input(const rk_pool_args &a, const uint8_t *image, const int64_t (&at)[3], Body body) {
    const rk_windows *w = a.axis;
    for (int64_t d = w[0].start[at[0]]; d < w[0].end[at[0]]; d += w[0].step) {
        for (int64_t h = w[1].start[at[1]]; h < w[1].end[at[1]]; h += w[1].step) {
            const uint8_t *row = image + d * a.x_stride[1] + h * a.x_stride[2];
            for (int64_t x = w[2].start[at[2]]; x < w[2].end[at[2]]; x += w[2].step) body(row + x * a.x_stride[3]);
        }
    }
}

typedef uint8_t Bytes __attribute__((vector_size(32)));

// The maxima of `count` channels from `c` on; kWhole: of as many as Bytes holds.
template <bool kWhole>
void maximum_of(const rk_pool_args &a, const uint8_t *image, const int64_t (&at)[3], uint8_t *out, int64_t c,
                size_t count) {
    Bytes largest{};
    each_input(a, image + c, at, [&](const uint8_t *x) {
        Bytes here{};
        std::memcpy(&here, x, kWhole ? sizeof(Bytes) : count);
        largest = largest > here ? largest : here;
    });
    std::memcpy(out + c, &largest, kWhole ? sizeof(Bytes) : count);
}

inline void maximum(const rk_pool_args &a, const uint8_t *image, const int64_t (&at)[3], uint8_t *out) {
    constexpr int64_t kStep = sizeof(Bytes);
    int64_t c = 0;
    for (; c + kStep <= a.channels; c += kStep) maximum_of<true>(a, image, at, out, c, sizeof(Bytes));
    if (c < a.channels) maximum_of<false>(a, image, at, out, c, static_cast<size_t>(a.channels - c));
}

template <class V>
void average(const rk_pool_args &a, const uint8_t *image, const int64_t (&at)[3], uint8_t *out) {
    int32_t *sums = static_cast<int32_t *>(scratch(kSums, (a.channels + V::kLanes) * 4));
    std::memset(sums, 0, static_cast<size_t>(a.channels) * 4);
    int32_t inputs = 0;
    each_input(a, image, at, [&](const uint8_t *x) {
        for (int64_t c = 0; c < a.channels; ++c) sums[c] += x[c];
        ++inputs;
    });
    const int32_t counted = a.axis[0].count[at[0]] * a.axis[1].count[at[1]] * a.axis[2].count[at[2]];
    const typename V::Float divisor = V::set_float(static_cast<float>(a.divisor ? a.divisor : counted));
    const typename V::Int offset = V::set_int(-a.x_zero * inputs);
    const ToCodes<V> codes(a.zero, 0, 255);
    codes.fill(out, 0, a.channels, [&](int64_t c, int64_t) {
        const typename V::Float total = V::to_float(V::add(V::load_int(sums + c), offset));
        return V::div(V::mul(total, V::set_float(a.multiplier)), divisor);
    });
}

template <class V>
void pool(const rk_pool_args &a) {
    const int64_t lines = a.batch * a.axis[0].size * a.axis[1].size;
    const int64_t share = 1 + kElementsForThreads / (8 * a.channels * a.axis[2].size + 1);
    parallel_for((lines + share - 1) / share, a.threads, [&](int64_t part) {
        for (int64_t line = part * share; line < lines && line < (part + 1) * share; ++line) {
            const int64_t n = line / (a.axis[0].size * a.axis[1].size);
            int64_t at[3] = {line / a.axis[1].size % a.axis[0].size, line % a.axis[1].size, 0};
            const uint8_t *image = a.x + n * a.x_stride[0];
            uint8_t *out = a.out + n * a.out_stride[0] + at[0] * a.out_stride[1] + at[1] * a.out_stride[2];
            for (; at[2] < a.axis[2].size; ++at[2], out += a.out_stride[3]) {
                if (a.average) {
                    average<V>(a, image, at, out);
                } else {
                    maximum(a, image, at, out);
                }
            }
        }
    });
}

}  // namespace
}  // namespace rk
