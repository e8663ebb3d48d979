// All kernels of one instruction set, and the table through which they are called.
// Everything that is built for an instruction set is in an unnamed namespace and uses nothing of the standard library
// that leaves code behind: the linker would keep one copy for all, perhaps one that this processor cannot run.
#pragma once

#include "abi.h"
#include "convolve.h"
#include "elementwise.h"
#include "interleave.h"
#include "matmul.h"
#include "normalize.h"
#include "pool.h"
#include "recurrent.h"
#include "weight.h"
#include "wide.h"

namespace rk {

struct Kernels {
    const char *name;
    bool (*supported)();
    Layout layout;
    void (*interleave)(const uint8_t *const *plane, int64_t planes, uint8_t *out, int64_t length);
#define RK_ENTRY(name, type) void (*name)(const type &);
    RK_KERNELS(RK_ENTRY)
#undef RK_ENTRY
};

extern const Kernels portable, avx2, avx512vnni;

namespace {

template <class V>
constexpr Kernels kernels_of() {
    constexpr Layout layout{V::kLanes, V::kVectors, V::kPairsSaturate, V::kWinograd, V::kLines};
#define RK_INSTANCE(name, type) name<V>,
    return {V::kName, V::supported, layout, interleave_few, RK_KERNELS(RK_INSTANCE)};
#undef RK_INSTANCE
}

}  // namespace
}  // namespace rk
