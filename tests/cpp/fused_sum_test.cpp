// Sums along the last axes that are taken while their addends are computed: one step, with the bits
// of the separate ops, over rows of a chunk, a piece and several, odd sizes and kept axes.
#include <gtest/gtest.h>

#include "deepcore/graph/variable.h"
#include "plan_call.h"

namespace deepcore {
namespace {

using namespace test;

const Shape kShapes[] = {{7, 33},    {300, 5},      {3, 5, 130}, {2, 1, 2048},
                         {3, 2049},  {5, 9001},     {40000, 2},  {70001},
                         {2, 33000}, {2, 3, 11000}, {1, 1, 17},  {3, 4, 1, 6}};

Dims last_axes(const Shape& shape, int n) {
  Dims axes;
  for (int i = shape.rank() - n; i < shape.rank(); ++i) axes.push_back(i);
  return axes;
}

TEST(FusedSum, RowsHaveTheBitsOfEagerOnesAndTakeOneStep) {
  for (const Shape& shape : kShapes)
    for (int n = 1; n <= shape.rank(); ++n)
      for (const bool keep : {false, true}) {
        const Dims axes = last_axes(shape, n);
        const Tensors in{numbers(shape, 1), numbers(shape, 2)};
        SCOPED_TRACE(join(shape, ", the last ", n, keep ? ", kept" : ""));
        const auto f = [&](const Tensors& x) {
          const Tensor both = x[0] * x[1];
          return Tensors{sum(both, axes, keep), tanh(both), sum(x[0], axes, keep),
                         sum(square(both), axes, keep)};
        };
        const Plan plan(*trace(f, in), backend());
        EXPECT_EQ(count(plan.str(), "fused_sum"), 1u) << plan.str();
        EXPECT_EQ(count(plan.str(), "\n"), 2u) << plan.str();
        expect_same_everywhere(f, in);
      }
}

// A sum is not written over what other rows still read, though it be of the same type: neither of
// these temporaries, nor the variable's old value.
TEST(FusedSum, LiesOverNoInput) {
  for (const std::int64_t n : {64, 100, 300, 3000}) {
    SCOPED_TRACE(n);
    const Tensors square_by{numbers({n, n}, 5), numbers({n}, 6), numbers({n, 1}, 7)};
    expect_same_everywhere(
        [](const Tensors& x) {
          const Tensor suffix = exp(x[1]), prefix = exp(x[2]);
          const Tensor by_suffix = sum(x[0] * suffix, {1}) * 2.0;
          const Tensor kept = sum(x[0], {1}, kKeep), other = sum(x[0] * prefix, {1}, kKeep);
          return Tensors{by_suffix, kept * other};
        },
        square_by);
  }
  const auto deviations = [](const Tensors& x) {
    const Tensor mean = sum(x[0], {1}, kKeep) * (1.0 / 70);
    return Tensors{sum(square(x[0] - mean), {1}, kKeep) + 1.0};
  };
  expect_same_everywhere(deviations, {numbers({300, 70}, 3)});
}

TEST(FusedSum, LiesOverNoVariable) {
  const Tensor matrix = numbers({100, 100}, 8), start = numbers({100}, 9);
  const auto v = std::make_shared<Variable>(start, "v", true);
  Trace trace;
  const Tensor a = trace.input(matrix.type());
  trace.write(*v, sum(a * trace.read(*v), {1}));
  Plan plan(*trace.finish({}), backend(), true);
  const Tensor want = sum(matrix * start, {1});
  plan.run({matrix});
  expect_same_bits(v->stored(), want);
}

TEST(FusedSum, SumsOfDifferentAxesStayApart) {
  const auto f = [](const Tensors& x) {
    const Tensor y = exp(x[0]);
    return Tensors{sum(y, {1}), sum(y, {0}), sum(y, {0, 1}), sum(y, {1}, kKeep)};
  };
  expect_same_everywhere(f, {numbers({130, 37}, 4)});
}

}  // namespace
}  // namespace deepcore
