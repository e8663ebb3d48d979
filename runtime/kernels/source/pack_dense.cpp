// Weights as blocks of four channels, for sets whose products of four codes and weights are exact.
#include "packing.h"

namespace rk {
namespace {

class DensePacker : public BlockPacker {
  public:
    DensePacker(const rk_pack_args &args, const Layout &layout, Owner &out) : BlockPacker(args, layout, out) {}

    void pack() {
        out_.depth = out_.gathered ? out_.depth : args_.channels;
        cut([&](int64_t group, int64_t first_column, int64_t) {
            const int64_t taps = out_.gathered ? 1 : args_.taps;
            for (int64_t tap = 0; tap < taps; ++tap) {
                int32_t count = 0;
                for (int64_t k = 0; k < out_.depth; k += 4) {
                    if (!read(group, first_column, tap * out_.depth + k)) continue;
                    ++count;
                    out_.offsets.push_back(static_cast<int32_t>(k));
                    write(kOrders[0]);
                }
                out_.counts.push_back(count);
            }
        });
    }
};

}  // namespace

void pack_dense(const rk_pack_args &args, const Layout &layout, Owner &out) { DensePacker(args, layout, out).pack(); }

}  // namespace rk
