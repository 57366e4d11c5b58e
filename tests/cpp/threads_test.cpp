#include "deepcore/cpu/threads.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cmath>
#include <thread>
#include <vector>

#include "deepcore/core/fork.h"

namespace deepcore {
namespace {

// Every task once, whatever the team and the count; a barrier between phases.
void run_phases(int threads, int phases, std::int64_t tasks) {
  std::vector<std::atomic<int>> taken(static_cast<std::size_t>(phases * tasks));
  std::atomic<int> wrong{0};
  parallel(threads, 64, [&](Team& team) {
    for (int p = 0; p < phases; ++p) {
      team.share(tasks, [&](std::int64_t t) {
        taken[static_cast<std::size_t>(p * tasks + t)].fetch_add(1);
      });
      if (p % 3 == 0) continue;  // phases without a barrier may overlap
      team.barrier();
      for (int q = 0; q <= p; ++q)
        for (std::int64_t t = 0; t < tasks; ++t)
          if (taken[static_cast<std::size_t>(q * tasks + t)].load() != 1) wrong.fetch_add(1);
      team.barrier();
    }
  });
  for (auto& t : taken) EXPECT_EQ(t.load(), 1);
  EXPECT_EQ(wrong.load(), 0);
}

TEST(Threads, EveryTaskRunsOnceOnAnyTeam) {
  for (int threads : {1, 2, 3, 8})
    for (std::int64_t tasks : {0, 1, 2, 3, 7, 8, 64, 65}) run_phases(threads, 12, tasks);
}

TEST(Threads, ManyPhasesWithoutBarriers) {
  for (int threads : {2, 3}) {
    std::atomic<std::int64_t> sum{0};
    parallel(threads, 0, [&](Team& team) {
      for (int p = 0; p < 500; ++p) team.share(5, [&](std::int64_t t) { sum.fetch_add(t + 1); });
    });
    EXPECT_EQ(sum.load(), 500 * 15);
  }
}

TEST(Threads, LastToArriveRunsAloneBeforeAnybodyLeaves) {
  int shared = 0;  // not atomic: the barrier orders it
  std::atomic<int> wrong{0};
  const std::function<void()> last = [&] { ++shared; };
  parallel(4, 0, [&](Team& team) {
    for (int i = 1; i <= 300; ++i) {
      team.barrier(&last);
      if (shared != i) wrong.fetch_add(1);
      team.barrier();
    }
  });
  EXPECT_EQ(shared, 300);
  EXPECT_EQ(wrong.load(), 0);
}

TEST(Threads, ScratchIsPrivateAndLargeEnough) {
  std::array<void*, 4> seen{};
  parallel(4, 1 << 20, [&](Team& team) {
    static_cast<char*>(team.scratch())[(1 << 20) - 1] = 1;
    seen[static_cast<std::size_t>(team.rank())] = team.scratch();
  });
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(seen[i], seen[j]);
}

TEST(Threads, CallersFromSeveralThreadsShareThePool) {
  std::atomic<std::int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int i = 0; i < 200; ++i)
        parallel(3, 0, [&](Team& team) { team.share(7, [&](std::int64_t) { sum.fetch_add(1); }); });
    });
  for (std::thread& t : callers) t.join();
  EXPECT_EQ(sum.load(), 4 * 200 * 7);
}

TEST(Threads, ForkedChildHasAPoolOfItsOwn) {
  run_phases(3, 4, 9);
  ForkSafeMutex mutex;
  mutex.lock();
  const pid_t child = fork();
  if (child == 0) {
    mutex.lock();  // held by the parent, free here
    std::atomic<int> sum{0};
    for (int i = 0; i < 50; ++i)
      parallel(3, 128, [&](Team& team) { team.share(9, [&](std::int64_t) { sum.fetch_add(1); }); });
    _exit(sum.load() == 450 ? 0 : 1);
  }
  mutex.unlock();
  run_phases(3, 4, 9);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(Threads, DenormalsAreFlushedInsideAndRestoredAfter) {
  volatile float tiny = 1e-38f, half = 0.5f;
  std::atomic<int> kept{0};
  parallel(2, 0, [&](Team&) {
    volatile float product = tiny * half * half;
    if (product != 0.0f) kept.fetch_add(1);
  });
#if defined(__x86_64__) || defined(__aarch64__)
  EXPECT_EQ(kept.load(), 0);
#endif
  volatile float product = tiny * half * half;
  EXPECT_GT(product, 0.0f);
}

TEST(Threads, TheTeamIsNoLargerThanTheCpus) {
  set_num_threads(1000);
  EXPECT_EQ(num_threads(), available_cpus());
  set_num_threads(1);
  EXPECT_EQ(num_threads(), 1);
  set_num_threads(0);
  force_team_size(5);
  EXPECT_EQ(num_threads(), 5);
  force_team_size(0);
}

}  // namespace
}  // namespace deepcore
