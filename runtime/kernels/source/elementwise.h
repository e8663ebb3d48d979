// Kernels that treat every code alike.
#pragma once

#include <cstring>

#include "abi.h"
#include "multiply.h"
#include "threads.h"

namespace rk {
namespace {

constexpr int64_t kElementsForThreads = 1 << 15;  // elements of a task; less is not worth waking somebody

// Calls body(first, last) for parts of 0..length.
template <class Body>
void in_parts(int64_t length, int threads, Body body) {
    const int64_t parts = (length + kElementsForThreads - 1) / kElementsForThreads;
    parallel_for(parts, threads, [&](int64_t part) {
        const int64_t first = part * kElementsForThreads, rest = length - first;
        body(first, first + (rest < kElementsForThreads ? rest : kElementsForThreads));
    });
}

// Calls body(i, count) for one vector after the other.
template <class V, class Body>
void in_vectors(int64_t first, int64_t last, Body body) {
    for (; first + V::kLanes <= last; first += V::kLanes) body(first, int64_t{V::kLanes});
    if (first < last) body(first, last - first);
}

template <class V>
typename V::Float load_centred(const uint8_t *x, int64_t stride, int64_t i, int64_t count, float zero) {
    const typename V::Int codes = stride ? V::load_codes(x + i, count) : V::set_int(*x);
    return V::sub(V::to_float(codes), V::set_float(zero));
}

template <class V>
void store_rounded(uint8_t *out, int64_t count, typename V::Float value, float zero, float low, float high) {
    V::store_codes(out, V::to_int(V::add(round_to_code<V>(value, low - zero, high - zero), V::set_float(zero))), count);
}

template <class V>
void binary_run(const rk_binary_args &a, const uint8_t *x, const uint8_t *y, uint8_t *out, int64_t length) {
    const float zero = static_cast<float>(a.zero), low = static_cast<float>(a.low), high = static_cast<float>(a.high);
    const float x_zero = static_cast<float>(a.a_zero), y_zero = static_cast<float>(a.b_zero);
    const typename V::Float x_multiplier = V::set_float(a.a_multiplier), y_multiplier = V::set_float(a.b_multiplier);
    in_vectors<V>(0, length, [&](int64_t i, int64_t count) {
        const typename V::Float left = load_centred<V>(x, a.a_stride[2], i, count, x_zero);
        const typename V::Float right = load_centred<V>(y, a.b_stride[2], i, count, y_zero);
        const typename V::Float value = a.product ? V::mul(V::mul(left, right), x_multiplier)
                                                  : V::add(V::mul(left, x_multiplier), V::mul(right, y_multiplier));
        store_rounded<V>(out + i, count, value, zero, low, high);
    });
}

template <class V>
void binary(const rk_binary_args &a) {
    const int64_t runs = a.outer * a.middle;
    const bool flat = runs == 1 && a.a_stride[2] == 1 && a.b_stride[2] == 1;
    if (flat) {
        in_parts(a.inner, a.threads, [&](int64_t i, int64_t end) { binary_run<V>(a, a.a + i, a.b + i, a.out + i, end - i); });
        return;
    }
    const int64_t share = 1 + kElementsForThreads / (a.inner + 1);
    parallel_for((runs + share - 1) / share, a.threads, [&](int64_t part) {
        for (int64_t run = part * share; run < runs && run < (part + 1) * share; ++run) {
            const int64_t i = run / a.middle, j = run % a.middle;
            binary_run<V>(a, a.a + i * a.a_stride[0] + j * a.a_stride[1], a.b + i * a.b_stride[0] + j * a.b_stride[1],
                          a.out + run * a.inner, a.inner);
        }
    });
}

template <class V>
void lookup(const rk_lookup_args &a) {
    const int64_t share = 1 + kElementsForThreads / (a.length + 1);
    const bool flat = a.x_stride == a.length && a.out_stride == a.length;
    const auto run = [&](const uint8_t *x, uint8_t *out, int64_t length) {
        if (!a.table) {
            std::memcpy(out, x, static_cast<size_t>(length));
            return;
        }
        for (int64_t i = 0; i < length; ++i) out[i] = a.table[x[i]];
    };
    if (flat) {
        in_parts(a.rows * a.length, a.threads, [&](int64_t i, int64_t end) { run(a.x + i, a.out + i, end - i); });
        return;
    }
    parallel_for((a.rows + share - 1) / share, a.threads, [&](int64_t part) {
        for (int64_t row = part * share; row < a.rows && row < (part + 1) * share; ++row) {
            run(a.x + row * a.x_stride, a.out + row * a.out_stride, a.length);
        }
    });
}

template <class V>
void quantize(const rk_quantize_args &a) {
    const typename V::Float inverse = V::set_float(a.inverse_scale);
    in_parts(a.length, a.threads, [&](int64_t first, int64_t last) {
        in_vectors<V>(first, last, [&](int64_t i, int64_t count) {
            store_rounded<V>(a.out + i, count, V::mul(V::load_float(a.x + i, count), inverse), static_cast<float>(a.zero), 0, 255);
        });
    });
}

template <class V>
void dequantize(const rk_dequantize_args &a) {
    const typename V::Float scale = V::set_float(a.scale);
    in_parts(a.length, a.threads, [&](int64_t first, int64_t last) {
        in_vectors<V>(first, last, [&](int64_t i, int64_t count) {
            V::store_float(a.out + i, V::mul(load_centred<V>(a.x, 1, i, count, static_cast<float>(a.zero)), scale), count);
        });
    });
}

}  // namespace
}  // namespace rk
