#include "program.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "abi.h"
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

    int64_t outer() const {
        int64_t product = 1;
        for (int32_t i = 0; i + 1 < count; ++i) product *= size[i];
        return product;
    }
};

template <class T>
void move_inner(const Loops &loops, const T *x, T *out, int64_t index) {
    const int32_t last = loops.count - 1;
    for (int32_t d = last - 1; d >= 0; --d) {
        const int64_t i = index % loops.size[d];
        index /= loops.size[d];
        x += i * loops.x[d];
        out += i * loops.out[d];
    }
    const int64_t n = loops.size[last], from = loops.x[last], to = loops.out[last];
    if (from == 1 && to == 1) {
        std::memcpy(out, x, static_cast<size_t>(n) * sizeof(T));
    } else {
        for (int64_t i = 0; i < n; ++i) out[i * to] = x[i * from];
    }
}

template <class T>
void move(const rk_move_args &a) {
    const Loops loops(a);
    const int64_t outer = loops.outer(), inner = loops.size[loops.count - 1];
    const int64_t block = std::max<int64_t>(1, kElementsForThreads / std::max<int64_t>(inner, 1));
    rk::parallel_for((outer + block - 1) / block, a.threads, [&](int64_t part) {
        const int64_t end = std::min(outer, (part + 1) * block);
        for (int64_t i = part * block; i < end; ++i) {
            move_inner(loops, static_cast<const T *>(a.x), static_cast<T *>(a.out), i);
        }
    });
}

template <class Args>
void call(void (*kernel)(const Args *), const void *args) {
    kernel(static_cast<const Args *>(args));
}

void run_step(const rk_step &step) {
    switch (step.kernel) {
        case RK_CONV: return call(rk_conv, step.args);
        case RK_MATMUL: return call(rk_matmul, step.args);
        case RK_BINARY: return call(rk_binary, step.args);
        case RK_LOOKUP: return call(rk_lookup, step.args);
        case RK_POOL: return call(rk_pool, step.args);
        case RK_QUANTIZE: return call(rk_quantize, step.args);
        case RK_DEQUANTIZE: return call(rk_dequantize, step.args);
        case RK_SOFTMAX: return call(rk_softmax, step.args);
        case RK_LAYER_NORM: return call(rk_layer_norm, step.args);
        case RK_LSTM_GATES: return call(rk_lstm_gates, step.args);
        case RK_GRU_GATES: return call(rk_gru_gates, step.args);
        case RK_MOVE: return call(rk_move, step.args);
    }
}

int64_t now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
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

void rk_run(const rk_step *steps, int64_t count, int64_t *nanoseconds) {
    for (int64_t i = 0; i < count; ++i) {
        const int64_t start = nanoseconds ? now() : 0;
        run_step(steps[i]);
        if (nanoseconds) nanoseconds[i] = now() - start;
    }
}
