// Normalization of rows: derivatives by differences, the loops of every instruction set beside the
// definition in float64, and the promises about bits.
#include "deepcore/ops/normalization.h"

#include <gtest/gtest.h>

#include "deepcore/cpu/threads.h"
#include "numeric.h"
#include "simd_tables.h"

namespace deepcore::testing {
namespace {

struct Case {
  bool centred, scale, shift;

  std::vector<Shape> shapes(const Shape& x) const {
    std::vector<Shape> out{x};
    if (scale) out.push_back({x.back()});
    if (shift) out.push_back({x.back()});
    return out;
  }
  Function function() const {
    return [c = *this](const Tensors& in) {
      return row_norm(in[0], c.scale ? in[1] : Tensor(), c.shift ? in[c.scale ? 2 : 1] : Tensor(),
                      c.centred, 1e-3);
    };
  }
};
const std::vector<Case> kCases = {
    {true, true, true}, {true, false, false}, {true, false, true}, {false, true, false}};

TEST(RowNorm, DerivativesAreThoseOfDifferences) {
  for (const Case& c : kCases) {
    const Function f = c.function();
    const Tensors x = spread(c.shapes({2, 3, 4}), -1, 1, 1);
    const Tensor weights = spread({x[0].shape()}, -1, 1, 2)[0];
    const Tensors directions = spread(c.shapes({2, 3, 4}), -1, 1, 3);
    const Function slope = [&](const Tensors& at) {
      const Tensors first = gradient(f, at, weights);
      Tensor total = scalar(0, DType::kFloat64);
      for (std::size_t k = 0; k < at.size(); ++k) total = total + sum_all(first[k] * directions[k]);
      return total;
    };
    const Tensor unit = scalar(1, DType::kFloat64);
    const Tensors grads = gradient(f, x, weights), second = gradient(slope, x, unit);
    for (std::size_t k = 0; k < x.size(); ++k) {
      EXPECT_LT(relative_error(numbers(grads[k]), difference(f, x, k, weights)), 1e-6);
      EXPECT_LT(relative_error(numbers(second[k]), difference(slope, x, k, unit)), 1e-6);
    }
  }
}

TEST(RowNorm, LoopsGiveTheDefinition) {
  for (const Case& c : kCases)
    for (std::int64_t n : {1, 2, 7, 8, 16, 17, 64, 100, 1025, 5000})
      for (std::int64_t rows : {0, 1, 3, 129, 300}) {
        if (n * rows > 400'000) continue;
        SCOPED_TRACE(join(c.centred, c.scale, c.shift, " ", rows, " ", n));
        const Function f = c.function();
        Tensors x = spread(c.shapes({rows, n}), -1, 1, 1);
        x[0] = x[0] + 3;  // a mean that must not cost the digits of the spread
        Tensors narrow;
        for (const Tensor& t : x) narrow.push_back(cast(t, DType::kFloat32));
        const Tensor weights = spread({x[0].shape()}, -1, 1, 2)[0];
        const Tensors want = gradient(f, x, weights);
        const Tensors got = gradient(f, narrow, cast(weights, DType::kFloat32));
        EXPECT_LT(relative_error(numbers(f(narrow)), numbers(f(x))), 1e-5);
        for (std::size_t k = 0; k < want.size(); ++k)
          EXPECT_LT(relative_error(numbers(got[k]), numbers(want[k])), 3e-5) << "input " << k;
      }
}

TEST(RowNorm, EveryInstructionSetAgrees) {
  constexpr std::int64_t kRows = 5, kWidth = 37;
  const Tensors x =
      spread({{kRows, kWidth}, {kWidth}, {kWidth}, {kRows, kWidth}}, -1, 1, 1, DType::kFloat32);
  std::vector<Numbers> found;
  for (const Kernels* table : test::simd_tables()) {
    const NormRows rows{kRows, kWidth, x[0].data<float>(), x[1].data<float>(), 1e-3f, true};
    std::vector<float> y(kRows * kWidth), gx(kRows * kWidth), scratch(2 * kWidth);
    std::vector<double> sums(2 * kWidth);
    table->norm.normalize(rows, x[2].data<float>(), y.data());
    table->norm.normalize_grad(rows, x[3].data<float>(), gx.data(), sums.data(),
                               sums.data() + kWidth, scratch.data());
    Numbers all(y.begin(), y.end());
    all.insert(all.end(), gx.begin(), gx.end());
    all.insert(all.end(), sums.begin(), sums.end());
    found.push_back(all);
  }
  for (const Numbers& other : found) EXPECT_LT(relative_error(other, found[0]), 1e-6);
}

TEST(RowNorm, TheSameBitsOnAnyNumberOfThreadsAndInAnyBatch) {
  for (const Case& c : kCases) {
    const Function f = c.function();
    const Tensors x = spread(c.shapes({1000, 65}), -1, 1, 1, DType::kFloat32);
    const Tensor weights = spread({x[0].shape()}, -1, 1, 2, DType::kFloat32)[0];
    std::vector<Tensors> found;
    for (int threads : {1, 3}) {
      force_team_size(threads);
      found.push_back(gradient(f, x, weights));
      found.back().push_back(f(x));
      force_team_size(0);
    }
    for (std::size_t k = 0; k < found[0].size(); ++k)
      EXPECT_EQ(numbers(found[0][k]), numbers(found[1][k])) << "result " << k;
    Tensors one = x;
    one[0] = slice(x[0], {777, 0}, {1, 65}, {1, 1});
    EXPECT_EQ(numbers(f(one)), numbers(slice(found[0].back(), {777, 0}, {1, 65}, {1, 1})));
  }
}

TEST(RowNorm, TellsWhatDoesNotFit) {
  const Tensors x = spread({{2, 3}, {4}}, -1, 1, 1);
  EXPECT_EQ(message_of([&] { row_norm(x[0], x[1], {}, true, 1e-3); }),
            "[layer_normalization] gamma has shape [4], rows of [2, 3] expect [3]");
  EXPECT_EQ(message_of([&] { row_norm(scalar(1, DType::kFloat32), {}, {}, false, 1e-3); }),
            "[rms_normalization] expected at least one axis, got a scalar");
}

}  // namespace
}  // namespace deepcore::testing
