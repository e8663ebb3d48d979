// Powers of vectors of numbers, to a few units in the last place of float32.
#pragma once

namespace rk {
namespace {

// 2 to the power of x, which is between -126 and 127: of its whole part and of what is left, at most a half.
template <class V>
inline typename V::Float two_to(typename V::Float x) {
    constexpr float kNearest[] = {0.00133170061f, 0.00967231055f, 0.055502824f, 0.240222133f, 0.693147586f, 1.0f};
    const typename V::Int whole = V::to_int(x);
    const typename V::Float rest = V::sub(x, V::to_float(whole));
    typename V::Float power = V::set_float(kNearest[0]);
#pragma GCC unroll 5
    for (int i = 1; i < 6; ++i) power = V::add(V::mul(power, rest), V::set_float(kNearest[i]));
    return V::mul(power, V::power_of_two(whole));
}

// e to the power of `times` x, or 2 to the power of `most` where that is less, or of -`most` where it is more.
template <class V>
inline typename V::Float exponential(typename V::Float x, float times, float most) {
    const typename V::Float power = V::mul(x, V::set_float(times * 1.44269504f));
    return two_to<V>(V::min(V::max(power, V::set_float(-most)), V::set_float(most)));
}

}  // namespace
}  // namespace rk
