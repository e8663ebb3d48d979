// The C interface of the int8 kernels.
//
// Every kernel takes one struct and returns nothing: whoever calls has checked shapes, ranges and pointers before.
// Images are batch, depth, height, width, channels; a missing spatial axis has size 1; channels lie side by side and
// every other axis has a stride in elements, so that slices of channels, steps between pixels and transposed phases
// need no copies. A zero point, low or high is a code in 0..255. `threads` is how many may work, the caller among them.
// Kernels may be called from several threads at once, on different outputs.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RK_EXPORT __attribute__((visibility("default")))

enum { RK_BATCH, RK_DEPTH, RK_HEIGHT, RK_WIDTH };

// Numbers that are written down for one call; other pointers go to memory that is there already.
typedef const int32_t *rk_int32s;
typedef const int64_t *rk_int64s;

// Weights laid out for one instruction set. They hold the bias and the correction for the zero point of the input.
typedef struct rk_weight rk_weight;

typedef struct {
    const int8_t *weight;
    int64_t column_stride, tap_stride, channel_stride;  // in elements
    const int32_t *bias;                                // one for each column, or null
    int64_t groups, columns, taps, channels;            // columns and channels of one group
    int64_t tap_width;                                  // how many of the taps lie side by side along the width
    int32_t x_zero;
    int32_t plain_3x3;  // promises two dimensions, 3 x 3, stride and dilation 1: some sets have a faster way
    int64_t rows;       // outputs of the use it is packed for, or 0: some sets have a faster way for few; any may come
} rk_pack_args;

RK_EXPORT rk_weight *rk_pack(const rk_pack_args *args);  // null: out of memory
RK_EXPORT void rk_free(rk_weight *weight);
RK_EXPORT int64_t rk_weight_bytes(const rk_weight *weight);

// A convolution, or with kernel, stride and padding of 1, 1 and 0 a linear layer over `batch` rows.
typedef struct {
    const rk_weight *weight;
    const uint8_t *x;
    uint8_t *out;      // one of out and out_float is null
    float *out_float;  // the sum times the multiplier, unrounded
    int64_t batch;
    int32_t x_size[3], out_size[3], kernel[3], stride[3], padding[3], dilation[3];  // depth, height, width
    int64_t x_stride[4], out_stride[4];
    const float *multiplier;    // one for each column of every group
    const float *negative;      // likewise, of sums below zero, or null; not with `other`, and only for codes
    const int32_t *row_offset;  // added to every sum of a row, or null
    int32_t x_zero, zero, low, high;
    // With `other`, the code just made is added to it: round((code - zero) * self + (other - other_zero) * other).
    const uint8_t *other;
    int64_t other_stride[4];
    float self_multiplier, other_multiplier;
    int32_t other_zero, sum_zero, sum_low, sum_high;
    int32_t threads;
} rk_conv_args;

// out[i, row, column] = round(multiplier * sum over depth of (a - a_zero) * (b - b_zero)).
// The depth of `a` lies side by side.
typedef struct {
    const uint8_t *a, *b;
    uint8_t *out;                // batch x rows x columns, without gaps
    rk_int64s a_batch, b_batch;  // where the matrices of each of the batch start
    int64_t batch, rows, columns, depth;
    int64_t a_row_stride, b_column_stride, b_depth_stride;
    float multiplier;
    int32_t a_zero, b_zero, zero, low, high;
    int32_t threads;
} rk_matmul_args;

// round((a - a_zero) * a_multiplier + (b - b_zero) * b_multiplier), or with `product`
// round((a - a_zero) * (b - b_zero) * a_multiplier), over outer x middle x inner elements.
// Inner strides are 0 (one value repeated) or 1; `out` has no gaps.
typedef struct {
    const uint8_t *a, *b;
    uint8_t *out;
    int64_t outer, middle, inner;
    int64_t a_stride[3], b_stride[3];
    float a_multiplier, b_multiplier;
    int32_t a_zero, b_zero, zero, low, high;
    int32_t product;
    int32_t threads;
} rk_binary_args;

// out[row, i] = table[x[row, i]]; without a table, a copy. Strides are between rows.
typedef struct {
    const uint8_t *x;
    uint8_t *out;
    const uint8_t *table;
    int64_t rows, length, x_stride, out_stride;
    int32_t threads;
} rk_lookup_args;

// round((x - x_zero) * multiplier) where that is positive, and with negative[i % period] in the multiplier's place where
// it is not.
typedef struct {
    const uint8_t *x;
    uint8_t *out;
    const float *negative;
    int64_t length, period;
    float multiplier;
    int32_t x_zero, zero;
    int32_t threads;
} rk_prelu_args;

// The inputs that output i of an axis reads: start[i], start[i] + step, ... below end[i].
typedef struct {
    rk_int32s start, end, count;  // count: the axis' share of the divisor
    int32_t step, size;           // size: how many outputs
} rk_windows;

// The maximum, or with `average` round(sum * multiplier / count) of each window; x_zero is subtracted from every code.
typedef struct {
    const uint8_t *x;
    uint8_t *out;
    int64_t batch, channels;
    int64_t x_stride[4], out_stride[4];
    rk_windows axis[3];
    int32_t average;
    int32_t divisor;  // 0: the product of the counts
    float multiplier;
    int32_t x_zero, zero;
    int32_t threads;
} rk_pool_args;

// Between float32 and codes: round(x * inverse_scale) + zero, and (x - zero) * scale.
typedef struct {
    const float *x;
    uint8_t *out;
    int64_t length;
    float inverse_scale;
    int32_t zero;
    int32_t threads;
} rk_quantize_args;

typedef struct {
    const uint8_t *x;
    float *out;
    int64_t length;
    float scale;
    int32_t zero;
    int32_t threads;
} rk_dequantize_args;

// Rows of `length` codes, side by side. Float32 inside: within one code of the reference.
typedef struct {
    const uint8_t *x;
    uint8_t *out;
    int64_t rows, length;
    float scale, inverse_out_scale;
    int32_t zero;
    int32_t threads;
} rk_softmax_args;

typedef struct {
    const uint8_t *x;
    uint8_t *out;
    const float *weight, *bias;  // `length` each, or null
    int64_t rows, length;
    float eps, scale, inverse_out_scale;
    int32_t x_zero, zero;
    int32_t threads;
} rk_layer_norm_args;

typedef struct {
    const uint8_t *x;
    uint8_t *out;
    const float *weight;  // `length`, or null
    int64_t rows, length;
    float eps, scale, out_scale;
    int32_t zero, out_zero;
    int32_t threads;
} rk_rms_norm_args;

// Numbers of 16 bits as two codes each: v = round(x * inverse_scale), held between -32639 and 32639, is
// 256 * (high - 128) + (low - 128). `out` has the high codes of all numbers, then the low ones.
typedef struct {
    const float *x;
    uint8_t *out;
    int64_t length;
    float inverse_scale;
    int32_t threads;
} rk_widen_args;

// What a product made of such codes stands for: 256 times the sums of the high codes, and those of the low ones, and the
// bias. (rows, columns) each.
typedef struct {
    const float *high, *low;
    const float *bias;  // one for each column, or null
    float *out;
    int64_t rows, columns;
    int32_t threads;
} rk_joined_args;

// All steps of a recurrent layer in one direction. The hidden state enters the product with 16 bits; gates and what is
// carried from step to step are float32.
typedef struct {
    rk_conv_args product;   // a linear layer over 2 x rows of codes, all but x, out_float and threads
    const float *x_gates;   // (steps, rows, gates x size): the input's share of the gates
    const float *start;     // (rows, size): the hidden state before the first step
    const float *bias;      // (gates x size): added to the hidden state's share
    float *state;           // LSTM: the cell, (rows, size), updated in place
    float *out;             // (steps, rows, size): the hidden state after each step
    uint8_t *codes;         // room for (2, rows, size)
    float *sums;            // room for (2, rows, gates x size)
    int64_t steps, rows, size;
    float inverse_scale;
    int32_t reverse;  // from the last step to the first
    int32_t relu;     // RNN: in place of tanh
    int32_t threads;
} rk_recurrent_args;

// out[i] = x[i] for every index of `dims` dimensions; strides in elements of `width` bytes: 1, 2, 4 or 8.
typedef struct {
    const void *x;
    void *out;
    int32_t dims, width;
    int64_t size[8], x_stride[8], out_stride[8];
    int32_t threads;
} rk_move_args;

// Every kernel, with the struct that it takes, in any order: the one list of them. The declarations below, the table of
// an instruction set, the calls through that table, the numbers of steps and what Python calls are all made from it.
// A kernel `name` is the function template name<V>(const its_struct &) of a header that kernels.h includes.
#define RK_KERNELS(X)                  \
    X(conv, rk_conv_args)              \
    X(matmul, rk_matmul_args)          \
    X(binary, rk_binary_args)          \
    X(lookup, rk_lookup_args)          \
    X(prelu, rk_prelu_args)            \
    X(pool, rk_pool_args)              \
    X(quantize, rk_quantize_args)      \
    X(dequantize, rk_dequantize_args)  \
    X(softmax, rk_softmax_args)        \
    X(layer_norm, rk_layer_norm_args)  \
    X(rms_norm, rk_rms_norm_args)      \
    X(widen, rk_widen_args)            \
    X(joined, rk_joined_args)          \
    X(lstm, rk_recurrent_args)         \
    X(gru, rk_recurrent_args)          \
    X(rnn, rk_recurrent_args)

// And those that are the same for every instruction set.
#define RK_STEPS(X) RK_KERNELS(X) X(move, rk_move_args)

#define RK_DECLARED(name, type) RK_EXPORT void rk_##name(const type *args);
RK_STEPS(RK_DECLARED)
#undef RK_DECLARED

// Instruction sets, from the plainest to the fastest, and whether this processor can run one.
RK_EXPORT const char *rk_name(int32_t index);  // null past the last
RK_EXPORT int32_t rk_supported(const char *name);
// Chooses one for all later calls; 0 if there is none of that name here. Weights packed before must not be used after.
RK_EXPORT int32_t rk_select(const char *name);
RK_EXPORT const char *rk_selected(void);

#ifdef __cplusplus
}
#endif
