#include "deepcore/core/fork.h"

#include <new>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace deepcore {

namespace {
std::atomic<std::uint64_t> generation{1};
}

std::uint64_t fork_generation() {
  static const bool watching = [] {
#if defined(__unix__) || defined(__APPLE__)
    pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1); });
#endif
    return true;
  }();
  (void)watching;
  return generation.load();
}

std::mutex& ForkSafeMutex::fresh() {
  const std::uint64_t now = fork_generation();
  std::uint64_t mine = generation_.load();
  while (mine != now) {
    if (mine == kBusy) {
      std::this_thread::yield();
      mine = generation_.load();
    } else if (generation_.compare_exchange_strong(mine, kBusy)) {
      new (memory_) std::mutex;
      generation_.store(now);
      break;
    }
  }
  return *std::launder(reinterpret_cast<std::mutex*>(memory_));
}

}  // namespace deepcore
