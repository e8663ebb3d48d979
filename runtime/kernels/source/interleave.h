// A few planes of codes side by side, as images of three colours are wanted by their first layer.
#pragma once

#include <cstdint>

namespace rk {

constexpr int64_t kMostPlanes = 4;

// out[i * planes + p] = plane[p][i] for 2 to kMostPlanes planes, by the instruction set that was chosen.
void interleave(const uint8_t *const *plane, int64_t planes, uint8_t *out, int64_t length);

namespace {

// Compilers know the shuffles for it.
template <int kPlanes>
void interleave_planes(const uint8_t *const *plane, uint8_t *__restrict out, int64_t length) {
    const uint8_t *from[kPlanes];
    for (int p = 0; p < kPlanes; ++p) from[p] = plane[p];
    for (int64_t i = 0; i < length; ++i) {
        for (int p = 0; p < kPlanes; ++p) out[i * kPlanes + p] = from[p][i];
    }
}

// Built anew for every instruction set.
inline void interleave_few(const uint8_t *const *plane, int64_t planes, uint8_t *out, int64_t length) {
    switch (planes) {
        case 2: return interleave_planes<2>(plane, out, length);
        case 3: return interleave_planes<3>(plane, out, length);
        case 4: return interleave_planes<4>(plane, out, length);
    }
}

}  // namespace
}  // namespace rk
