// Many kernels in one call.
#pragma once

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

// What a step does.
#define RK_NUMBER(name, type) RK_STEP_##name,
enum { RK_STEPS(RK_NUMBER) RK_STEP_COUNT };
#undef RK_NUMBER

typedef struct {
    int64_t kernel;
    const void *args;  // the struct of that kernel
} rk_step;

// What step `kernel` is called, and how many bytes its struct has; null and 0 past the last.
RK_EXPORT const char *rk_step_name(int64_t kernel);
RK_EXPORT int64_t rk_step_bytes(int64_t kernel);

// Runs `count` steps one after the other. `nanoseconds`, one number a step, gets how long each took; it may be null.
RK_EXPORT void rk_run(const rk_step *steps, int64_t count, int64_t *nanoseconds);

#ifdef __cplusplus
}
#endif
