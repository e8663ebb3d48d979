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
void rk_conv(const rk_conv_args *args) { now().conv(*args); }
void rk_matmul(const rk_matmul_args *args) { now().matmul(*args); }
void rk_binary(const rk_binary_args *args) { now().binary(*args); }
void rk_lookup(const rk_lookup_args *args) { now().lookup(*args); }
void rk_pool(const rk_pool_args *args) { now().pool(*args); }
void rk_quantize(const rk_quantize_args *args) { now().quantize(*args); }
void rk_dequantize(const rk_dequantize_args *args) { now().dequantize(*args); }
void rk_softmax(const rk_softmax_args *args) { now().softmax(*args); }
void rk_layer_norm(const rk_layer_norm_args *args) { now().layer_norm(*args); }
void rk_lstm_gates(const rk_gates_args *args) { now().lstm_gates(*args); }
void rk_gru_gates(const rk_gates_args *args) { now().gru_gates(*args); }

void rk::interleave(const uint8_t *const *plane, int64_t planes, uint8_t *out, int64_t length) {
    now().interleave(plane, planes, out, length);
}
