#include "deepcore/cpu/threads.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "deepcore/core/fork.h"

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace deepcore {

namespace {

// Why not OpenMP: libgomp's child of a fork waits for threads that do not exist, and its barrier
// spins for milliseconds under a quota. This pool is born again in a child and blocks after kSpin.
constexpr auto kSpin = std::chrono::microseconds(20);

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// Denormals cost a hundred cycles each; flushed inside regions alone.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040u); }
  ~FlushDenormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | (1ull << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }

 private:
  std::uint64_t before_;
#endif
};

// Waits until word != seen: first spinning, then in the kernel.
class Gate {
 public:
  std::uint32_t now() const { return word_.load(std::memory_order_acquire); }
  void open() {
    word_.fetch_add(1);
    if (sleepers_.load() > 0) word_.notify_all();
  }
  void wait(std::uint32_t seen) {
    const auto until = std::chrono::steady_clock::now() + kSpin;
    for (int i = 1; now() == seen; ++i) {
      pause();
      if (i % 64 == 0 && std::chrono::steady_clock::now() > until) {
        sleepers_.fetch_add(1);
        while (word_.load() == seen) word_.wait(seen);
        sleepers_.fetch_sub(1);
      }
    }
  }

 private:
  alignas(64) std::atomic<std::uint32_t> word_{0};
  alignas(64) std::atomic<std::uint32_t> sleepers_{0};
};

struct FreeAligned {
  void operator()(void* p) const { ::operator delete(p, std::align_val_t(64)); }
};

struct Scratch {
  std::unique_ptr<void, FreeAligned> memory;
  std::size_t bytes = 0;

  void* at_least(std::size_t n) {
    if (n > bytes) {
      memory.reset();
      bytes = 0;
      memory.reset(::operator new(n, std::align_val_t(64)));
      bytes = n;
    }
    return memory.get();
  }
};

// What the threads of a region share: the barrier, and who took which task.
class Region {
 public:
  explicit Region(int size)  // one thread alone needs no tickets
      : size_(size), tickets_(static_cast<std::size_t>(size > 1 ? kRing * size : 0)) {}
  int size() const { return size_; }

  void barrier(const std::function<void()>* last) {
    const std::uint32_t seen = gate_.now();
    if (arrived_.fetch_add(1) + 1 == size_) {
      if (last) (*last)();
      arrived_.store(0, std::memory_order_relaxed);
      gate_.open();
    } else {
      gate_.wait(seen);
    }
  }

  // The next untaken task of thread `owner`'s share in phase `phase`, or -1. A ticket holds the
  // phase in its high half and the count of tasks taken in its low half, so that a new phase needs
  // no reset.
  std::int64_t take(std::uint32_t phase, int owner, std::int64_t limit) {
    std::atomic<std::uint64_t>& ticket =
        tickets_[static_cast<std::size_t>((phase % kRing) * static_cast<unsigned>(size_) +
                                          static_cast<unsigned>(owner))]
            .value;
    std::uint64_t now = ticket.load(std::memory_order_relaxed);
    for (;;) {
      const std::int64_t taken = static_cast<std::uint32_t>(now >> 32) == phase
                                     ? static_cast<std::int64_t>(now & 0xffffffffu)
                                     : 0;
      if (taken >= limit) return -1;
      const std::uint64_t next =
          static_cast<std::uint64_t>(phase) << 32 | static_cast<std::uint64_t>(taken + 1);
      if (ticket.compare_exchange_weak(now, next, std::memory_order_relaxed)) return taken;
    }
  }

  // A slot of the ring is used again after kRing phases; half as many between barriers keep that
  // safe.
  static constexpr std::uint32_t kRing = 64;

 private:
  struct alignas(64) Ticket {
    std::atomic<std::uint64_t> value{0};
  };
  int size_;
  alignas(64) std::atomic<int> arrived_{0};
  Gate gate_;
  std::vector<Ticket> tickets_;
};

class Member final : public Team {
 public:
  Member(int rank, Region& region, Scratch& scratch)
      : rank_(rank), region_(region), scratch_(scratch) {}
  int rank() const override { return rank_; }
  int size() const override { return region_.size(); }
  void* scratch() override { return scratch_.memory.get(); }

  void barrier(const std::function<void()>* last) override {
    since_barrier_ = 0;
    if (size() > 1)
      region_.barrier(last);
    else if (last)
      (*last)();
  }

  void share(std::int64_t count, const std::function<void(std::int64_t)>& body) override {
    const int n = size();
    if (n == 1) {
      for (std::int64_t task = 0; task < count; ++task) body(task);
      return;
    }
    if (++since_barrier_ > Region::kRing / 2) barrier(nullptr);
    ++phase_;
    // My own share first: neighbours in the data stay in the cache of one core from step to step.
    for (int i = 0; i < n; ++i) {
      const int owner = (rank_ + i) % n;
      const std::int64_t begin = count * owner / n, size = count * (owner + 1) / n - begin;
      if (size == 0) continue;
      for (std::int64_t t; (t = region_.take(phase_, owner, size)) >= 0;) body(begin + t);
    }
  }

 private:
  int rank_;
  Region& region_;
  Scratch& scratch_;
  std::uint32_t phase_ = 0;
  std::uint32_t since_barrier_ = 0;
};

struct Worker {
  Gate start;
  Scratch scratch;
  std::thread thread;
};

class Pool {
 public:
  // Runs body on `size` threads, this one among them. One caller at a time.
  void run(int size, std::size_t scratch, const std::function<void(Team&)>& body, Scratch& own) {
    own.at_least(scratch);
    for (int rank = 1; rank < size; ++rank) worker(rank).scratch.at_least(scratch);
    Region region(size);
    body_ = &body;
    region_ = &region;
    running_.store(size - 1);
    for (int rank = 1; rank < size; ++rank) worker(rank).start.open();
    Member me(0, region, own);
    body(me);
    for (std::uint32_t seen = done_.now(); running_.load() > 0; seen = done_.now())
      done_.wait(seen);
  }

  std::mutex busy;

 private:
  Worker& worker(int rank) {
    while (static_cast<int>(workers_.size()) < rank) {
      auto made = std::make_unique<Worker>();
      Worker& w = *made;
      w.thread = std::thread(
          [this, &w, number = static_cast<int>(workers_.size()) + 1] { work(w, number); });
      workers_.push_back(std::move(made));
    }
    return *workers_[static_cast<std::size_t>(rank - 1)];
  }

  void work(Worker& me, int rank) {
    FlushDenormals flush;
    for (std::uint32_t seen = 0;; ++seen) {
      me.start.wait(seen);
      Member member(rank, *region_, me.scratch);
      (*body_)(member);
      if (running_.fetch_sub(1) == 1) done_.open();
    }
  }

  std::vector<std::unique_ptr<Worker>> workers_;
  const std::function<void(Team&)>* body_ = nullptr;
  Region* region_ = nullptr;
  std::atomic<int> running_{0};
  Gate done_;
};

// Never destroyed: its threads may outlive static destructors. The child of a fork starts another;
// the threads of its parent's do not exist there.
Pool& pool() {
  static std::atomic<Pool*> the_pool{nullptr};
  static std::atomic<std::uint64_t> born{0};
  static ForkSafeMutex making;
  if (born.load() != fork_generation()) {
    std::lock_guard lock(making);
    if (born.load() != fork_generation()) {
      the_pool.store(new Pool);
      born.store(fork_generation());
    }
  }
  return *the_pool.load();
}

// What a cgroup may use, in CPUs, by the files of v2 or v1; 0 without a limit.
double quota_of_group(const std::string& folder) {
  double quota = 0, period = 0;
  std::string text;
  if (std::ifstream file(folder + "/cpu.max"); file >> text >> period) {
    quota = std::atof(text.c_str());  // "max" gives 0
  } else {
    std::ifstream q(folder + "/cpu.cfs_quota_us"), p(folder + "/cpu.cfs_period_us");
    if (!(q >> quota && p >> period)) return 0;
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

// CPUs that cgroup quotas leave, rounded up; a large number without one.
int quota_cpus() {
  double least = 0;
  // The group and all above it, the mount last: a container's mount may be its own group.
  const auto look = [&least](const std::string& mount, std::string path) {
    for (;; path.resize(path.find_last_of('/'))) {
      if (path == "/") path.clear();
      const double cpus = quota_of_group(mount + path);
      if (cpus > 0 && (least == 0 || cpus < least)) least = cpus;
      if (path.find('/') == std::string::npos) return;
    }
  };
  std::string line;
  std::ifstream membership("/proc/self/cgroup");
  while (std::getline(membership, line)) {  // v2: "0::/path"; v1: "4:cpu,cpuacct:/path"
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (names.empty()) look("/sys/fs/cgroup", path);
    if ((',' + names + ',').find(",cpu,") != std::string::npos) look("/sys/fs/cgroup/cpu", path);
  }
  return least > 0 ? std::max(1, static_cast<int>(std::ceil(least))) : 1 << 20;
}

int affinity_cpus() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

int asked_by_environment() {
  for (const char* name : {"DEEPCORE_NUM_THREADS", "OMP_NUM_THREADS"})
    if (const char* text = std::getenv(name))
      if (const int n = std::atoi(text); n > 0) return n;
  return 0;
}

std::atomic<int> asked{asked_by_environment()};
std::atomic<int> forced{0};

}  // namespace

int available_cpus() {
  static const int quota = quota_cpus();
  return std::min(affinity_cpus(), quota);
}

int num_threads() {
  if (const int n = forced.load(); n > 0) return n;
  const int cpus = available_cpus(), n = asked.load();
  return n > 0 ? std::min(n, cpus) : cpus;
}

void set_num_threads(int threads) { asked.store(std::max(0, threads)); }
void force_team_size(int threads) { forced.store(std::max(0, threads)); }
bool team_is_forced() { return forced.load() > 0; }

void parallel(int threads, std::size_t scratch, const std::function<void(Team&)>& body) {
  FlushDenormals flush;
  thread_local Scratch own;
  if (threads > 1) {
    Pool& p = pool();
    if (std::unique_lock lock(p.busy, std::try_to_lock); lock) {
      p.run(threads, scratch, body, own);
      return;
    }
  }
  own.at_least(scratch);
  Region region(1);
  Member alone(0, region, own);
  body(alone);
}

}  // namespace deepcore
