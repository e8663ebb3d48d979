// Many kernels in one call, and moving elements about in memory between them.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// out[i] = x[i] for every index of `dims` dimensions; strides in elements of `width` bytes: 1, 2, 4 or 8.
typedef struct {
    const void *x;
    void *out;
    int32_t dims, width;
    int64_t size[8], x_stride[8], out_stride[8];
    int32_t threads;
} rk_move_args;

// What a step does, in the order of the kernels in abi.h.
enum {
    RK_CONV,
    RK_MATMUL,
    RK_BINARY,
    RK_LOOKUP,
    RK_POOL,
    RK_QUANTIZE,
    RK_DEQUANTIZE,
    RK_SOFTMAX,
    RK_LAYER_NORM,
    RK_LSTM_GATES,
    RK_GRU_GATES,
    RK_MOVE
};

typedef struct {
    int64_t kernel;
    const void *args;  // the struct of that kernel
} rk_step;

__attribute__((visibility("default"))) void rk_move(const rk_move_args *args);

// Runs `count` steps one after the other. `nanoseconds`, one number a step, gets how long each took; it may be null.
__attribute__((visibility("default"))) void rk_run(const rk_step *steps, int64_t count, int64_t *nanoseconds);

#ifdef __cplusplus
}
#endif
