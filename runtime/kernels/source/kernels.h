// All kernels of one instruction set, and the table through which they are called.
// Everything that is built for an instruction set is in an unnamed namespace and uses nothing of the standard library
// that leaves code behind: the linker would keep one copy for all, perhaps one that this processor cannot run.
#pragma once

#include "abi.h"
#include "convolve.h"
#include "elementwise.h"
#include "gates.h"
#include "interleave.h"
#include "matmul.h"
#include "normalize.h"
#include "pool.h"
#include "weight.h"

namespace rk {

struct Kernels {
    const char *name;
    bool (*supported)();
    Layout layout;
    void (*conv)(const rk_conv_args &);
    void (*matmul)(const rk_matmul_args &);
    void (*binary)(const rk_binary_args &);
    void (*lookup)(const rk_lookup_args &);
    void (*pool)(const rk_pool_args &);
    void (*quantize)(const rk_quantize_args &);
    void (*dequantize)(const rk_dequantize_args &);
    void (*softmax)(const rk_softmax_args &);
    void (*layer_norm)(const rk_layer_norm_args &);
    void (*lstm_gates)(const rk_gates_args &);
    void (*gru_gates)(const rk_gates_args &);
    void (*interleave)(const uint8_t *const *plane, int64_t planes, uint8_t *out, int64_t length);
};

extern const Kernels portable, avx2, avx512vnni;

namespace {

template <class V>
constexpr Kernels kernels_of() {
    constexpr Layout layout{V::kLanes, V::kVectors, V::kPairsSaturate, V::kWinograd, V::kLines};
    return {V::kName,    V::supported,  layout,     convolve<V>,   matmul<V>,     binary<V>,    lookup<V>,     pool<V>,
            quantize<V>, dequantize<V>, softmax<V>, layer_norm<V>, lstm_gates<V>, gru_gates<V>, interleave_few};
}

}  // namespace
}  // namespace rk
