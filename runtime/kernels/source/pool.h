// Pooling over windows, channels side by side.
#pragma once

#include <cstring>

#include "elementwise.h"

namespace rk {
namespace {

// The inputs of one output, along each axis: how many, and how far apart.
struct Window {
    Window(const rk_pool_args &a, const uint8_t *image, const int64_t (&at)[3]) : first(image) {
        for (int i = 0; i < 3; ++i) {
            const rk_windows &w = a.axis[i];
            const int64_t start = w.start[at[i]], length = w.end[at[i]] - start;
            count[i] = w.step == 1 || length <= 0 ? length : (length + w.step - 1) / w.step;  // it is 1 nearly always
            step[i] = w.step * a.x_stride[i + 1];
            first += start * a.x_stride[i + 1];
        }
    }

    // Calls body(pointer to the channels from `c` on) for every input.
    template <class Body>
    __attribute__((always_inline)) inline void each(int64_t c, Body body) const {
        const uint8_t *plane = first + c;
        for (int64_t d = 0; d < count[0]; ++d, plane += step[0]) {
            const uint8_t *line = plane;
            for (int64_t h = 0; h < count[1]; ++h, line += step[1]) {
                if (count[2] == 3) {  // as most have, without a loop whose end is guessed wrong
                    body(line), body(line + step[2]), body(line + 2 * step[2]);
                    continue;
                }
                const uint8_t *x = line;
                for (int64_t w = 0; w < count[2]; ++w, x += step[2]) body(x);
            }
        }
    }

    const uint8_t *first;
    int64_t count[3], step[3];
};

typedef uint8_t Bytes __attribute__((vector_size(32)));

// The maxima of kVectors times as many channels as Bytes holds, from `c` on; or, with none, of `count` channels.
template <int kVectors>
void maximum_of(const Window window, uint8_t *out, int64_t c, size_t count) {
    constexpr int kParts = kVectors ? kVectors : 1;
    const size_t bytes = kVectors ? sizeof(Bytes) : count;
    Bytes largest[kParts] = {};
    window.each(c, [&](const uint8_t *x) {
#pragma GCC unroll 4
        for (int i = 0; i < kParts; ++i) {
            Bytes here{};
            std::memcpy(&here, x + i * sizeof(Bytes), bytes);
            largest[i] = largest[i] > here ? largest[i] : here;
        }
    });
    for (int i = 0; i < kParts; ++i) std::memcpy(out + c + i * static_cast<int64_t>(sizeof(Bytes)), &largest[i], bytes);
}

inline void maximum(const rk_pool_args &a, const Window &window, uint8_t *out) {
    constexpr int64_t kStep = sizeof(Bytes);
    int64_t c = 0;
    for (; c + 4 * kStep <= a.channels; c += 4 * kStep) maximum_of<4>(window, out, c, 0);
    for (; c + 2 * kStep <= a.channels; c += 2 * kStep) maximum_of<2>(window, out, c, 0);
    for (; c + kStep <= a.channels; c += kStep) maximum_of<1>(window, out, c, 0);
    if (c < a.channels) maximum_of<0>(window, out, c, static_cast<size_t>(a.channels - c));
}

template <class V>
void average(const rk_pool_args &a, const Window &window, const int64_t (&at)[3], uint8_t *out) {
    int32_t *sums = static_cast<int32_t *>(scratch(kSums, (a.channels + V::kLanes) * 4));
    std::memset(sums, 0, static_cast<size_t>(a.channels) * 4);
    int32_t inputs = 0;
    window.each(0, [&](const uint8_t *x) {
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
                const Window window(a, image, at);
                if (a.average) {
                    average<V>(a, window, at, out);
                } else {
                    maximum(a, window, out);
                }
            }
        }
    });
}

}  // namespace
}  // namespace rk
