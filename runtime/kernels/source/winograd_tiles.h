// Winograd's transforms of 3 x 3 convolutions along one axis: F(2, 3) and F(4, 3), in integers.
// With kernels multiplied by an integer matrix 24 G or 2 G when they are packed, and inputs by B', products summed over
// the channels and multiplied by A' give a multiple of the convolution. All sums are taken modulo 2**32: what overflows
// on the way is undone, as long as the multiple by a power of two that is left at the end fits. Packing sees to that.
#pragma once

#include "weight.h"

namespace rk {
namespace {

// Two outputs from four inputs: twice the convolution along each axis.
template <class V>
struct TwoOutputs {
    using Short = typename V::Short;
    using Int = typename V::Int;
    static constexpr int kOut = 2, kIn = 4;

    static void input(const Short (&d)[kIn], Short (&to)[kIn]) {
        to[0] = V::sub(d[0], d[2]);
        to[1] = V::add(d[1], d[2]);
        to[2] = V::sub(d[2], d[1]);
        to[3] = V::sub(d[1], d[3]);
    }

    static void output(const Int (&m)[kIn], Int (&to)[kOut]) {
        to[0] = V::add(m[0], V::add(m[1], m[2]));
        to[1] = V::sub(V::sub(m[1], m[2]), m[3]);
    }

    static Int convolution(Int sum, int, int) { return V::shift_right(sum, 2); }
};

// Four outputs from six inputs: 24 times the convolution along each axis, less the power of two that an output's sums
// have in common.
template <class V>
struct FourOutputs {
    using Short = typename V::Short;
    using Int = typename V::Int;
    static constexpr int kOut = 4, kIn = 6;

    static void input(const Short (&d)[kIn], Short (&to)[kIn]) {
        const Short even = V::sub(d[4], V::shift_left(d[2], 2)), odd = V::sub(d[3], V::shift_left(d[1], 2));
        const Short step = V::sub(d[4], d[2]), other = V::sub(d[3], d[1]), twice = V::add(other, other);
        to[0] = V::add(V::shift_left(V::sub(d[0], d[2]), 2), step);
        to[1] = V::add(even, odd);
        to[2] = V::sub(even, odd);
        to[3] = V::add(step, twice);
        to[4] = V::sub(step, twice);
        to[5] = V::sub(V::sub(d[5], d[3]), V::add(twice, twice));
    }

    static void output(const Int (&m)[kIn], Int (&to)[kOut]) {
        const Int near = V::add(m[1], m[2]), near_step = V::sub(m[1], m[2]);
        const Int far = V::add(m[3], m[4]), far_step = V::sub(m[3], m[4]);
        to[0] = V::add(twice(V::add(m[0], twice(near))), far);
        to[1] = V::add(twice(near_step), far_step);
        to[2] = V::add(near, far);
        to[3] = V::add(near_step, twice(V::add(far_step, m[5])));
    }

    // 576 = 9 * 2**6: nine is divided out by its inverse modulo 2**32.
    static Int convolution(Int sum, int row, int column) {
        constexpr int kInCommon[kOut] = {0, 1, 2, 2};
        return V::shift_right(V::mul(sum, V::set_int(0x38e38e39)), 6 - kInCommon[row] - kInCommon[column]);
    }

  private:
    static Int twice(Int value) { return V::add(value, value); }
};

}  // namespace
}  // namespace rk
