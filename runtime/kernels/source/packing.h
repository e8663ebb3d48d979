// What the packers of weights share. Only for code that is built for any processor: it uses the standard library.
#pragma once

#include <cstring>
#include <new>
#include <vector>

#include "weight.h"

namespace rk {

// Memory that starts with a cache line.
template <class T>
struct CacheLines {
    using value_type = T;
    CacheLines() = default;
    template <class U>
    CacheLines(const CacheLines<U> &) {}
    T *allocate(size_t n) { return static_cast<T *>(::operator new(n * sizeof(T), std::align_val_t{64})); }
    void deallocate(T *p, size_t) { ::operator delete(p, std::align_val_t{64}); }
    bool operator==(const CacheLines &) const { return true; }
    bool operator!=(const CacheLines &) const { return false; }
};

// Packed weights with the memory that they point into.
struct Owner : rk_weight {
    std::vector<Panel> panel_list;
    std::vector<int32_t> counts, offsets, column_offsets;
    std::vector<uint8_t, CacheLines<uint8_t>> data;

    // The int16 weight `second` (0 or 1) of a lane.
    void put(int64_t lane, int64_t second, int weight) {
        const int16_t narrow = static_cast<int16_t>(weight);
        std::memcpy(&data[static_cast<size_t>(lane * 4 + second * 2)], &narrow, 2);
    }
};

constexpr int64_t kInt16Columns = 16;

inline int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// The weight of a column of all groups, at a tap and a channel of its group.
inline int weight_at(const rk_pack_args &args, int64_t column, int64_t tap, int64_t channel) {
    return args.weight[column * args.column_stride + tap * args.tap_stride + channel * args.channel_stride];
}

// Each fills `out`, but for the offsets of the columns. Dense tells whether so many blocks turned out wide that int16 is better.
bool pack_dense(const rk_pack_args &args, const Layout &layout, Owner &out);
void pack_depthwise(const rk_pack_args &args, const Layout &layout, Owner &out);
void pack_winograd(const rk_pack_args &args, int tile, Owner &out);
void pack_int16(const rk_pack_args &args, Owner &out);

}  // namespace rk
