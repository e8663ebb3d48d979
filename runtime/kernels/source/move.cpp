// Moving elements about in memory, between kernels.
#include <algorithm>
#include <cstring>

#include "interleave.h"
#include "program.h"
#include "threads.h"

namespace {

constexpr int64_t kShortLoop = 8;  // elements below which another dimension had better be the inner loop
constexpr int64_t kElementsForThreads = 1 << 16;
constexpr int64_t kLine = 64;  // bytes that memory comes in

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

    // Puts the dimension along which x goes on last, and the one along which out goes on before it, if these are two long
    // ones: says whether they are.
    bool take_square() {
        const int32_t column = following(x), row = following(out);
        if (column < 0 || row < 0 || column == row) return false;
        exchange(column, count - 1);
        exchange(row == count - 1 ? column : row, count - 2);
        return true;
    }

    // A long dimension whose elements are neighbours, or -1.
    int32_t following(const int64_t *stride) const {
        for (int32_t d = 0; d < count; ++d) {
            if (stride[d] == 1 && size[d] >= kShortLoop) return d;
        }
        return -1;
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

// out[c][r] = x[r][c], for as many rows and columns as a line holds or fewer. Lines are read and written whole: where
// they lie a power of two apart, the cache would not keep them until their next element.
template <class T>
void transpose(const T *x, int64_t x_row, int64_t rows, T *out, int64_t out_column, int64_t columns) {
    constexpr int64_t kSide = kLine / sizeof(T);
    T tile[kSide * kSide];
    if (rows == kSide && columns == kSide) {
        for (int64_t r = 0; r < kSide; ++r) {
            for (int64_t c = 0; c < kSide; ++c) tile[c * kSide + r] = x[r * x_row + c];
        }
        for (int64_t c = 0; c < kSide; ++c) std::memcpy(out + c * out_column, tile + c * kSide, kLine);
        return;
    }
    for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < columns; ++c) tile[c * kSide + r] = x[r * x_row + c];
    }
    for (int64_t c = 0; c < columns; ++c)
        std::memcpy(out + c * out_column, tile + c * kSide, static_cast<size_t>(rows) * sizeof(T));
}

// Calls body(x, out, number) with where each innermost loop starts, which moves `lines` times as much as it is long.
template <class T, class Body>
void each_loop(const Loops &loops, const rk_move_args &a, int64_t lines, Body body) {
    const int64_t outer = loops.outer(), inner = lines * loops.size[loops.count - 1];
    const int64_t block = std::max<int64_t>(1, kElementsForThreads / inner);
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
            body(x, out, i);
        }
    });
}

template <class T>
void move_squares(Loops &loops, const rk_move_args &a) {
    constexpr int64_t kSide = kLine / sizeof(T);
    const int32_t last = loops.count - 1, before = last - 1;
    const int64_t rows = loops.size[before], columns = loops.size[last];
    const int64_t x_row = loops.x[before], out_column = loops.out[last];
    loops.size[before] = (rows + kSide - 1) / kSide;
    loops.x[before] *= kSide;
    loops.out[before] = kSide;
    each_loop<T>(loops, a, kSide, [&](const T *x, T *out, int64_t loop) {
        const int64_t height = std::min(kSide, rows - loop % loops.size[before] * kSide);
        for (int64_t c = 0; c < columns; c += kSide)
            transpose(x + c, x_row, height, out + c * out_column, out_column, std::min(kSide, columns - c));
    });
}

template <class T>
void move(const rk_move_args &a) {
    Loops loops(a);
    if constexpr (sizeof(T) == 1) {
        int64_t step;
        if (const int64_t planes = loops.take_planes(step)) {
            each_loop<T>(loops, a, planes, [&](const uint8_t *x, uint8_t *out, int64_t) {
                const uint8_t *plane[rk::kMostPlanes];
                for (int64_t p = 0; p < planes; ++p) plane[p] = x + p * step;
                rk::interleave(plane, planes, out, loops.size[loops.count - 1]);
            });
            return;
        }
    }
    if (loops.take_square()) return move_squares<T>(loops, a);
    each_loop<T>(loops, a, 1, [&](const T *x, T *out, int64_t) { move_inner(loops, x, out); });
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
