// Kernels that treat every code alike.
#pragma once

#include <cstring>

#include "abi.h"
#include "finish.h"
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

// Float32 numbers to codes.
template <class V>
class ToCodes {
  public:
    ToCodes(int32_t zero, int32_t low, int32_t high) : range_(zero, low, high) {}

    // out[i] = code of value(i, count) for i in first..last.
    template <class Value>
    void fill(uint8_t *out, int64_t first, int64_t last, Value value) const {
        constexpr int kTogether = 4;
        for (; first + kTogether * V::kLanes <= last; first += kTogether * V::kLanes) {
            typename V::Int codes[1][kTogether];
#pragma GCC unroll 4
            for (int v = 0; v < kTogether; ++v)
                codes[0][v] = V::to_code(value(first + v * V::kLanes, int64_t{V::kLanes}), range_);
            V::template store_rows<1, kTogether>(&out, 1, first, codes, range_);
        }
        in_vectors<V>(first, last, [&](int64_t i, int64_t count) {
            V::store_codes(out + i, V::to_code(value(i, count), range_), count, range_);
        });
    }

  private:
    const typename V::Range range_;
};

template <class V>
inline typename V::Float load_centred(const uint8_t *x, int64_t i, int64_t count, typename V::Int minus_zero) {
    return V::to_float(V::add(V::load_codes(x + i, count), minus_zero));
}

// One side of a binary operation: a run of codes, or one code repeated.
template <class V>
class Side {
  public:
    Side(const uint8_t *x, int64_t stride, int32_t zero)
        : x_(x), runs_(stride != 0), minus_zero_(V::set_int(-zero)), repeated_(V::to_float(V::set_int(*x - zero))) {}

    typename V::Float operator()(int64_t i, int64_t count) const {
        return runs_ ? load_centred<V>(x_, i, count, minus_zero_) : repeated_;
    }

  private:
    const uint8_t *x_;
    bool runs_;
    typename V::Int minus_zero_;
    typename V::Float repeated_;
};

template <class V>
void binary_run(const rk_binary_args &a, const uint8_t *x, const uint8_t *y, uint8_t *out, int64_t length) {
    const Side<V> left(x, a.a_stride[2], a.a_zero), right(y, a.b_stride[2], a.b_zero);
    const ToCodes<V> codes(a.zero, a.low, a.high);
    const typename V::Float left_multiplier = V::set_float(a.a_multiplier),
                            right_multiplier = V::set_float(a.b_multiplier);
    if (a.product) {
        codes.fill(out, 0, length, [&](int64_t i, int64_t count) {
            return V::mul(V::mul(left(i, count), right(i, count)), left_multiplier);
        });
    } else {
        codes.fill(out, 0, length, [&](int64_t i, int64_t count) {
            return V::add(V::mul(left(i, count), left_multiplier), V::mul(right(i, count), right_multiplier));
        });
    }
}

template <class V>
void binary(const rk_binary_args &a) {
    const int64_t runs = a.outer * a.middle;
    if (runs * a.inner == 0) return;
    if (runs == 1 && a.a_stride[2] == 1 && a.b_stride[2] == 1) {
        in_parts(a.inner, a.threads,
                 [&](int64_t i, int64_t end) { binary_run<V>(a, a.a + i, a.b + i, a.out + i, end - i); });
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
void look_up(const uint8_t *table, const uint8_t *x, uint8_t *out, int64_t length) {
    if (!table) {
        std::memcpy(out, x, static_cast<size_t>(length));
        return;
    }
    int64_t i = V::look_up(table, x, out, length);
    for (; i + 8 <= length;
         i += 8) {  // eight codes a load and a store: `out` may be `table` for all the compiler knows
        uint64_t from, to = 0;
        std::memcpy(&from, x + i, 8);
#pragma GCC unroll 8
        for (int byte = 0; byte < 64; byte += 8) to |= uint64_t{table[(from >> byte) & 255]} << byte;
        std::memcpy(out + i, &to, 8);
    }
    for (; i < length; ++i) out[i] = table[x[i]];
}

template <class V>
void lookup(const rk_lookup_args &a) {
    if (a.x_stride == a.length && a.out_stride == a.length) {
        in_parts(a.rows * a.length, a.threads,
                 [&](int64_t i, int64_t end) { look_up<V>(a.table, a.x + i, a.out + i, end - i); });
        return;
    }
    const int64_t share = 1 + kElementsForThreads / (a.length + 1);
    parallel_for((a.rows + share - 1) / share, a.threads, [&](int64_t part) {
        for (int64_t row = part * share; row < a.rows && row < (part + 1) * share; ++row) {
            look_up<V>(a.table, a.x + row * a.x_stride, a.out + row * a.out_stride, a.length);
        }
    });
}

template <class V>
void prelu(const rk_prelu_args &a) {
    const ToCodes<V> codes(a.zero, 0, 255);
    const typename V::Float multiplier = V::set_float(a.multiplier), none = V::set_float(0.0f);
    const typename V::Int minus_zero = V::set_int(-a.x_zero);
    const int64_t periods = (a.length + a.period - 1) / a.period, share = 1 + kElementsForThreads / (a.period + 1);
    parallel_for((periods + share - 1) / share, a.threads, [&](int64_t part) {
        for (int64_t p = part * share; p < periods && p < (part + 1) * share; ++p) {
            const int64_t first = p * a.period, rest = a.length - first;
            codes.fill(a.out + first, 0, rest < a.period ? rest : a.period, [&](int64_t i, int64_t count) {
                const typename V::Float number = load_centred<V>(a.x + first, i, count, minus_zero);
                const typename V::Float below =
                    V::mul(V::min(number, none), V::load_float(a.negative + i, count));
                return V::add(V::mul(V::max(number, none), multiplier), below);
            });
        }
    });
}

template <class V>
void quantize(const rk_quantize_args &a) {
    const ToCodes<V> codes(a.zero, 0, 255);
    const typename V::Float inverse = V::set_float(a.inverse_scale);
    in_parts(a.length, a.threads, [&](int64_t first, int64_t last) {
        codes.fill(a.out, first, last,
                   [&](int64_t i, int64_t count) { return V::mul(V::load_float(a.x + i, count), inverse); });
    });
}

template <class V>
void dequantize(const rk_dequantize_args &a) {
    const typename V::Float scale = V::set_float(a.scale);
    const typename V::Int minus_zero = V::set_int(-a.zero);
    in_parts(a.length, a.threads, [&](int64_t first, int64_t last) {
        in_vectors<V>(first, last, [&](int64_t i, int64_t count) {
            V::store_float(a.out + i, V::mul(load_centred<V>(a.x, i, count, minus_zero), scale), count);
        });
    });
}

}  // namespace
}  // namespace rk
