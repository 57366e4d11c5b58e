// Products cut along K: beside the same products uncut, over random shapes.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "deepcore/cpu/gemm.h"
#include "deepcore/cpu/threads.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

using Floats = std::vector<float>;

Gemm gemm_of(std::int64_t m, std::int64_t n, std::int64_t k, bool ta) {
  Gemm gemm;
  gemm.m = m;
  gemm.n = n;
  gemm.k = k;
  gemm.ta = ta;
  return gemm;
}
Gemm gradient_of_kernel(std::int64_t m, std::int64_t n, std::int64_t k) {
  return gemm_of(m, n, k, true);
}

// All tasks, the last first, with whatever lies in the memory they are given.
Floats run(const Runner& runner, const std::vector<Floats>& in, std::int64_t size) {
  Floats out(static_cast<std::size_t>(size), -1e9f),
      workspace(runner.workspace / sizeof(float), 1e9f),
      scratch(runner.scratch / sizeof(float), 1e9f);
  std::vector<const void*> from;
  for (const Floats& each : in) from.push_back(each.data());
  void* to[] = {out.data()};
  const Call call{from.data(), to, workspace.data(), nullptr};
  for (const std::vector<Phase>* phases : {&runner.setup, &runner.phases})
    for (const Phase& phase : *phases)
      for (std::int64_t task = phase.tasks - 1; task >= 0; --task)
        phase.run(call, task, scratch.data());
  return out;
}

// Infinite where one of them is not a number.
double largest_difference(const Floats& a, const Floats& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double apart = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(apart <= largest)) largest = std::isnan(apart) ? HUGE_VAL : apart;
  }
  return largest;
}

class GemmChains : public ::testing::Test {
 protected:
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(source_);
  }
  Floats numbers(std::int64_t count) {
    std::normal_distribution<float> normal;
    Floats all(static_cast<std::size_t>(count));
    for (float& v : all) v = normal(source_);
    return all;
  }

 private:
  std::mt19937 source_{7};
};

TEST_F(GemmChains, OfGradientsGiveTheProductUncut) {
  for (int turn = 0; turn < 40; ++turn) {
    Gemm gemm = gradient_of_kernel(between(1, 140), between(1, 300), between(900, 9000));
    SCOPED_TRACE(join(gemm.m, " x ", gemm.n, " over ", gemm.k));
    const std::vector<Floats> in{numbers(gemm.k * gemm.m), numbers(gemm.k * gemm.n)};
    const Floats want = run(gemm_runner(gemm), in, gemm.m * gemm.n);
    gemm.chains = chains_of(gemm);
    ASSERT_GE(gemm.chains, 2);
    const double error = largest_difference(run(gemm_runner(gemm), in, gemm.m * gemm.n), want);
    EXPECT_LT(error, 4e-6 * static_cast<double>(gemm.k));  // of sums of k numbers about 1
    EXPECT_LT(error, 1e-2);
  }
}

TEST_F(GemmChains, OfHighKernelsGiveTheProductUncutWithAnyEpilogue) {
  for (int turn = 0; turn < 60; ++turn) {
    Gemm gemm = gemm_of(between(1, 300), between(8, 100), between(800, 2500), false);
    gemm.epilogue.scale = turn % 2;
    gemm.epilogue.bias = turn / 2 % 2;
    gemm.epilogue.residual = turn / 4 % 2;
    gemm.epilogue.activation = turn % 3 == 0   ? Kind::kRelu
                               : turn % 3 == 1 ? Kind::kTanh
                                               : Kind::kIdentity;
    SCOPED_TRACE(join(gemm.m, " x ", gemm.n, " over ", gemm.k, ", turn ", turn));
    std::vector<Floats> in{numbers(gemm.m * gemm.k), numbers(gemm.k * gemm.n)};
    if (gemm.epilogue.scale) in.push_back(numbers(gemm.n));
    if (gemm.epilogue.bias) in.push_back(numbers(gemm.n));
    if (gemm.epilogue.residual) in.push_back(numbers(gemm.m * gemm.n));
    const Floats want = run(gemm_runner(gemm), in, gemm.m * gemm.n);
    gemm.chains = chains_of(gemm);
    ASSERT_EQ(gemm.chains, 2);
    for (const bool constant : {false, true})
      EXPECT_LT(largest_difference(run(gemm_runner(gemm, kernels(), constant), in, gemm.m * gemm.n),
                                   want),
                2e-3);
  }
}

// A sample must get the same bits in any batch.
TEST_F(GemmChains, OfHighKernelsDoNotKnowTheBatch) {
  Gemm gemm = gemm_of(97, 33, 1111, false);
  gemm.chains = chains_of(gemm);
  const Floats a = numbers(gemm.m * gemm.k), b = numbers(gemm.k * gemm.n);
  const Floats all = run(gemm_runner(gemm), {a, b}, gemm.m * gemm.n);
  for (std::int64_t row = 0; row < 97; row += 8) {
    Gemm one = gemm_of(1, 33, 1111, false);
    one.chains = chains_of(one);
    EXPECT_EQ(one.chains, gemm.chains);
    const Floats alone(a.begin() + row * gemm.k, a.begin() + (row + 1) * gemm.k);
    for (const bool constant : {false, true}) {
      const Floats got = run(gemm_runner(one, kernels(), constant), {alone, b}, gemm.n);
      EXPECT_TRUE(std::equal(got.begin(), got.end(), all.begin() + row * gemm.n)) << row;
    }
  }
}

TEST_F(GemmChains, AreOneWhereMoreDoNotPay) {
  EXPECT_EQ(chains_of(gradient_of_kernel(64, 64, 895)), 1);
  EXPECT_EQ(chains_of(gradient_of_kernel(64, 0, 9000)), 1);
  EXPECT_EQ(chains_of(gradient_of_kernel(512, 512, 9000)), 1);
  EXPECT_EQ(chains_of(gradient_of_kernel(512, 512, 70000)), 4) << "long chains lose digits";
  EXPECT_EQ(chains_of(gemm_of(64, 64, 511, false)), 1);
  EXPECT_EQ(chains_of(gemm_of(64, 100, 799, false)), 1);
  EXPECT_EQ(chains_of(gemm_of(64, 1, 9000, false)), 1);
  Gemm gemm = gradient_of_kernel(64, 64, 9000);
  gemm.tb = true;
  EXPECT_EQ(chains_of(gemm), 1);
  gemm = gradient_of_kernel(64, 64, 9000);
  gemm.batch = Shape{1};
  EXPECT_EQ(chains_of(gemm), 1) << "a batch of one must do what a larger one does";
  gemm = gradient_of_kernel(64, 64, 9000);
  gemm.epilogue.activation = Kind::kRelu;
  EXPECT_EQ(chains_of(gemm), 1);
}

}  // namespace
}  // namespace deepcore::testing
