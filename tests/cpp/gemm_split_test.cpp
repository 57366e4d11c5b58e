// Products cut along K: beside the same products uncut, over random shapes.
#include <gtest/gtest.h>

#include <random>

#include "deepcore/cpu/gemm.h"
#include "deepcore/cpu/threads.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

Gemm gradient_of_kernel(std::int64_t m, std::int64_t n, std::int64_t k) {
  Gemm gemm;
  gemm.m = m;
  gemm.n = n;
  gemm.k = k;
  gemm.ta = true;
  return gemm;
}

// All tasks, the last first, with whatever lies in the memory they are given.
std::vector<float> run(const Runner& runner, const std::vector<float>& a,
                       const std::vector<float>& b, std::int64_t size) {
  std::vector<float> out(static_cast<std::size_t>(size), -1e9f),
      workspace(runner.workspace / sizeof(float), 1e9f),
      scratch(runner.scratch / sizeof(float), 1e9f);
  const void* in[] = {a.data(), b.data()};
  void* to[] = {out.data()};
  const Call call{in, to, workspace.data(), nullptr};
  for (const Phase& phase : runner.phases)
    for (std::int64_t task = phase.tasks - 1; task >= 0; --task)
      phase.run(call, task, scratch.data());
  return out;
}

TEST(GemmSplit, GivesTheProductUncut) {
  std::mt19937 source(7);
  const auto between = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(source);
  };
  std::normal_distribution<float> normal;
  for (int turn = 0; turn < 40; ++turn) {
    const std::int64_t m = between(1, 140), n = between(1, 300), k = between(900, 9000);
    SCOPED_TRACE(join(m, " x ", n, " over ", k));
    std::vector<float> a(static_cast<std::size_t>(k * m)), b(static_cast<std::size_t>(k * n));
    for (float& v : a) v = normal(source);
    for (float& v : b) v = normal(source);
    const Gemm gemm = gradient_of_kernel(m, n, k);
    const auto split = split_gemm_runner(gemm);
    ASSERT_TRUE(split.has_value());
    const std::vector<float> got = run(*split, a, b, m * n),
                             want = run(gemm_runner(gemm), a, b, m * n);
    double error = 0;
    for (std::size_t i = 0; i < got.size(); ++i)
      error = std::max(error, static_cast<double>(std::abs(got[i] - want[i])));
    EXPECT_LT(error, 4e-6 * static_cast<double>(k));  // of sums of k numbers about 1
    EXPECT_LT(error, 1e-2);
  }
}

TEST(GemmSplit, LeavesTheRestToTheUncut) {
  EXPECT_FALSE(split_gemm_runner(gradient_of_kernel(64, 64, 895)));
  EXPECT_FALSE(split_gemm_runner(gradient_of_kernel(64, 0, 9000)));
  EXPECT_FALSE(split_gemm_runner(gradient_of_kernel(512, 512, 9000)));
  Gemm gemm = gradient_of_kernel(64, 64, 9000);
  gemm.tb = true;
  EXPECT_FALSE(split_gemm_runner(gemm));
  gemm = gradient_of_kernel(64, 64, 9000);
  gemm.batch = Shape{1};
  EXPECT_FALSE(split_gemm_runner(gemm)) << "a batch of one must do what a larger one does";
  gemm = gradient_of_kernel(64, 64, 9000);
  gemm.epilogue.activation = Kind::kRelu;
  EXPECT_FALSE(split_gemm_runner(gemm));
  gemm = gradient_of_kernel(64, 64, 9000);
  gemm.ta = false;
  EXPECT_FALSE(split_gemm_runner(gemm));
}

}  // namespace
}  // namespace deepcore::testing
