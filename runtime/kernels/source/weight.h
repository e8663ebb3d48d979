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
    bool int16;  // whether products in int16 serve Winograd convolutions and weights whose blocks are mostly wide
    int lines;   // lines of a depthwise kernel in one lane of 32 bits: 4 of int8, or 2 of int16
};

// Orders in which a block's four channels may stand, so that no pair of weights side by side could overflow int16.
constexpr int kOrders[3][4] = {{0, 1, 2, 3}, {0, 2, 1, 3}, {0, 3, 1, 2}};
// The kinds of blocks: plain ones of each order, joined and wide ones.
constexpr int kJoined = 3, kWide = 4, kBlockKinds = 5;

// Columns that are computed together. Their weights are cut into blocks: four channels of one tap for every column.
// For each tap come first the plain blocks, int8 [vector][lane][4], then two by two the joined ones, whose pairs could
// not overflow int16 even when those of both are summed, and last the wide ones, of which in any order some pair could:
// int16 [vector][2][lane][2], the even channels before the odd. Blocks of zeros are left out.
struct Panel {
    int32_t first_column;
    int32_t vectors;
    const int32_t *counts;   // [tap][kind]: how many blocks, or couples of joined ones
    const int32_t *offsets;  // [block]: the first of its four channels
    const uint8_t *data;
};

// A depthwise layer has one channel and one column a group: its weights are [tap along the width][group of
// lines][channel][line], int8 or int16 as the layout has lines.
enum class Kind { kDense, kDepthwise, kWinograd, kInt16 };

}  // namespace rk

struct rk_weight {
    rk::Kind kind;
    int64_t groups, columns, taps, channels;
    // All taps of a row are copied side by side beforehand: channels are no multiple of 4, or of 16 for int16, or int16
    // has several taps.
    bool gathered;
    int32_t tile;  // Winograd: outputs along each axis, 2 or 4
    int64_t
        depth;  // channels of a row as the panels see it: gathered, taps * channels rounded up to 4, or 16 for int16
    int64_t panels;          // of one group
    int64_t offset_columns;  // of one group, rounded up to whole vectors; of all groups where they are depthwise
    const rk::Panel *panel;  // [group][panel]
    const int32_t *offset;   // [group][offset_columns]: the bias less x_zero times the sum of the weights
    const uint8_t *depthwise;
    // Int16 [group][16 columns][pair of depths][column][2];
    // of Winograd [16 columns][element of (tile + 2) x (tile + 2)][pair of channels][column][2].
    const uint8_t *int16;
    int64_t bytes;
};

namespace rk {
rk_weight *pack(const rk_pack_args &args, const Layout &layout);
}
