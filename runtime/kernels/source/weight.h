// Weights as the kernels read them: one stream of bytes from front to back.
#pragma once

#include <cstdint>

#include "abi.h"

namespace rk {

// What an instruction set wants of the layout.
struct Layout {
    int lanes;        // columns of one vector of int32 sums
    int max_vectors;  // vectors of one panel
    // Whether the dot product of four codes with four weights sums pairs in int16, which saturates.
    bool pairs_saturate;
    int winograd;  // outputs along an axis from which on Winograd's transforms pay, or 0
    int lines;     // lines of a depthwise kernel in one lane of 32 bits: 4 of int8, or 2 of int16
};

// Orders in which a block's four channels may stand, so that no pair of weights side by side could overflow int16.
constexpr int kOrderCount = 3;
constexpr int kOrders[kOrderCount][4] = {{0, 1, 2, 3}, {0, 2, 1, 3}, {0, 3, 1, 2}};

// Columns that are computed together. Their weights are cut into blocks: four channels of one tap for every column,
// int8 [vector][lane][4]. Blocks of zeros are left out. Where pairs could saturate, a panel is one vector wide and its
// blocks are of three kinds: plain ones, each in an order in which no pair of weights could overflow int16; two by two
// the joined ones, whose pairs could not overflow int16 even when those of both are summed; and the wide ones, of which
// in any order some pair could: int16 [even, odd][lane][2].
constexpr int kBlockHeight = 8;                   // rows of such a tile
constexpr int64_t kCopyBytes = 4 * kBlockHeight;  // of a block's codes in one order
constexpr int kGroupPanels = 8;              // that are computed together, so that codes are read from the first cache
constexpr int64_t kChunkDepth = 512;         // at most, likewise
constexpr int64_t kInt16Columns = 16;        // of a panel of int16 weights
constexpr int64_t kFewRows = 8;              // that do not pay for weights or codes that are laid out beforehand
constexpr int64_t kFetchedAhead = 24 << 10;  // bytes of transformed weights, which come from afar
enum BlockKind { kPlain, kJoined, kWide, kBlockKinds };

struct Panel {
    int32_t first_column;
    int32_t vectors;
    // How many blocks, or couples of joined ones: [tap], or [kind].
    const int32_t *counts;
    // [block]: the first of its four channels, or where its codes lie in the copies of a tile.
    const int32_t *offsets;
    const uint8_t *data;
};

// Dense weights are blocks for all that have products of four codes and weights without saturation. Where pairs would
// saturate, the cheapest of three serves: blocks; pairs, int16 for shallow layers; sums, int8 that are widened when
// their turn comes, and whatever they cost where few rows are expected. A depthwise layer has one channel and one
// column a group: its weights are [tap along the width][group of lines][channel][line], int8 or int16 as the layout has
// lines.
enum class Kind { kDense, kBlocks, kDepthwise, kWinograd, kSums, kPairs };

}  // namespace rk

struct rk_weight {
    rk::Kind kind;
    int64_t groups, columns, taps, channels;
    // All taps of a row are copied side by side beforehand: channels are no multiple of 4, 8 for pairs or 16 for sums,
    // or pairs and sums have several taps.
    bool gathered;
    int32_t copies;  // of blocks: a bit for each order that occurs, and behind them one for wide blocks
    int32_t tile;    // Winograd: outputs along each axis, 2 or 4
    // Channels of a row as the panels see it, rounded up to 4, to 2 for pairs or 16 for sums; of one tap only where
    // that is dense and not gathered.
    int64_t depth;
    int64_t panels;              // of one group
    int64_t offset_columns;      // of one group, rounded up to whole vectors; of all groups where they are depthwise
    int64_t chunks;              // of the depth, of blocks; otherwise 1
    const rk::Panel *panel;      // [group][chunk][panel]
    const uint8_t *end;          // of the panels' data
    const int32_t *offset;       // [group][offset_columns]: the bias less x_zero times the sum of the weights
    const int32_t *column_sums;  // of kSums, likewise: of the weights
    const uint8_t *depthwise;
    // What int16 products take. Of sums int8 [group][16 columns][four depths][column][4]; int16 of pairs [group][16
    // columns, or the last 8][pair of depths][column][2], and of Winograd [16 columns][element of (tile + 2) x
    // (tile + 2)][pair of channels][column][2].
    const uint8_t *int16;
    int64_t bytes;
    mutable uint8_t backwards;  // whether the last one that multiplied few rows went from the last column to the first
};

namespace rk {
rk_weight *pack(const rk_pack_args &args, const Layout &layout);
}
