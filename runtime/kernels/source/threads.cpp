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
constexpr int kSpins =
    2000;  // a few tens of microseconds: the next layer of a network comes sooner than a wake-up would

void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

class Pool {
  public:
    bool run(int64_t count, int threads, void (*task)(void *, int64_t), void *context) {
        std::unique_lock<std::mutex> only(busy_, std::try_to_lock);
        if (!only.owns_lock()) return false;
        const int helpers = grow(threads - 1);
        if (helpers == 0) return false;
        open(count, helpers, task, context);
        work();
        {
            std::lock_guard<std::mutex> lock(mutex_);
            open_ = false;
        }
        // Only for those that came: on a busy machine the rest may wake long after everything is done.
        while (active_.load(std::memory_order_acquire) != 0) pause();
        return true;
    }

  private:
    // Returns how many workers there are for a round, at most `wanted`.
    int grow(int wanted) {
        if (wanted > kMaxWorkers) wanted = kMaxWorkers;
        while (workers_ < wanted) {
            try {
                std::thread(&Pool::serve, this, workers_).detach();
            } catch (const std::system_error &) {
                break;  // no more threads to be had: go on with fewer
            }
            ++workers_;
        }
        return workers_ < wanted ? workers_ : wanted;
    }

    void open(int64_t count, int helpers, void (*task)(void *, int64_t), void *context) {
        bool asleep;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            task_ = task;
            context_ = context;
            count_ = count;
            helpers_ = helpers;
            next_.store(0, std::memory_order_relaxed);
            open_ = true;
            round_.fetch_add(1, std::memory_order_release);
            asleep = sleeping_ > 0;
        }
        if (asleep) wake_.notify_all();
    }

    void work() {
        for (int64_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) task_(context_, i);
    }

    void serve(int index) {
        for (uint64_t seen = 0;;) {
            for (int spin = 0; spin < kSpins && round_.load(std::memory_order_acquire) == seen; ++spin) pause();
            {
                std::unique_lock<std::mutex> lock(mutex_);
                ++sleeping_;
                wake_.wait(lock, [&] { return round_.load(std::memory_order_relaxed) != seen; });
                --sleeping_;
                seen = round_.load(std::memory_order_relaxed);
                if (!open_ || index >= helpers_) continue;
                active_.fetch_add(1, std::memory_order_relaxed);
            }
            work();
            active_.fetch_sub(1, std::memory_order_release);
        }
    }

    std::mutex busy_;   // held by whom the pool works for
    std::mutex mutex_;  // guards what follows, but the tasks of an open round are taken without it
    std::condition_variable wake_;
    std::atomic<uint64_t> round_{0};
    std::atomic<int64_t> next_{0};
    std::atomic<int> active_{0};
    bool open_ = false;
    int helpers_ = 0, workers_ = 0, sleeping_ = 0;
    void (*task_)(void *, int64_t) = nullptr;
    void *context_ = nullptr;
    int64_t count_ = 0;
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
