// The gates of recurrent layers, after the products.
#pragma once

#include "elementwise.h"
#include "exponential.h"

namespace rk {
namespace {

// As powers of 2: beyond, no gate changes in float32; and three sums with one of them have a finite product.
constexpr float kMostPower = 40.0f;
constexpr int64_t kCells = 256;  // at once: what the first pass keeps stays in the first cache

// A vector of neighbouring cells, of which `count` are real.
struct Cells {
    const float *x, *h;  // of the first gate; the others' lie `size` apart
    float *state;
    float *kept;  // what the first pass leaves for the second
    int64_t size, count;

    template <class V>
    typename V::Float sum(int gate) const {
        return V::add(V::load_float(x + gate * size, count), V::load_float(h + gate * size, count));
    }
};

template <class V>
typename V::Float gate_power(typename V::Float x, float times) {
    return exponential<V>(x, times, kMostPower);
}

// 1 + e of a gate, whose inverse is its sigmoid.
template <class V>
typename V::Float one_and_power(const Cells &cells, int gate) {
    return V::add(V::set_float(1.0f), gate_power<V>(cells.sum<V>(gate), -1.0f));
}

// Two passes over the cells of every row, of which `close` gives the hidden state: the powers of one cell wait for each
// other, those of many do not.
template <class V, class Open, class Close>
void each_cell(const rk_gates_args &a, int gates, Open open, Close close) {
    const ToCodes<V> codes(a.zero, 0, 255);
    float kept[kCells];
    for (int64_t r = 0; r < a.rows; ++r) {
        for (int64_t first = 0; first < a.size; first += kCells) {
            const float *x = a.x_gates + r * a.x_stride + first, *h = a.h_gates + r * a.size * gates + first;
            float *state = a.state + r * a.size + first;
            const auto cells = [&](int64_t i, int64_t count) {
                return Cells{x + i, h + i, state + i, kept + i, a.size, count};
            };
            const int64_t together = at_most(a.size - first, kCells);
            in_vectors<V>(0, together, [&](int64_t i, int64_t count) { open(cells(i, count)); });
            codes.fill(a.hidden + r * a.hidden_stride + first, 0, together, [&](int64_t i, int64_t count) {
                return V::mul(close(cells(i, count)), V::set_float(a.inverse_scale));
            });
        }
    }
}

// With the powers e of all gates, one division does for three: sigmoid is 1 / (1 + e), tanh is (1 - e) / (1 + e).
template <class V>
void lstm_gates(const rk_gates_args &a) {
    using Float = typename V::Float;
    const Float one = V::set_float(1.0f);
    const auto open = [&](const Cells &cells) {
        const Float admit = one_and_power<V>(cells, 0);
        const Float forget = one_and_power<V>(cells, 1);
        const Float candidate = gate_power<V>(cells.sum<V>(2), -2.0f);
        const Float admitted = V::mul(admit, V::add(one, candidate));
        const Float kept = V::mul(V::load_float(cells.state, cells.count), admitted);
        const Float state = V::add(kept, V::mul(V::sub(one, candidate), forget));
        V::store_float(cells.state, V::div(state, V::mul(forget, admitted)), cells.count);
        V::store_float(cells.kept, one_and_power<V>(cells, 3), cells.count);
    };
    each_cell<V>(a, 4, open, [&](const Cells &cells) {
        const Float emit = V::load_float(cells.kept, cells.count);
        const Float state = gate_power<V>(V::load_float(cells.state, cells.count), -2.0f);
        return V::div(V::sub(one, state), V::mul(emit, V::add(one, state)));
    });
}

// The new state, (1 - update) candidate + update state, is likewise of one division.
template <class V>
void gru_gates(const rk_gates_args &a) {
    using Float = typename V::Float;
    const Float one = V::set_float(1.0f);
    const auto open = [&](const Cells &cells) {
        const Float reset = one_and_power<V>(cells, 0);
        const Float from_state = V::div(V::load_float(cells.h + 2 * a.size, cells.count), reset);
        V::store_float(cells.kept, V::add(V::load_float(cells.x + 2 * a.size, cells.count), from_state), cells.count);
    };
    each_cell<V>(a, 3, open, [&](const Cells &cells) {
        const Float update = gate_power<V>(cells.sum<V>(1), -1.0f);
        const Float candidate = gate_power<V>(V::load_float(cells.kept, cells.count), -2.0f);
        const Float beside = V::add(one, candidate);
        const Float kept = V::mul(V::load_float(cells.state, cells.count), beside);
        const Float state = V::add(V::mul(update, V::sub(one, candidate)), kept);
        const Float next = V::div(state, V::mul(V::add(one, update), beside));
        V::store_float(cells.state, next, cells.count);
        return next;
    });
}

}  // namespace
}  // namespace rk
