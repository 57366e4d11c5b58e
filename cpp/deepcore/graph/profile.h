// Profile: what ran while it was open, op by op: calls, time, flops, bytes. A backend reports each
// run of steps to all open profiles of the process, whichever thread it runs on.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "deepcore/core/fork.h"
#include "deepcore/graph/backend.h"

namespace deepcore {

class Profile {
 public:
  // An op on one set of types, and what its calls took.
  struct Row {
    std::string name, op;  // "matmul", "matmul(false, false, bias)"; also "feed" and "copy"
    Types in, out;
    std::int64_t flops = 0, bytes = 0;  // a call
    std::int64_t calls = 0, nanoseconds = 0;
  };
  // One thread's part of one call; times in ns since the profile first opened.
  struct Event {
    int row, thread;
    std::int64_t begin, end;
  };
  // Events beyond these (24 bytes each) are counted in the rows alone.
  static constexpr std::size_t kMostEvents = std::size_t{1} << 20;

  static void open(const std::shared_ptr<Profile>& profile);
  static void close(const std::shared_ptr<Profile>& profile);
  // All that a run costs while nobody profiles.
  static bool any_open() { return count.load(std::memory_order_relaxed) > 0; }

  // Copies: a run on another thread may be adding to them.
  std::vector<Row> rows() const;
  std::vector<Event> events() const;
  std::int64_t nanoseconds() const;  // from open to close, all times together

 private:
  friend class ProfiledRun;
  int row_of(const Step& step);
  static std::atomic<int> count;

  mutable ForkSafeMutex mutex_;
  bool open_ = false;
  std::int64_t origin_ = -1, opened_ = 0, total_ = 0;
  std::vector<Row> rows_;
  std::vector<Event> events_;
  std::unordered_map<std::string, int> index_;
};

// The report of one run of steps, one step at a time.
class ProfiledRun {
 public:
  ProfiledRun(std::span<const Step> steps, int threads);
  static std::int64_t now();  // ns
  // Thread `rank` worked on a step since `begin`. Loops count as steps, before those inside them.
  void ran(int rank, std::size_t step, std::int64_t begin);
  // All threads are done with their step: one of them hands it in, the others wait.
  void settle();

 private:
  struct Part {
    std::size_t step = 0;
    int thread = 0;
    std::int64_t begin = 0, end = -1;  // -1: nothing to hand in
  };
  struct alignas(64) Slot {
    Part part;
  };
  struct Reader {
    std::shared_ptr<Profile> profile;
    std::vector<int> rows;  // of each step
  };
  static void add_rows(Reader& reader, std::span<const Step> steps);
  std::vector<Slot> slots_;
  std::vector<Reader> readers_;
};

}  // namespace deepcore
