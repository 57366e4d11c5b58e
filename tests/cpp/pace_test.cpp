// How many threads a list of steps runs on: what its rounds' times make of that, and that each
// round runs once whatever it is.
#include "deepcore/graph/pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <thread>

#include "deepcore/core/switches.h"
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/threads.h"

namespace deepcore {
namespace {

using Times = std::function<double(int threads)>;  // milliseconds of a round

// Rounds on as many threads as the pace says; how many of them ran on how many threads.
std::vector<int> rounds(Pace& pace, int count, int most, const Times& milliseconds) {
  std::vector<int> on(static_cast<std::size_t>(most + 1));
  for (int i = 0; i < count; ++i) {
    const int threads = pace.threads(most);
    EXPECT_GE(threads, 1);
    EXPECT_LE(threads, most);
    if (threads < 1 || threads > most) break;
    ++on[static_cast<std::size_t>(threads)];
    pace.took(static_cast<std::int64_t>(1e6 * milliseconds(threads)));
  }
  return on;
}

double shared_out(int threads) { return 1.0 / threads; }       // a CPU for each
double held_up(int threads) { return threads > 1 ? 2.3 : 1; }  // others use the CPUs too

TEST(Pace, TakesAllThreadsWhileTheyAreFastest) {
  Pace pace;
  EXPECT_EQ(rounds(pace, 70, 2, shared_out)[1], 0);  // too soon to try
  const std::vector<int> on = rounds(pace, 100'000, 2, shared_out);
  EXPECT_GT(on[1], 10);  // tries, ever more rarely
  EXPECT_LT(on[1], 200);
  EXPECT_EQ(rounds(pace, 1000, 1, shared_out)[1], 1000);
}

TEST(Pace, LeavesThreadsOutWhereTheyHoldOthersUpAndTakesThemBack) {
  Pace pace;
  rounds(pace, 2000, 2, shared_out);
  EXPECT_GT(rounds(pace, 1000, 2, held_up)[1], 900);
  const std::vector<int> later = rounds(pace, 10'000, 2, held_up);
  EXPECT_GT(later[2], 3);
  EXPECT_LT(later[2], 200);
  rounds(pace, 2000, 2, shared_out);  // more than the longest wait for a trial
  EXPECT_GT(rounds(pace, 2000, 2, shared_out)[2], 1900);
}

// By halves and doubles: the best itself may lie between.
TEST(Pace, FindsTheBestOfMany) {
  for (int best : {1, 2, 4, 8, 13})
    for (int most : {8, 13}) {
      if (best > most) continue;
      Pace pace;
      const Times times =
          [best](int threads) {  // shared out up to the best, then in each other's way
            return threads <= best ? 1.0 / threads : (1.0 + 0.5 * (threads - best)) / best;
          };
      rounds(pace, 20'000, most, times);
      const std::vector<int> on = rounds(pace, 10'000, most, times);
      const auto found = std::max_element(on.begin(), on.end()) - on.begin();
      EXPECT_LE(times(static_cast<int>(found)), 1.5 * times(best)) << best << " of " << most;
    }
}

TEST(Pace, DoesNotTryLongRounds) {
  Pace pace;
  EXPECT_EQ(rounds(pace, 1000, 2, [](int) { return 20.0; })[1], 0);
}

TEST(Pace, BeginsAnewWithOtherThreads) {
  Pace pace;
  rounds(pace, 1000, 4, [](int threads) { return 1.0 * threads; });
  EXPECT_EQ(pace.threads(4), 1);
  EXPECT_EQ(pace.threads(3), 3);
  EXPECT_EQ(pace.threads(4), 4);
}

// A step whose second phase wants both halves of the first, long enough for trials.
TEST(Pace, EveryRoundRunsOnceOnAnyNumberOfThreads) {
  std::atomic<int> begun{0}, ran{0}, wrong{0};
  std::set<int> teams;
  int half[2] = {0, 0};
  Step step;
  step.runner.phases = {{2,
                         [&](const Call&, std::int64_t task, void*) {
                           ++half[task];
                           ran.fetch_add(1);
                           std::this_thread::sleep_for(std::chrono::microseconds(300));
                         }},
                        {2, [&](const Call&, std::int64_t, void*) {
                           if (half[0] != half[1] || half[0] != begun.load()) wrong.fetch_add(1);
                         }}};
  const int most = num_threads();
  constexpr int kRounds = 400;
  Pace pace;
  const std::function<bool()> next = [&] {
    teams.insert(pace.threads(most));
    return begun.load() < kRounds && (begun.fetch_add(1), true);
  };
  CpuBackend::instance().execute({&step, 1}, next, false, &pace);
  EXPECT_EQ(begun.load(), kRounds);
  EXPECT_EQ(ran.load(), 2 * kRounds);
  EXPECT_EQ(wrong.load(), 0);
  const bool tries = most > 1 && enabled(FastPath::kPace);
  EXPECT_EQ(teams.size() > 1, tries);
}

TEST(Pace, AForcedTeamStays) {
  Step step;
  step.runner.phases = {{2, [](const Call&, std::int64_t, void*) {
                           std::this_thread::sleep_for(std::chrono::milliseconds(2));
                         }}};
  Pace pace;
  int begun = 0;
  force_team_size(3);
  CpuBackend::instance().execute({&step, 1}, [&] { return begun++ < 60; }, false, &pace);
  force_team_size(0);
  EXPECT_EQ(begun, 61);
  EXPECT_EQ(pace.threads(0), 0);  // never asked
}

}  // namespace
}  // namespace deepcore
