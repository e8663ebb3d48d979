// Moving elements about in memory, between kernels.
#include <algorithm>
#include <cstring>

#include "interleave.h"
#include "program.h"
#include "threads.h"

namespace {

constexpr int64_t kShortLoop = 8;  // elements below which another dimension had better be the inner loop
constexpr int64_t kElementsForThreads = 1 << 16;

// The dimensions of a move as loops: the last is the innermost.
struct Loops {
    int32_t count = 0;
    int64_t size[8], x[8], out[8];

    explicit Loops(const rk_move_args &a) {
        for (int32_t d = 0; d < a.dims; ++d) {
            if (a.size[d] == 1) continue;
            const int32_t last = count - 1;
            if (count && x[last] == a.x_stride[d] * a.size[d] && out[last] == a.out_stride[d] * a.size[d]) {
                size[last] *= a.size[d];
                x[last] = a.x_stride[d];
                out[last] = a.out_stride[d];
            } else {
                size[count] = a.size[d];
                x[count] = a.x_stride[d];
                out[count++] = a.out_stride[d];
            }
        }
        if (count == 0) {
            size[0] = 1;
            x[0] = out[0] = 0;
            count = 1;
        }
        sort();
    }

    // Outputs in the order of memory, but no short loop inside.
    void sort() {
        for (int32_t i = 1; i < count; ++i) {
            for (int32_t j = i; j > 0 && out[j] > out[j - 1]; --j) exchange(j, j - 1);
        }
        const int32_t last = count - 1;
        if (size[last] >= kShortLoop) return;
        exchange(static_cast<int32_t>(std::max_element(size, size + count) - size), last);
    }

    void exchange(int32_t i, int32_t j) {
        std::swap(size[i], size[j]);
        std::swap(x[i], x[j]);
        std::swap(out[i], out[j]);
    }

    // Takes a few planes out that become neighbours, if the innermost loop walks through those: returns how many, or 0.
    int64_t take_planes(int64_t &step) {
        const int64_t planes = out[count - 1];
        if (x[count - 1] != 1 || planes < 2 || planes > rk::kMostPlanes) return 0;
        for (int32_t d = 0; d + 1 < count; ++d) {
            if (out[d] != 1 || size[d] != planes) continue;
            step = x[d];
            size[d] = 1;
            return planes;
        }
        return 0;
    }

    int64_t outer() const {
        int64_t product = 1;
        for (int32_t i = 0; i + 1 < count; ++i) product *= size[i];
        return product;
    }
};

template <class T>
void move_inner(const Loops &loops, const T *x, T *out) {
    const int32_t last = loops.count - 1;
    const int64_t n = loops.size[last], from = loops.x[last], to = loops.out[last];
    if (from == 1 && to == 1) {
        std::memcpy(out, x, static_cast<size_t>(n) * sizeof(T));
    } else {
        for (int64_t i = 0; i < n; ++i) out[i * to] = x[i * from];
    }
}

// Calls body(x, out) with where each innermost loop starts.
template <class T, class Body>
void each_loop(const Loops &loops, const rk_move_args &a, Body body) {
    const int64_t outer = loops.outer(), inner = loops.size[loops.count - 1];
    const int64_t block = std::max<int64_t>(1, kElementsForThreads / std::max<int64_t>(inner, 1));
    rk::parallel_for((outer + block - 1) / block, a.threads, [&](int64_t part) {
        const int64_t end = std::min(outer, (part + 1) * block);
        for (int64_t i = part * block; i < end; ++i) {
            const T *x = static_cast<const T *>(a.x);
            T *out = static_cast<T *>(a.out);
            int64_t index = i;
            for (int32_t d = loops.count - 2; d >= 0; --d) {
                x += index % loops.size[d] * loops.x[d];
                out += index % loops.size[d] * loops.out[d];
                index /= loops.size[d];
            }
            body(x, out);
        }
    });
}

template <class T>
void move(const rk_move_args &a) {
    Loops loops(a);
    if constexpr (sizeof(T) == 1) {
        int64_t step;
        if (const int64_t planes = loops.take_planes(step)) {
            each_loop<T>(loops, a, [&](const uint8_t *x, uint8_t *out) {
                const uint8_t *plane[rk::kMostPlanes];
                for (int64_t p = 0; p < planes; ++p) plane[p] = x + p * step;
                rk::interleave(plane, planes, out, loops.size[loops.count - 1]);
            });
            return;
        }
    }
    each_loop<T>(loops, a, [&](const T *x, T *out) { move_inner(loops, x, out); });
}

}  // namespace

void rk_move(const rk_move_args *args) {
    for (int32_t d = 0; d < args->dims; ++d) {
        if (args->size[d] == 0) return;
    }
    switch (args->width) {
        case 1: return move<uint8_t>(*args);
        case 2: return move<uint16_t>(*args);
        case 4: return move<uint32_t>(*args);
        case 8: return move<uint64_t>(*args);
    }
}
