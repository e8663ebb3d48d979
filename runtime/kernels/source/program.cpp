#include "program.h"

#include <chrono>

namespace {

template <class Args>
void call(void (*kernel)(const Args *), const void *args) {
    kernel(static_cast<const Args *>(args));
}

void run_step(const rk_step &step) {
#define RK_CASE(name, type) \
    case RK_STEP_##name: return call(rk_##name, step.args);
    switch (step.kernel) { RK_STEPS(RK_CASE) }
#undef RK_CASE
}

#define RK_NAME(name, type) #name,
constexpr const char *kNames[] = {RK_STEPS(RK_NAME) nullptr};
#undef RK_NAME
#define RK_BYTES(name, type) static_cast<int64_t>(sizeof(type)),
constexpr int64_t kBytes[] = {RK_STEPS(RK_BYTES) 0};
#undef RK_BYTES

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

const char *rk_step_name(int64_t kernel) { return kernel >= 0 && kernel < RK_STEP_COUNT ? kNames[kernel] : nullptr; }

int64_t rk_step_bytes(int64_t kernel) { return kernel >= 0 && kernel < RK_STEP_COUNT ? kBytes[kernel] : 0; }

void rk_run(const rk_step *steps, int64_t count, int64_t *nanoseconds) {
    for (int64_t i = 0; i < count; ++i) {
        if (i + kFetched < count) fetch(steps[i + kFetched]);
        const int64_t start = nanoseconds ? now() : 0;
        run_step(steps[i]);
        if (nanoseconds) nanoseconds[i] = now() - start;
    }
}
