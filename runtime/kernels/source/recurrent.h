// Recurrent layers: for each step the product of the hidden state, then the gates.
#pragma once

#include "convolve.h"
#include "exponential.h"
#include "wide.h"

namespace rk {
namespace {

// As powers of 2: beyond, no gate changes in float32; and three sums with one of them have a finite product.
constexpr float kMostPower = 40.0f;
constexpr int64_t kCells = 256;  // at once: what the first pass keeps stays in the first cache

// A vector of neighbouring cells, of which `count` are real.
struct Cells {
    const float *x, *high, *low, *bias;  // of the first gate; the others' lie `size` apart
    const float *before;                 // the hidden state
    float *state;                        // LSTM: the cell
    float *kept;                         // what the first pass leaves for the second
    int64_t size, count;

    // The input's share of a gate.
    template <class V>
    typename V::Float from_input(int gate) const {
        return V::load_float(x + gate * size, count);
    }
    // The hidden state's.
    template <class V>
    typename V::Float from_hidden(int gate) const {
        const int64_t at = gate * size;
        const typename V::Float sum = V::add(V::mul(V::load_float(high + at, count), V::set_float(256.0f)),
                                             V::load_float(low + at, count));
        return V::add(sum, V::load_float(bias + at, count));
    }
    template <class V>
    typename V::Float sum(int gate) const {
        return V::add(from_input<V>(gate), from_hidden<V>(gate));
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
void each_cell(const rk_recurrent_args &a, int gates, int64_t step, const float *before, Open open, Close close) {
    float kept[kCells];
    const int64_t width = gates * a.size;
    for (int64_t r = 0; r < a.rows; ++r) {
        for (int64_t first = 0; first < a.size; first += kCells) {
            const auto cells = [&](int64_t i, int64_t count) {
                const int64_t at = first + i, cell = r * a.size + at;
                const float *high = a.sums + r * width + at;
                return Cells{a.x_gates + (step * a.rows + r) * width + at,
                             high,
                             high + a.rows * width,
                             a.bias + at,
                             before + cell,
                             a.state ? a.state + cell : nullptr,
                             kept + i,
                             a.size,
                             count};
            };
            const int64_t together = at_most(a.size - first, kCells);
            float *out = a.out + (step * a.rows + r) * a.size + first;
            in_vectors<V>(0, together, [&](int64_t i, int64_t count) { open(cells(i, count)); });
            in_vectors<V>(0, together, [&](int64_t i, int64_t count) {
                V::store_float(out + i, close(cells(i, count)), count);
            });
        }
    }
}

template <class V, class Open, class Close>
void each_step(const rk_recurrent_args &a, int gates, Open open, Close close) {
    const int64_t cells = a.rows * a.size;
    rk_conv_args product = a.product;
    product.x = a.codes;
    product.out_float = a.sums;
    product.threads = a.threads;
    const float *before = a.start;
    for (int64_t done = 0; done < a.steps; ++done) {
        const int64_t step = a.reverse ? a.steps - 1 - done : done;
        widen_part<V>(before, a.codes, a.codes + cells, 0, cells, a.inverse_scale);
        conv<V>(product);
        each_cell<V>(a, gates, step, before, open, close);
        before = a.out + step * cells;
    }
}

// With the powers e of all gates, one division does for three: sigmoid is 1 / (1 + e), tanh is (1 - e) / (1 + e).
template <class V>
void lstm(const rk_recurrent_args &a) {
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
    each_step<V>(a, 4, open, [&](const Cells &cells) {
        const Float emit = V::load_float(cells.kept, cells.count);
        const Float state = gate_power<V>(V::load_float(cells.state, cells.count), -2.0f);
        return V::div(V::sub(one, state), V::mul(emit, V::add(one, state)));
    });
}

// The new state, (1 - update) candidate + update state, is likewise of one division.
template <class V>
void gru(const rk_recurrent_args &a) {
    using Float = typename V::Float;
    const Float one = V::set_float(1.0f);
    const auto open = [&](const Cells &cells) {
        const Float reset = one_and_power<V>(cells, 0);
        const Float from_state = V::div(cells.from_hidden<V>(2), reset);
        V::store_float(cells.kept, V::add(cells.from_input<V>(2), from_state), cells.count);
    };
    each_step<V>(a, 3, open, [&](const Cells &cells) {
        const Float update = gate_power<V>(cells.sum<V>(1), -1.0f);
        const Float candidate = gate_power<V>(V::load_float(cells.kept, cells.count), -2.0f);
        const Float beside = V::add(one, candidate);
        const Float kept = V::mul(V::load_float(cells.before, cells.count), beside);
        const Float state = V::add(V::mul(update, V::sub(one, candidate)), kept);
        return V::div(state, V::mul(V::add(one, update), beside));
    });
}

template <class V>
void rnn(const rk_recurrent_args &a) {
    using Float = typename V::Float;
    const Float one = V::set_float(1.0f);
    each_step<V>(
        a, 1, [](const Cells &) {},
        [&](const Cells &cells) {
            const Float sum = cells.sum<V>(0);
            if (a.relu) return V::max(sum, V::set_float(0.0f));
            const Float power = gate_power<V>(sum, -2.0f);
            return V::div(V::sub(one, power), V::add(one, power));
        });
}

}  // namespace
}  // namespace rk
