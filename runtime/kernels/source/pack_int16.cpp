// Weights as pairs of int16.
#include "packing.h"

namespace rk {

void pack_winograd(const rk_pack_args &args, Owner &out) {
    static constexpr int kG[4][3] = {{2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}};  // 2G
    out.offset_columns = round_up(args.columns, kInt16Columns);
    out.data.assign(static_cast<size_t>(out.offset_columns * args.channels * 16 * 2), 0);
    for (int64_t column = 0; column < args.columns; ++column) {
        const int64_t panel = column / kInt16Columns, lane = column % kInt16Columns;
        for (int64_t c = 0; c < args.channels; ++c) {
            int half[4][3] = {};
            for (int i = 0; i < 12; ++i) {
                for (int k = 0; k < 3; ++k)
                    half[i / 3][i % 3] += kG[i / 3][k] * weight_at(args, column, 3 * k + i % 3, c);
            }
            for (int i = 0; i < 16; ++i) {
                int sum = 0;
                for (int k = 0; k < 3; ++k) sum += half[i / 4][k] * kG[i % 4][k];
                const int64_t pair = (panel * 16 + i) * (args.channels / 2) + c / 2;
                out.put(pair * kInt16Columns + lane, c % 2, sum);
            }
        }
    }
    out.int16 = out.data.data();
}

void pack_int16(const rk_pack_args &args, Owner &out) {
    out.gathered = true;
    out.depth = round_up(args.taps * args.channels, 16);
    out.offset_columns = round_up(args.columns, kInt16Columns);
    out.panels = out.offset_columns / kInt16Columns;
    out.data.assign(static_cast<size_t>(args.groups * out.offset_columns * out.depth * 2), 0);
    for (int64_t column = 0; column < args.groups * args.columns; ++column) {
        const int64_t in_group = column % args.columns;
        const int64_t panel = column / args.columns * out.panels + in_group / kInt16Columns;
        for (int64_t k = 0; k < args.taps * args.channels; ++k) {
            const int64_t pair = panel * (out.depth / 2) + k / 2;
            out.put(pair * kInt16Columns + in_group % kInt16Columns, k % 2,
                    weight_at(args, column, k / args.channels, k % args.channels));
        }
    }
    out.int16 = out.data.data();
}

}  // namespace rk
