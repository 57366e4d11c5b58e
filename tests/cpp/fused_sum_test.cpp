// Sums along the last axes that are taken while their addends are computed: one step, with the bits
// of the separate ops, over rows of a chunk, a piece and several, odd sizes and kept axes.
#include <gtest/gtest.h>

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

// The means are read while sums of their own type are written.
TEST(FusedSum, DeviationsFromTheMeansOfRows) {
  for (const Shape& shape : {Shape{300, 70}, Shape{3, 5000}, Shape{2, 3, 40000}}) {
    const Dims axes = last_axes(shape, 1);
    const double n = static_cast<double>(shape.back());
    const auto f = [&](const Tensors& x) {
      const Tensor mean = sum(x[0], axes, kKeep) * (1.0 / n);
      return Tensors{sum(square(x[0] - mean), axes, kKeep)};
    };
    expect_same_everywhere(f, {numbers(shape, 3)});
  }
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
