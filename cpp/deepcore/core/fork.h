// What a forked child must know: that it is one, and that nobody in it holds a lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

namespace deepcore {

// Grows by one in every child of a fork.
std::uint64_t fork_generation();

// A mutex that a forked child finds free, whoever held it in the parent.
class ForkSafeMutex {
 public:
  void lock() { fresh().lock(); }
  void unlock() { fresh().unlock(); }
  bool try_lock() { return fresh().try_lock(); }

 private:
  std::mutex& fresh();
  static constexpr std::uint64_t kBusy = ~std::uint64_t{0};
  alignas(std::mutex) unsigned char memory_[sizeof(std::mutex)] = {};
  std::atomic<std::uint64_t> generation_{0};
};

}  // namespace deepcore
