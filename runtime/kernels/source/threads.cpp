#include "threads.h"

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

namespace rk {
namespace {

constexpr int kMaxWorkers = 255;
constexpr int kSpins = 10000;  // some hundred microseconds: the next layer of a network comes sooner than a wake-up would

void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// The tasks that one thread takes first, in order. Whoever has done its own helps with the others'.
struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
};

// One round is one call of `run`. Neighbouring tasks work on neighbouring memory, so each thread has the same share of
// every round, where its cache holds what it wrote in the round before.
class Pool {
  public:
    bool run(int64_t count, int threads, void (*task)(void *, int64_t), void *context) {
        std::unique_lock<std::mutex> only(busy_, std::try_to_lock);
        if (!only.owns_lock()) return false;
        const int helpers = grow(threads - 1);
        if (helpers == 0) return false;
        task_ = task;
        context_ = context;
        threads_ = helpers + 1;
        for (int i = 0; i < threads_; ++i) {
            shares_[i].next.store(count * i / threads_, std::memory_order_relaxed);
            shares_[i].end = count * (i + 1) / threads_;
        }
        open();
        work(0);
        state_.fetch_and(~kOpen);
        // Only for those that came: on a busy machine the rest may wake long after everything is done.
        while (state_.load(std::memory_order_acquire) & kWorking) pause();
        return true;
    }

  private:
    // The state: how many workers are at work, whether more may come, and the number of the round.
    static constexpr uint64_t kWorking = 0xffff, kOpen = 0x10000, kRound = 0x20000;

    static uint64_t round_of(uint64_t state) { return state / kRound; }

    // Returns how many workers there are for a round, at most `wanted`.
    int grow(int wanted) {
        if (wanted > kMaxWorkers) wanted = kMaxWorkers;
        while (workers_ < wanted) {
            try {
                std::thread(&Pool::serve, this, workers_ + 1).detach();
            } catch (const std::system_error &) {
                break;  // no more threads to be had: go on with fewer
            }
            ++workers_;
        }
        return workers_ < wanted ? workers_ : wanted;
    }

    void open() {
        state_.store((round_of(state_.load(std::memory_order_relaxed)) + 1) * kRound | kOpen);
        if (sleeping_.load() == 0) return;
        { std::lock_guard<std::mutex> until_all_wait(mutex_); }
        wake_.notify_all();
    }

    void work(int self) {
        for (int i = 0; i < threads_; ++i) {
            Share &share = shares_[(self + i) % threads_];
            for (;;) {
                const int64_t index = share.next.fetch_add(1, std::memory_order_relaxed);
                if (index >= share.end) break;
                task_(context_, index);
            }
        }
    }

    void serve(int self) {
        for (uint64_t seen = 0;;) {
            seen = next_round(seen);
            if (!join(seen)) continue;
            if (self < threads_) work(self);
            state_.fetch_sub(1, std::memory_order_release);
        }
    }

    // Waits for another round than `seen`.
    uint64_t next_round(uint64_t seen) {
        for (int spin = 0; spin < kSpins; ++spin) {
            const uint64_t round = round_of(state_.load(std::memory_order_relaxed));
            if (round != seen) return round;
            pause();
        }
        std::unique_lock<std::mutex> lock(mutex_);
        sleeping_.fetch_add(1);
        wake_.wait(lock, [&] { return round_of(state_.load()) != seen; });
        sleeping_.fetch_sub(1);
        return round_of(state_.load());
    }

    // Whether the round is still open, with this worker among those who are waited for.
    bool join(uint64_t round) {
        uint64_t state = state_.load();
        while (round_of(state) == round && (state & kOpen)) {
            if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire)) return true;
        }
        return false;
    }

    std::mutex busy_;  // held by whom the pool works for
    std::atomic<uint64_t> state_{0};
    std::atomic<int> sleeping_{0};
    std::mutex mutex_;  // of those who fall asleep
    std::condition_variable wake_;
    // What follows is written while no round is open and nobody at work.
    int workers_ = 0, threads_ = 0;
    void (*task_)(void *, int64_t) = nullptr;
    void *context_ = nullptr;
    Share shares_[kMaxWorkers + 1];
};

// Never destroyed: workers may still wait on it while the process ends. A forked child has no workers and starts anew.
Pool *pool = new Pool;
const int at_fork = pthread_atfork(nullptr, nullptr, [] { pool = new Pool; });

struct Scratch {
    void *memory = nullptr;
    int64_t bytes = 0;
    ~Scratch() { std::free(memory); }
};

}  // namespace

void parallel(int64_t count, int threads, void (*task)(void *, int64_t), void *context) {
    if (count > 1 && threads > 1 &&
        pool->run(count, threads < count ? threads : static_cast<int>(count), task, context)) {
        return;
    }
    for (int64_t i = 0; i < count; ++i) task(context, i);
}

void *scratch(Slot slot, int64_t bytes) {
    thread_local Scratch buffers[kSlots];
    Scratch &buffer = buffers[slot];
    if (buffer.bytes < bytes) {
        std::free(buffer.memory);
        const size_t rounded = (static_cast<size_t>(bytes) + 4095) / 4096 * 4096;
        buffer.memory = std::aligned_alloc(64, rounded);
        buffer.bytes = buffer.memory ? static_cast<int64_t>(rounded) : 0;
        if (!buffer.memory) throw std::bad_alloc();
    }
    return buffer.memory;
}

}  // namespace rk
