// The gates of recurrent layers, after the products.
#pragma once

#include "elementwise.h"
#include "exponential.h"

namespace rk {
namespace {

// Calls body(x, h, state, hidden, i, count) for the vectors of every row.
template <class V, class Body>
void each_cell(const rk_gates_args &a, int gates, Body body) {
    const ToCodes<V> codes(a.zero, 0, 255);
    for (int64_t r = 0; r < a.rows; ++r) {
        const float *x = a.x_gates + r * a.x_stride, *h = a.h_gates + r * a.size * gates;
        codes.fill(a.hidden + r * a.hidden_stride, 0, a.size, [&](int64_t i, int64_t count) {
            return V::mul(body(x + i, h + i, a.state + r * a.size + i, count), V::set_float(a.inverse_scale));
        });
    }
}

template <class V>
typename V::Float both(const float *x, const float *h, int64_t count) {
    return V::add(V::load_float(x, count), V::load_float(h, count));
}

template <class V>
void lstm_gates(const rk_gates_args &a) {
    using Float = typename V::Float;
    each_cell<V>(a, 4, [&](const float *x, const float *h, float *state, int64_t count) {
        const Float admit = sigmoid<V>(both<V>(x, h, count));
        const Float forget = sigmoid<V>(both<V>(x + a.size, h + a.size, count));
        const Float candidate = hyperbolic_tangent<V>(both<V>(x + 2 * a.size, h + 2 * a.size, count));
        const Float emit = sigmoid<V>(both<V>(x + 3 * a.size, h + 3 * a.size, count));
        const Float cell = V::add(V::mul(forget, V::load_float(state, count)), V::mul(admit, candidate));
        V::store_float(state, cell, count);
        return V::mul(emit, hyperbolic_tangent<V>(cell));
    });
}

template <class V>
void gru_gates(const rk_gates_args &a) {
    using Float = typename V::Float;
    each_cell<V>(a, 3, [&](const float *x, const float *h, float *state, int64_t count) {
        const Float reset = sigmoid<V>(both<V>(x, h, count));
        const Float update = sigmoid<V>(both<V>(x + a.size, h + a.size, count));
        const Float from_state = V::mul(reset, V::load_float(h + 2 * a.size, count));
        const Float candidate = hyperbolic_tangent<V>(V::add(V::load_float(x + 2 * a.size, count), from_state));
        const Float kept = V::mul(V::sub(V::set_float(1.0f), update), candidate);
        const Float next = V::add(kept, V::mul(update, V::load_float(state, count)));
        V::store_float(state, next, count);
        return next;
    });
}

}  // namespace
}  // namespace rk
