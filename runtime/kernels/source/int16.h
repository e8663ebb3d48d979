// Tiles of products in int16, for Winograd's transforms.
#pragma once

#include "rows.h"

namespace rk {
namespace {

constexpr int kInt16Rows = 6;  // of a tile, by 16 columns

// Calls body.tile<n>(first) for groups of n rows.
template <class Body>
inline void each_tile(int64_t rows, const Body &body) {
    each_part(rows, kInt16Rows, [&](int64_t first, int64_t count) {
        switch (count) {
            case 1: return body.template tile<1>(first);
            case 2: return body.template tile<2>(first);
            case 3: return body.template tile<3>(first);
            case 4: return body.template tile<4>(first);
            case 5: return body.template tile<5>(first);
            default: return body.template tile<kInt16Rows>(first);
        }
    });
}

}  // namespace
}  // namespace rk
