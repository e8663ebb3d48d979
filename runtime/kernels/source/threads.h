// A pool of worker threads, made when first needed.
#pragma once

#include <cstdint>

namespace rk {

// Calls task(context, i) for every i below `count`, on at most `threads` threads with the caller among them, and waits
// for all. While the pool works for somebody else, the caller does everything itself.
void parallel(int64_t count, int threads, void (*task)(void *context, int64_t index), void *context);

// Memory of the calling thread that is kept between calls; `slot` tells apart buffers used at the same time.
enum Slot { kPointers, kGathered, kPadding, kPacked, kCopies, kWidened, kOffsets, kMultipliers, kSums, kSlots };
void *scratch(Slot slot, int64_t bytes);

template <class Body>
void parallel_for(int64_t count, int threads, Body body) {
    parallel(count, threads, [](void *context, int64_t index) { (*static_cast<Body *>(context))(index); }, &body);
}

}  // namespace rk
