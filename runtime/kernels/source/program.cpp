#include "program.h"

#include <chrono>

#include "abi.h"

namespace {

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

constexpr int64_t kFetched = 3, kArgsBytes = 256;  // steps ahead, and of their arguments

// Thousands of small steps wait for their arguments otherwise, as much as for what they compute.
void fetch(const rk_step &step) {
    const char *args = static_cast<const char *>(step.args);
    for (int64_t at = 0; at < kArgsBytes; at += 64) __builtin_prefetch(args + at);
}

int64_t now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

void rk_run(const rk_step *steps, int64_t count, int64_t *nanoseconds) {
    for (int64_t i = 0; i < count; ++i) {
        if (i + kFetched < count) fetch(steps[i + kFetched]);
        const int64_t start = nanoseconds ? now() : 0;
        run_step(steps[i]);
        if (nanoseconds) nanoseconds[i] = now() - start;
    }
}
