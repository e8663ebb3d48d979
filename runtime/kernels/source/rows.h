// Where the inputs and outputs of rows lie. A row is one output pixel of one image, over all its channels.
#pragma once

#include <cstring>

#include "abi.h"
#include "threads.h"
#include "weight.h"

namespace rk {
namespace {

inline int64_t divide_up(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }
inline int64_t at_least(int64_t value, int64_t least) { return value < least ? least : value; }
inline int64_t at_most(int64_t value, int64_t most) { return value > most ? most : value; }

// Calls body(first, count) for parts of 0..rows of about the same size, none larger than `most`.
template <class Body>
inline void each_part(int64_t rows, int64_t most, Body body) {
    const int64_t parts = divide_up(rows, most), least = parts ? rows / parts : 0, larger = rows - least * parts;
    for (int64_t i = 0, first = 0; i < parts; ++i) {
        const int64_t count = least + (i < larger);
        body(first, count);
        first += count;
    }
}

// Joins axes that inputs and outputs walk through evenly, so that runs along the last one become long.
inline rk_conv_args with_long_rows(rk_conv_args a) {
    for (int i = 0; i < 3; ++i) {
        if (a.kernel[i] != 1 || a.stride[i] != 1 || a.padding[i] != 0 || a.x_size[i] != a.out_size[i]) return a;
    }
    const int64_t sizes[4] = {a.batch, a.out_size[0], a.out_size[1], a.out_size[2]};
    int64_t width = sizes[3], x = a.x_stride[3], out = a.out_stride[3], other = a.other_stride[3];
    for (int i = 2; i >= 0; --i) {
        if (sizes[i] == 1) continue;
        if (width != 1 && (a.x_stride[i] != x * width || a.out_stride[i] != out * width ||
                           (a.other && a.other_stride[i] != other * width))) {
            return a;
        }
        if (width == 1) {
            x = a.x_stride[i];
            out = a.out_stride[i];
            other = a.other_stride[i];
        }
        width *= sizes[i];
    }
    if (width > INT32_MAX) return a;
    a.batch = a.x_size[0] = a.x_size[1] = a.out_size[0] = a.out_size[1] = 1;
    a.x_size[2] = a.out_size[2] = static_cast<int32_t>(width);
    a.x_stride[3] = x;
    a.out_stride[3] = out;
    a.other_stride[3] = other;
    return a;
}

// Rows that lie beside each other along the last axis.
struct Run {
    int64_t row, count;
    int64_t at[4];  // of the first: image, depth, height, width
};

class RowFinder {
  public:
    explicit RowFinder(const rk_conv_args &args) : a_(args), w_(*args.weight) {}

    int64_t rows() const { return a_.batch * a_.out_size[0] * a_.out_size[1] * a_.out_size[2]; }

    // Fills place[row], for rows from `first` on, with the start of each row's output, at `column`.
    template <class T>
    void outputs(int64_t first, int64_t rows, T *base, const int64_t (&stride)[4], int64_t column, T **place) const {
        each_run(first, rows, [&](const Run &run) {
            T *start = base + column;
            for (int i = 0; i < 4; ++i) start += run.at[i] * stride[i];
            for (int64_t i = 0; i < run.count; ++i) place[run.row + i] = start + i * stride[3];
        });
    }

    // Fills x[tap * rows + row] with where the channels of each tap lie; taps in the padding lie at `padding`.
    void inputs(int64_t first, int64_t rows, int64_t channel, const uint8_t *padding, const uint8_t **x) const {
        const int64_t step = a_.stride[2] * a_.x_stride[3];
        each_run(first, rows, [&](const Run &run) {
            each_line(run, channel, [&](int64_t line, const uint8_t *pixels) {
                for (int64_t tap = 0; tap < a_.kernel[2]; ++tap) {
                    const uint8_t **place = x + (line * a_.kernel[2] + tap) * rows + run.row;
                    const int64_t shift = tap * a_.dilation[2] - a_.padding[2];
                    const int64_t lo = pixels ? inside_from(shift, run) : run.count;
                    const int64_t hi = pixels ? at_least(inside_to(shift, run), lo) : run.count;
                    for (int64_t i = 0; i < lo; ++i) place[i] = padding;
                    const int64_t start = (run.at[3] * a_.stride[2] + shift) * a_.x_stride[3];
                    for (int64_t i = lo; i < hi; ++i) place[i] = pixels + (start + i * step);
                    for (int64_t i = hi; i < run.count; ++i) place[i] = padding;
                }
            });
        });
    }

    // Copies the inputs of each row side by side, `depth` bytes apart, for channels that do not come in fours.
    // What follows the last tap of a row may be anything: it meets weights of zero.
    void gathered(int64_t first, int64_t rows, int64_t channel, uint8_t *copies) const {
        const int64_t line_bytes = a_.kernel[2] * w_.channels;
        each_run(first, rows, [&](const Run &run) {
            each_line(run, channel, [&](int64_t line, const uint8_t *pixels) {
                const int64_t place = line * line_bytes;
                copy_lines(run, pixels, line_bytes, copies + run.row * w_.depth + place, w_.depth - place);
            });
        });
    }

    template <class Body>
    void each_run(int64_t first, int64_t rows, Body body) const {
        const int64_t depth = a_.out_size[0], height = a_.out_size[1], width = a_.out_size[2];
        for (int64_t row = 0; row < rows;) {
            const int64_t at = first + row, left = width - at % width;
            const int64_t image = at / (depth * height * width), plane = at / (height * width) % depth;
            const Run run{row, at_most(rows - row, left), {image, plane, at / width % height, at % width}};
            body(run);
            row += run.count;
        }
    }

    // Calls body for each line of taps along the width, with the line's input at width 0, or null in the padding.
    template <class Body>
    void each_line(const Run &run, int64_t channel, Body body) const {
        int64_t line = 0;
        for (int64_t i = 0; i < a_.kernel[0]; ++i) {
            const int64_t d = run.at[1] * a_.stride[0] - a_.padding[0] + i * a_.dilation[0];
            for (int64_t j = 0; j < a_.kernel[1]; ++j, ++line) {
                const int64_t h = run.at[2] * a_.stride[1] - a_.padding[1] + j * a_.dilation[1];
                const bool inside = d >= 0 && d < a_.x_size[0] && h >= 0 && h < a_.x_size[1];
                body(line, inside
                               ? a_.x + run.at[0] * a_.x_stride[0] + d * a_.x_stride[1] + h * a_.x_stride[2] + channel
                               : nullptr);
            }
        }
    }

    // `bytes` codes of the input's zero point.
    const uint8_t *padding(int64_t bytes) const {
        void *codes = scratch(kPadding, bytes);
        std::memset(codes, a_.x_zero, static_cast<size_t>(bytes));
        return static_cast<const uint8_t *>(codes);
    }

  private:
    // The first row of a run, and the one past the last, whose input at w * stride + shift exists.
    int64_t inside_from(int64_t shift, const Run &run) const {
        return at_most(at_least(divide_up(-shift, a_.stride[2]) - run.at[3], 0), run.count);
    }
    int64_t inside_to(int64_t shift, const Run &run) const {
        return at_most(divide_up(a_.x_size[2] - shift, a_.stride[2]) - run.at[3], run.count);
    }

    // The same line of taps for each row of a run. Behind the start of each copy there is room for `room` bytes.
    void copy_lines(const Run &run, const uint8_t *pixels, int64_t bytes, uint8_t *copy, int64_t room) const {
        const bool lines_are_runs = a_.kernel[2] == 1 || (a_.dilation[2] == 1 && a_.x_stride[3] == w_.channels);
        const bool whole = pixels && lines_are_runs;
        const int64_t lo = whole ? inside_from(-a_.padding[2], run) : run.count;
        const int64_t hi = whole ? at_least(inside_to(a_.kernel[2] - 1 - a_.padding[2], run), lo) : run.count;
        // What a vector brings along behind a line, the next line overwrites.
        const int64_t vector = bytes <= 16 ? 16 : 32, readable = divide_up(vector, w_.channels) - 1 - a_.padding[2];
        const bool fits = whole && bytes <= vector && vector <= room;
        const int64_t end = fits ? at_least(at_most(inside_to(readable, run), hi), lo) : lo;
        const auto first_tap = [&](int64_t i) { return (run.at[3] + i) * a_.stride[2] - a_.padding[2]; };
        for (int64_t i = 0; i < lo; ++i) copy_taps(copy + i * w_.depth, pixels, first_tap(i));
        if (lo < end) {
            const uint8_t *from = pixels + first_tap(lo) * a_.x_stride[3];
            const int64_t step = a_.stride[2] * a_.x_stride[3];
            vector == 16 ? copy_vectors<16>(copy + lo * w_.depth, w_.depth, from, step, end - lo)
                         : copy_vectors<32>(copy + lo * w_.depth, w_.depth, from, step, end - lo);
        }
        for (int64_t i = end; i < hi; ++i) copy_line(copy + i * w_.depth, pixels + first_tap(i) * a_.x_stride[3], bytes);
        for (int64_t i = hi; i < run.count; ++i) copy_taps(copy + i * w_.depth, pixels, first_tap(i));
    }

    template <int kBytes>
    static void copy_vectors(uint8_t *to, int64_t to_step, const uint8_t *from, int64_t from_step, int64_t count) {
        for (int64_t i = 0; i < count; ++i, to += to_step, from += from_step) std::memcpy(to, from, kBytes);
    }

    static void copy_line(uint8_t *to, const uint8_t *from, int64_t bytes) {
        if (bytes > 64) {
            std::memcpy(to, from, static_cast<size_t>(bytes));
            return;
        }
        int64_t i = 0;
        for (; i + 8 <= bytes; i += 8) std::memcpy(to + i, from + i, 8);
        if (i == bytes) return;
        if (bytes >= 8) {
            std::memcpy(to + bytes - 8, from + bytes - 8, 8);
        } else {
            for (; i < bytes; ++i) to[i] = from[i];
        }
    }

    void copy_taps(uint8_t *to, const uint8_t *pixels, int64_t at) const {
        const size_t bytes = static_cast<size_t>(w_.channels);
        for (int64_t tap = 0; tap < a_.kernel[2]; ++tap, to += bytes, at += a_.dilation[2]) {
            if (pixels && at >= 0 && at < a_.x_size[2]) {
                std::memcpy(to, pixels + at * a_.x_stride[3], bytes);
            } else {
                std::memset(to, a_.x_zero, bytes);
            }
        }
    }

    const rk_conv_args &a_;
    const rk_weight &w_;
};

}  // namespace
}  // namespace rk
