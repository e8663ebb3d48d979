// exp, sigmoid and tanh of vectors, to a few units in the last place of float32.
#pragma once

namespace rk {
namespace {

template <class V>
inline typename V::Float exponential(typename V::Float x) {
    using Float = typename V::Float;
    x = V::min(V::max(x, V::set_float(-87.0f)), V::set_float(88.0f));
    const typename V::Int power = V::to_int(V::mul(x, V::set_float(1.44269504f)));
    const Float n = V::to_float(power);
    // x - n ln 2, with ln 2 in two parts so that the difference keeps its digits.
    Float r = V::sub(x, V::mul(n, V::set_float(0.693359375f)));
    r = V::sub(r, V::mul(n, V::set_float(-2.12194440e-4f)));
    constexpr float kTaylor[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
    Float sum = V::set_float(kTaylor[0]);
#pragma GCC unroll 8
    for (int i = 1; i < 7; ++i) sum = V::add(V::mul(sum, r), V::set_float(kTaylor[i]));
    return V::mul(sum, V::power_of_two(power));
}

template <class V>
inline typename V::Float sigmoid(typename V::Float x) {
    const typename V::Float one = V::set_float(1.0f);
    return V::div(one, V::add(one, exponential<V>(V::sub(V::set_float(0.0f), x))));
}

template <class V>
inline typename V::Float hyperbolic_tangent(typename V::Float x) {
    return V::sub(V::mul(sigmoid<V>(V::add(x, x)), V::set_float(2.0f)), V::set_float(1.0f));
}

}  // namespace
}  // namespace rk
