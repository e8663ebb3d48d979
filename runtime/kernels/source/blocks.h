// Products with weights in blocks of four channels, for sets whose products of four codes and weights sum pairs in
// int16. Codes are copied in tiles of eight rows, four channels of each side by side, in every order that some block
// wants.
#pragma once

#include "finish_sums.h"
#include "rows.h"
#include "threads.h"
#include "weight.h"

namespace rk {
namespace {

constexpr int64_t kBlockRows = 192;            // of a part of the work, at most; a multiple of every tile's rows
constexpr int64_t kTogetherBytes = 400 << 10;  // of a part's copies and sums: they are to stay in the second cache
constexpr int64_t kCopiesBytes = (kOrderCount + 2) * kCopyBytes;  // of a block in all, the widened codes among them

// The first block of four channels of a chunk.
inline int64_t chunk_start(const rk_weight &w, int64_t chunk) { return w.depth / 4 * chunk / w.chunks; }

// How many rows' copies and sums stay in the second cache.
inline int64_t rows_to_copy(const rk_weight &w) {
    const int64_t sums = w.chunks == 1 ? 0 : w.columns * kBlockHeight * 4;
    const int64_t tiles = kTogetherBytes / (divide_up(w.depth, 4 * w.chunks) * kCopiesBytes + sums);
    return at_most(at_least(tiles, 2) * kBlockHeight, kBlockRows);
}

template <class V>
constexpr int64_t kTileSums = kBlockHeight * kGroupPanels * V::kLanes;

// Copies of one tile after the other: of each the orders, as [block][row][4], and the widened codes, as
// [block][row][even, odd][2].
template <class V>
class CopiedRows {
  public:
    CopiedRows(const Rows &rows, int64_t count, const rk_weight &w, int64_t chunk)
        : w_(w),
          first_(chunk_start(w, chunk)),
          end_(chunk_start(w, chunk + 1)),
          bytes_((end_ - first_) * kCopiesBytes) {
        const int64_t tiles = divide_up(count, kBlockHeight);
        memory_ = static_cast<uint8_t *>(scratch(kCopies, tiles * bytes_));
        for (int64_t i = 0; i < tiles; ++i) copy(rows, i * kBlockHeight, count, memory_ + i * bytes_);
    }

    const uint8_t *tile(int64_t index) const { return memory_ + index * bytes_; }
    int64_t wide() const { return kOrderCount * (end_ - first_) * kCopyBytes; }

  private:
    void copy(const Rows &rows, int64_t first, int64_t count, uint8_t *to) const {
        const int64_t blocks = w_.depth / 4 / (w_.gathered ? 1 : w_.taps);  // of a tap
        uint8_t ends[kBlockHeight][4 * V::kBlocks];
        for (int64_t at = first_; at < end_;) {
            const int64_t tap = at / blocks, end = at_most((tap + 1) * blocks, end_);
            const uint8_t *x[kBlockHeight];
            for (int64_t r = 0; r < kBlockHeight; ++r)
                x[r] = rows.x[tap * rows.x_tap_stride + at_most(first + r, count - 1)] + (at - tap * blocks) * 4;
            for (; at + V::kBlocks <= end; at += V::kBlocks) {
                copy_blocks(x, at - first_, V::kBlocks, to);
                for (const uint8_t *&row : x) row += 4 * V::kBlocks;
            }
            if (at == end) continue;
            for (int64_t r = 0; r < kBlockHeight; ++r) {
                for (int64_t i = 0; i < (end - at) * 4; i += 4) std::memcpy(ends[r] + i, x[r] + i, 4);
                x[r] = ends[r];
            }
            copy_blocks(x, at - first_, end - at, to);
            at = end;
        }
    }

    // The next channels of eight rows.
    __attribute__((always_inline)) inline void copy_blocks(const uint8_t *const (&x)[kBlockHeight], int64_t block,
                                                           int64_t count, uint8_t *to) const {
        const int64_t order_bytes = (end_ - first_) * kCopyBytes;
        const bool second = w_.copies >> 1 & 1, third = w_.copies >> 2 & 1, widened = w_.copies >> kOrderCount & 1;
        typename V::Int codes[V::kBlocks];
        V::transpose(x, codes);
        uint8_t *plain = to + block * kCopyBytes, *wide = to + kOrderCount * order_bytes + 2 * block * kCopyBytes;
#pragma GCC unroll 8
        for (int64_t i = 0; i < count; ++i, plain += kCopyBytes, wide += 2 * kCopyBytes) {
            V::store_block(plain, codes[i]);
            if (second) V::store_block(plain + order_bytes, V::template reorder<1>(codes[i]));
            if (third) V::store_block(plain + 2 * order_bytes, V::template reorder<2>(codes[i]));
            if (widened) V::store_widened(wide, codes[i]);
        }
    }

    const rk_weight &w_;
    const int64_t first_, end_;  // blocks
    const int64_t bytes_;        // of a tile
    uint8_t *memory_;
};

// Fetches weights that come next, so much at a time that they are there when it is their turn.
class Ahead {
  public:
    Ahead(const uint8_t *first, const uint8_t *end, int64_t turns)
        : at_(first), end_(end), step_(divide_up(end - first, turns * kCacheLine) * kCacheLine) {}

    void fetch() {
        const uint8_t *end = at_ + at_most(step_, end_ - at_);
        for (; at_ < end; at_ += kCacheLine) __builtin_prefetch(at_, 0, 2);
    }

  private:
    static constexpr int64_t kCacheLine = 64;
    const uint8_t *at_, *end_;
    int64_t step_;
};

// Those of a group of panels.
inline Ahead panels_ahead(const rk_weight &w, int64_t next_panel, int64_t turns) {
    const int64_t panels = w.groups * w.chunks * w.panels, behind = next_panel + kGroupPanels;
    if (next_panel >= panels) return {nullptr, nullptr, turns};
    return {w.panel[next_panel].data, behind < panels ? w.panel[behind].data : w.end, turns};
}

// `count` rows of a chunk by panels from `first` on, and behind the last chunk on to codes; [tile][row][column] sums.
template <class V>
void multiply_blocks(const rk_weight &w, int64_t first, int64_t panels, int64_t chunk, const CopiedRows<V> &copied,
                     const Rows &rows, int64_t count, const TileFinish<V> &finish, int32_t *sums) {
    constexpr int64_t kStep = kGroupPanels * V::kLanes;
    Ahead ahead = panels_ahead(w, first + panels, divide_up(count, kBlockHeight) * panels);
    for (int64_t r = 0, i = 0; r < count; r += kBlockHeight, ++i) {
        const int64_t height = at_most(count - r, kBlockHeight);
        const uint8_t *codes = copied.tile(i);
        int32_t *tile = sums + (w.chunks == 1 ? 0 : i * kTileSums<V>);
        for (int64_t p = 0; p < panels; ++p) {
            ahead.fetch();
            V::multiply_blocks(height, codes, codes + copied.wide(), w.panel[first + p], chunk == 0,
                               tile + p * V::kLanes);
        }
        if (chunk + 1 < w.chunks) continue;
        if (rows.offset) add_offsets<V>(rows.offset + r, height, kStep, tile);
        finish.run(r, height, tile, kStep);
    }
}

}  // namespace
}  // namespace rk
