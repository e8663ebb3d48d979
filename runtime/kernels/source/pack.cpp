// Laying out weights. Built for any processor; an instruction set is only a `Layout` here.
#include "weight.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace rk {
namespace {

template <class T>
struct CacheLines {
    using value_type = T;
    CacheLines() = default;
    template <class U>
    CacheLines(const CacheLines<U> &) {}
    T *allocate(size_t n) { return static_cast<T *>(::operator new(n * sizeof(T), std::align_val_t{64})); }
    void deallocate(T *p, size_t) { ::operator delete(p, std::align_val_t{64}); }
    bool operator==(const CacheLines &) const { return true; }
    bool operator!=(const CacheLines &) const { return false; }
};

struct Owner : rk_weight {
    std::vector<Panel> panel_list;
    std::vector<int32_t> counts, offsets, column_offsets;
    std::vector<uint8_t, CacheLines<uint8_t>> data;
};

constexpr int64_t kMostForWinograd = 256 * 256;  // weights of one tap
constexpr int64_t kInt16Columns = 16;

int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

class Packer {
  public:
    Packer(const rk_pack_args &args, const Layout &layout) : args_(args), layout_(layout), out_(new Owner) {}
    ~Packer() { delete out_; }

    rk_weight *pack() {
        describe();
        correct();
        if (out_->kind == Kind::kDepthwise) {
            spread();
        } else if (out_->kind == Kind::kWinograd) {
            transform();
        } else {
            for (int64_t group = 0; group < args_.groups; ++group) cut(group);
            if (layout_.int16 && wide_ > 2 * plain_) {
                widen();
            } else {
                link();
            }
        }
        out_->bytes = static_cast<int64_t>(out_->data.size() + out_->counts.size() * 4 + out_->offsets.size() * 4 +
                                           out_->column_offsets.size() * 4);
        Owner *done = out_;
        out_ = nullptr;
        return done;
    }

  private:
    // The weight of a column of all groups, at a tap and a channel of its group.
    int at(int64_t column, int64_t tap, int64_t channel) const {
        return args_.weight[column * args_.column_stride + tap * args_.tap_stride + channel * args_.channel_stride];
    }

    Kind kind() const {
        if (args_.channels == 1 && args_.columns == 1 && args_.groups > 1) return Kind::kDepthwise;
        // The transformed weights take 3.6 times the memory: with many of them that costs more than it gains.
        const bool few = args_.channels * args_.columns <= kMostForWinograd;
        // Four times the largest sum, of 9 * channels products, must be below 2**31.
        const bool exact = 4 * 9 * args_.channels * 255 * 128 < INT32_MAX;
        const bool suits = exact && args_.channels % 16 == 0 && args_.channels >= 32 && args_.columns >= 16;
        return layout_.int16 && args_.plain_3x3 && args_.groups == 1 && few && suits ? Kind::kWinograd : Kind::kDense;
    }

    void describe() {
        Owner &out = *out_;
        out.kind = kind();
        out.groups = args_.groups;
        out.columns = args_.columns;
        out.taps = args_.taps;
        out.channels = args_.channels;
        out.gathered = out.kind == Kind::kDense && args_.channels % 4 != 0;
        out.depth = out.gathered ? round_up(args_.taps * args_.channels, 4) : args_.channels;
        const bool depthwise = out.kind == Kind::kDepthwise;
        const int64_t whole = out.kind == Kind::kWinograd ? kInt16Columns : layout_.lanes;
        out.offset_columns = round_up(depthwise ? args_.groups : args_.columns, whole);
    }

    // The bias less the zero point's share, modulo 2**32, for every column.
    void correct() {
        const bool depthwise = out_->kind == Kind::kDepthwise;
        const int64_t group_step = depthwise ? 1 : out_->offset_columns;
        out_->column_offsets.assign(static_cast<size_t>(depthwise ? out_->offset_columns : args_.groups * group_step), 0);
        for (int64_t group = 0; group < args_.groups; ++group) {
            for (int64_t c = 0; c < args_.columns; ++c) {
                const int64_t column = group * args_.columns + c;
                int64_t sum = 0;
                for (int64_t tap = 0; tap < args_.taps; ++tap) {
                    for (int64_t k = 0; k < args_.channels; ++k) sum += at(column, tap, k);
                }
                const int64_t bias = args_.bias ? args_.bias[column] : 0;
                const uint32_t wrapped = static_cast<uint32_t>(bias - sum * args_.x_zero);
                std::memcpy(&out_->column_offsets[static_cast<size_t>(group * group_step + c)], &wrapped, 4);
            }
        }
        out_->offset = out_->column_offsets.data();
    }

    void spread() {
        const int64_t width = args_.tap_width, lines = args_.taps / width;
        const int64_t groups = (lines + layout_.lines - 1) / layout_.lines, bytes = 4 / layout_.lines;
        out_->data.assign(static_cast<size_t>(width * groups * out_->offset_columns * 4), 0);
        for (int64_t tap = 0; tap < args_.taps; ++tap) {
            const int64_t line = tap / width, block = tap % width * groups + line / layout_.lines;
            for (int64_t channel = 0; channel < args_.groups; ++channel) {
                const int16_t w = static_cast<int16_t>(at(channel, tap, 0));
                const int64_t lane = block * out_->offset_columns + channel;
                std::memcpy(&out_->data[static_cast<size_t>(lane * 4 + line % layout_.lines * bytes)], &w, static_cast<size_t>(bytes));
            }
        }
        out_->depthwise = out_->data.data();
    }

    // (2G)g(2G)' of every kernel g.
    void transform() {
        static constexpr int kG[4][3] = {{2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}};
        out_->data.assign(static_cast<size_t>(out_->offset_columns * args_.channels * 16 * 2), 0);
        for (int64_t column = 0; column < args_.columns; ++column) {
            const int64_t panel = column / kInt16Columns, lane = column % kInt16Columns;
            for (int64_t c = 0; c < args_.channels; ++c) {
                int half[4][3] = {};
                for (int i = 0; i < 12; ++i) {
                    for (int k = 0; k < 3; ++k) half[i / 3][i % 3] += kG[i / 3][k] * at(column, 3 * k + i % 3, c);
                }
                for (int i = 0; i < 16; ++i) {
                    int sum = 0;
                    for (int k = 0; k < 3; ++k) sum += half[i / 4][k] * kG[i % 4][k];
                    const int16_t w = static_cast<int16_t>(sum);
                    const int64_t pair = (panel * 16 + i) * (args_.channels / 2) + c / 2;
                    std::memcpy(&out_->data[static_cast<size_t>((pair * kInt16Columns + lane) * 4 + c % 2 * 2)], &w, 2);
                }
            }
        }
        out_->int16 = out_->data.data();
    }

    // Cuts the columns of a group into panels of about the same width.
    void cut(int64_t group) {
        const int64_t vectors = out_->offset_columns / layout_.lanes;
        out_->panels = (vectors + layout_.max_vectors - 1) / layout_.max_vectors;
        for (int64_t i = 0, first = 0; i < out_->panels; ++i) {
            const int64_t share = (vectors - first + out_->panels - i - 1) / (out_->panels - i);
            fill(group, first * layout_.lanes, share);
            first += share;
        }
    }

    void fill(int64_t group, int64_t first_column, int64_t vectors) {
        out_->data.resize(static_cast<size_t>(round_up(static_cast<int64_t>(out_->data.size()), 64)));
        starts_.push_back({out_->counts.size(), out_->offsets.size(), out_->data.size()});
        out_->panel_list.push_back({static_cast<int32_t>(first_column), static_cast<int32_t>(vectors), nullptr, nullptr, nullptr});
        const int64_t taps = out_->gathered ? 1 : args_.taps;
        block_.resize(static_cast<size_t>(vectors * layout_.lanes * 4));
        for (int64_t tap = 0; tap < taps; ++tap) {
            std::vector<int32_t> wide;
            int32_t plain = 0;
            for (int64_t k = 0; k < out_->depth; k += 4) {
                const bool zeros = !read(group, first_column, tap, k);
                if (zeros) continue;
                if (layout_.pairs_saturate && saturates()) {
                    wide.push_back(static_cast<int32_t>(k));
                    continue;
                }
                write_plain(static_cast<int32_t>(k));
                ++plain;
            }
            for (int32_t k : wide) {
                read(group, first_column, tap, k);
                write_wide(k, vectors);
            }
            plain_ += plain;
            wide_ += static_cast<int64_t>(wide.size());
            out_->counts.push_back(plain);
            out_->counts.push_back(static_cast<int32_t>(wide.size()));
        }
    }

    // Reads four channels of all columns of a panel into block_ and tells whether any weight is not zero.
    bool read(int64_t group, int64_t first_column, int64_t tap, int64_t k) {
        bool any = false;
        for (size_t i = 0; i < block_.size(); ++i) {
            const int64_t c = first_column + static_cast<int64_t>(i / 4);
            const int64_t flat = k + static_cast<int64_t>(i % 4);
            const int64_t at_tap = out_->gathered ? flat / args_.channels : tap;
            const int64_t channel = out_->gathered ? flat % args_.channels : flat;
            const bool inside = c < args_.columns && at_tap < args_.taps;
            block_[i] = static_cast<int8_t>(inside ? at(group * args_.columns + c, at_tap, channel) : 0);
            any = any || block_[i] != 0;
        }
        return any;
    }

    bool saturates() const {
        for (size_t i = 0; i < block_.size(); i += 2) {
            const int a = block_[i], b = block_[i + 1];
            const int highest = 255 * ((a > 0 ? a : 0) + (b > 0 ? b : 0)), lowest = 255 * ((a < 0 ? a : 0) + (b < 0 ? b : 0));
            if (highest > 32767 || lowest < -32768) return true;
        }
        return false;
    }

    void write_plain(int32_t k) {
        out_->offsets.push_back(k);
        const uint8_t *bytes = reinterpret_cast<const uint8_t *>(block_.data());
        out_->data.insert(out_->data.end(), bytes, bytes + block_.size());
    }

    void write_wide(int32_t k, int64_t vectors) {
        out_->offsets.push_back(k);
        for (int64_t v = 0; v < vectors; ++v) {
            for (int odd = 0; odd < 2; ++odd) {
                for (int64_t i = 0; i < layout_.lanes * 2; ++i) {
                    const int16_t w = block_[static_cast<size_t>((v * layout_.lanes * 2 + i) * 2 + odd)];
                    const uint8_t *bytes = reinterpret_cast<const uint8_t *>(&w);
                    out_->data.insert(out_->data.end(), bytes, bytes + 2);
                }
            }
        }
    }

    // Only when nothing grows any more do addresses hold.
    void link() {
        for (size_t i = 0; i < starts_.size(); ++i) {
            out_->panel_list[i].counts = out_->counts.data() + starts_[i].counts;
            out_->panel_list[i].offsets = out_->offsets.data() + starts_[i].offsets;
            out_->panel_list[i].data = out_->data.data() + starts_[i].data;
        }
        out_->panel = out_->panel_list.data();
    }

    // All weights as int16, where blocks would mostly be wide.
    void widen() {
        out_->panel_list.clear();
        out_->counts.clear();
        out_->offsets.clear();
        out_->kind = Kind::kInt16;
        out_->gathered = true;
        out_->depth = round_up(args_.taps * args_.channels, 16);
        out_->offset_columns = round_up(args_.columns, kInt16Columns);
        out_->panels = out_->offset_columns / kInt16Columns;
        out_->data.assign(static_cast<size_t>(args_.groups * out_->offset_columns * out_->depth * 2), 0);
        for (int64_t column = 0; column < args_.groups * args_.columns; ++column) {
            const int64_t in_group = column % args_.columns;
            const int64_t panel = column / args_.columns * out_->panels + in_group / kInt16Columns;
            for (int64_t k = 0; k < args_.taps * args_.channels; ++k) {
                const int16_t w = static_cast<int16_t>(at(column, k / args_.channels, k % args_.channels));
                const int64_t lane = (panel * (out_->depth / 2) + k / 2) * kInt16Columns + in_group % kInt16Columns;
                std::memcpy(&out_->data[static_cast<size_t>(lane * 4 + k % 2 * 2)], &w, 2);
            }
        }
        out_->int16 = out_->data.data();
        correct();
    }

    struct Start {
        size_t counts, offsets, data;
    };

    const rk_pack_args &args_;
    const Layout layout_;
    Owner *out_;
    std::vector<Start> starts_;
    int64_t plain_ = 0, wide_ = 0;  // blocks
    std::vector<int8_t> block_;
};

}  // namespace

rk_weight *pack(const rk_pack_args &args, const Layout &layout) {
    try {
        return Packer(args, layout).pack();
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

}  // namespace rk

void rk_free(rk_weight *weight) { delete static_cast<rk::Owner *>(weight); }

int64_t rk_weight_bytes(const rk_weight *weight) { return weight->bytes; }
