// The C interface: every call goes to the instruction set that was chosen.
#include <atomic>
#include <cstring>

#include "kernels.h"

namespace {

const rk::Kernels *const kSets[] = {
    &rk::portable,
#ifdef RK_X86
    &rk::avx2,
    &rk::avx512vnni,
#endif
};
constexpr int32_t kCount = sizeof(kSets) / sizeof(kSets[0]);

std::atomic<const rk::Kernels *> chosen{&rk::portable};

const rk::Kernels *find(const char *name) {
    for (const rk::Kernels *set : kSets) {
        if (std::strcmp(set->name, name) == 0) return set;
    }
    return nullptr;
}

const rk::Kernels &now() { return *chosen.load(std::memory_order_relaxed); }

}  // namespace

const char *rk_name(int32_t index) { return index >= 0 && index < kCount ? kSets[index]->name : nullptr; }

int32_t rk_supported(const char *name) {
    const rk::Kernels *set = find(name);
    return set && set->supported();
}

int32_t rk_select(const char *name) {
    if (!rk_supported(name)) return 0;
    chosen.store(find(name));
    return 1;
}

const char *rk_selected(void) { return now().name; }

rk_weight *rk_pack(const rk_pack_args *args) { return rk::pack(*args, now().layout); }

#define RK_CALL(name, type) \
    void rk_##name(const type *args) { now().name(*args); }
RK_KERNELS(RK_CALL)
#undef RK_CALL

void rk::interleave(const uint8_t *const *plane, int64_t planes, uint8_t *out, int64_t length) {
    now().interleave(plane, planes, out, length);
}
