// Softmax, log-softmax and the cross-entropies of labels against the formulas in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "call_op.h"
#include "numeric.h"
#include "simd_tables.h"

namespace deepcore {
namespace {

using test::Array;
using test::array;
using test::call_every_way;
using test::call_op;
using test::random_array;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using Row = std::vector<double>;

Row log_softmax(const Row& x) {
  const double m = *std::max_element(x.begin(), x.end());
  double total = 0;
  for (double v : x) total += std::exp(v - m);
  Row y;
  for (double v : x) y.push_back(v - m - std::log(total));
  return y;
}

// What rounding may do to exp(x): x - max x is rounded before the exponential takes it.
double within(double x) { return (3e-7 + 6e-8 * std::abs(x)) * std::exp(x); }

// Calls f(r, row r of x) for every row.
template <class F>
void for_rows(const Array& x, F f) {
  const std::vector<double> all = x.numbers();
  const auto n = static_cast<std::size_t>(x.type.shape.back());
  for (std::size_t r = 0; n > 0 && r * n < all.size(); ++r) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(r * n);
    f(r, Row(first, first + static_cast<std::ptrdiff_t>(n)));
  }
}

Array random_labels(const Shape& shape, std::int64_t classes, DType dtype) {
  return random_array(shape, 11, dtype, 0,
                      static_cast<double>(std::min<std::int64_t>(classes, 255)));
}

TEST(Softmax, OddSizes) {
  for (std::int64_t n : test::kOddSizes)
    for (std::int64_t rows : {0, 1, 2, 7, 40}) {
      const Array x =
          random_array({rows, n}, static_cast<unsigned>(n + rows), DType::kFloat32, -9, 9);
      const Array y = call_every_way(Softmax{}, {x}, true).out;
      const Array z = call_every_way(LogSoftmax{}, {x}, true).out;
      const std::vector<double> p = y.numbers(), logp = z.numbers();
      for_rows(x, [&](std::size_t r, const Row& row) {
        const Row want = log_softmax(row);
        for (std::size_t i = 0; i < want.size(); ++i) {
          const std::size_t at = r * want.size() + i;
          ASSERT_NEAR(p[at], std::exp(want[i]), within(want[i])) << n << " " << at;
          ASSERT_NEAR(logp[at], want[i], 2e-7 * (1 + std::abs(want[i]))) << n << " " << at;
        }
      });
    }
}

TEST(Softmax, LeadingAxesAndLongRows) {
  const Array x = random_array({2, 3, 50001}, 2, DType::kFloat32, -3, 3);
  double total = 0;
  for (double p : call_every_way(Softmax{}, {x}, true).out.numbers()) total += p;
  EXPECT_NEAR(total, 6, 1e-6);
}

TEST(Softmax, ExtremeRows) {
  const Array x = array({6, 3}, {1e30, 0, -1e30,       //
                                 -kInf, 0, 0,          //
                                 -kInf, -kInf, -kInf,  //
                                 kInf, 0, 1,           //
                                 kNan, 0, 1,           //
                                 3e38, 3e38, -3e38});
  const std::vector<double> y = call_every_way(Softmax{}, {x}, true).out.numbers();
  const std::vector<double> z = call_every_way(LogSoftmax{}, {x}, true).out.numbers();
  EXPECT_EQ(Row(y.begin(), y.begin() + 3), (Row{1, 0, 0}));
  EXPECT_EQ(Row(y.begin() + 3, y.begin() + 6), (Row{0, 0.5, 0.5}));
  EXPECT_EQ(Row(y.begin() + 15, y.end()), (Row{0.5, 0.5, 0}));
  EXPECT_EQ(z[3], -kInf);
  for (std::size_t i = 6; i < 15; ++i) EXPECT_TRUE(std::isnan(y[i])) << i;
  for (std::size_t i = 6; i < 9; ++i) EXPECT_TRUE(std::isnan(z[i])) << i;
}

TEST(Softmax, WhatIsNotFiniteSpoilsItsOwnRowAlone) {
  for (std::int64_t n : test::kOddSizes)
    for (double bad : {kNan, kInf, -kInf}) {
      if (n < 2) continue;
      const std::int64_t rows = 9;
      const auto width = static_cast<std::size_t>(n);
      Row x(static_cast<std::size_t>(rows) * width, 1.0);
      x[4 * width + width / 2] = bad;
      x[6 * width + width - 1] = bad;
      const Row y = call_every_way(Softmax{}, {array({rows, n}, x)}, true).out.numbers();
      for (std::size_t i = 0; i < y.size(); ++i) {
        const std::size_t row = i / width;
        if (row != 4 && row != 6) {
          ASSERT_NEAR(y[i], 1.0 / static_cast<double>(n), 1e-6) << n << " " << i;
        } else if (bad == -kInf) {
          ASSERT_NEAR(y[i], x[i] == bad ? 0 : 1.0 / static_cast<double>(n - 1), 1e-6) << n;
        } else {
          ASSERT_TRUE(std::isnan(y[i])) << n << " " << i;
        }
      }
    }
}

// Where exponentials stop being normal numbers they may become 0, but nothing else.
TEST(Softmax, FarBelowTheLargest) {
  for (std::int64_t n : {3, 12, 20, 40}) {
    const std::int64_t rows = 400;
    const auto width = static_cast<std::size_t>(n);
    Row x(static_cast<std::size_t>(rows) * width, -1000.0);
    for (std::size_t r = 0; r < 400; ++r) {
      x[r * width] = 0;
      x[r * width + width - 1] = -80 - static_cast<double>(r) / 16;
    }
    const Row y = call_every_way(Softmax{}, {array({rows, n}, x)}, true).out.numbers();
    for (std::size_t r = 0; r < 400; ++r) {
      const double at = x[r * width + width - 1], want = std::exp(at),
                   got = y[r * width + width - 1];
      ASSERT_NEAR(got, want, at > -86 ? within(at) : want) << at;
      ASSERT_GE(got, 0) << at;
      ASSERT_LE(got, want * (1 + 1e-5) + 1e-45) << at;
    }
  }
}

TEST(SoftmaxGrad, OddSizes) {
  for (std::int64_t n : test::kOddSizes) {
    const Array y = random_array({5, n}, 1, DType::kFloat32, 0, 1), gy = random_array({5, n}, 2);
    const std::vector<double> g = gy.numbers(),
                              got = call_every_way(SoftmaxGrad{}, {y, gy}).out.numbers();
    for_rows(y, [&](std::size_t r, const Row& row) {
      double dot = 0, size = 1;
      for (std::size_t i = 0; i < row.size(); ++i) {
        dot += row[i] * g[r * row.size() + i];
        size += std::abs(row[i] * g[r * row.size() + i]);
      }
      for (std::size_t i = 0; i < row.size(); ++i) {
        const std::size_t at = r * row.size() + i;
        ASSERT_NEAR(got[at], row[i] * (g[at] - dot), 3e-7 * size) << n;
      }
    });
  }
}

TEST(SparseCrossEntropy, FromLogits) {
  for (DType dtype : {DType::kInt32, DType::kInt64, DType::kUInt8})
    for (std::int64_t n : test::kOddSizes) {
      if (n == 0) continue;
      const std::int64_t rows = 300;  // more than a block of labels
      const Array x = random_array({rows, n}, 3, DType::kFloat32, -9, 9),
                  g = random_array({rows}, 4);
      const Array labels = random_labels({rows}, n, dtype);
      const std::vector<double> label = labels.numbers(), scale = g.numbers();
      const auto loss = call_every_way(SparseCrossEntropy{true}, {x, labels}).out.numbers();
      const auto grad =
          call_every_way(SparseCrossEntropyGrad{true, {}}, {x, labels, g}).out.numbers();
      for_rows(x, [&](std::size_t r, const Row& row) {
        const Row logp = log_softmax(row);
        const auto at = static_cast<std::size_t>(label[r]);
        ASSERT_NEAR(loss[r], -logp[at], 1e-6 * (1 - logp[at]));
        for (std::size_t i = 0; i < row.size(); ++i)
          ASSERT_NEAR(grad[r * row.size() + i], scale[r] * (std::exp(logp[i]) - (i == at)), 5e-7);
      });
    }
}

TEST(SparseCrossEntropy, FromProbabilities) {
  for (std::int64_t n : {1, 2, 10, 17}) {
    Array x = random_array({9, n}, 3, DType::kFloat32, 0, 1);
    const Array labels = random_labels({9}, n, DType::kInt64), g = random_array({9}, 4);
    const std::vector<double> label = labels.numbers(), scale = g.numbers();
    const auto put = [&](std::size_t row, float p) {
      std::memcpy(
          x.bytes.data() +
              (row * static_cast<std::size_t>(n) + static_cast<std::size_t>(label[row])) * 4,
          &p, 4);
    };
    put(0, 0.0f);
    put(1, 1.0f);
    put(2, 1e-8f);
    put(3, static_cast<float>(kNan));
    const auto loss = call_every_way(SparseCrossEntropy{false}, {x, labels}).out.numbers();
    const auto grad =
        call_every_way(SparseCrossEntropyGrad{false, {}}, {x, labels, g}).out.numbers();
    for_rows(x, [&](std::size_t r, const Row& row) {
      const auto at = static_cast<std::size_t>(label[r]);
      const double p = row[at];
      if (r == 3) {
        EXPECT_TRUE(std::isnan(loss[r]));
        return;
      }
      EXPECT_NEAR(loss[r], -std::log(std::clamp(p, 1e-7, 1 - 1.1920929e-7)), 2e-6) << p;
      for (std::size_t i = 0; i < row.size(); ++i) {
        const bool counts = i == at && p >= 1e-7 && p < 1 - 1e-7;
        EXPECT_NEAR(grad[r * row.size() + i], counts ? -scale[r] / p : 0.0, 1e-6 / p) << p;
      }
    });
  }
}

TEST(SparseCrossEntropy, BadAndIgnoredLabels) {
  for (bool logits : {true, false})
    for (double bad : {3.0, -1.0, 1e9, -7.0}) {
      const Array x = random_array({3, 3}, 1, DType::kFloat32, 0.1, 0.9), g = array({3}, {1, 1, 1});
      const Array labels = array({3}, {2, bad, 0}, DType::kInt64);
      const SparseCrossEntropy loss_op{logits};
      const auto loss = call_op(loss_op, {x, labels});
      EXPECT_EQ(loss.fault, Fault::kLabelOutOfRange);
      EXPECT_TRUE(std::isnan(loss.out.numbers()[1]));
      EXPECT_FALSE(std::isnan(loss.out.numbers()[2]));
      const auto grad = call_op(SparseCrossEntropyGrad{logits, {}}, {x, labels, g});
      EXPECT_EQ(grad.fault, Fault::kLabelOutOfRange);
      EXPECT_TRUE(std::isnan(grad.out.numbers()[4]));
      EXPECT_FALSE(std::isnan(grad.out.numbers()[6]));

      const auto ignore = static_cast<std::int64_t>(bad);
      const auto kept = call_op(SparseCrossEntropy{logits, ignore}, {x, labels});
      EXPECT_EQ(kept.fault, Fault::kNone);
      EXPECT_EQ(kept.out.numbers()[1], 0);
      const auto zero = call_op(SparseCrossEntropyGrad{logits, ignore}, {x, labels, g});
      EXPECT_EQ(zero.fault, Fault::kNone);
      EXPECT_EQ(zero.out.numbers()[4], 0);
    }
}

TEST(SparseCrossEntropy, AClassMayBeIgnored) {
  const Array x = random_array({2, 3}, 1), labels = array({2}, {1, 2}, DType::kInt32);
  const auto loss = call_op(SparseCrossEntropy{true, 1}, {x, labels}).out.numbers();
  EXPECT_EQ(loss[0], 0);
  EXPECT_GT(loss[1], 0);
}

TEST(SparseCrossEntropy, NothingToDo) {
  EXPECT_EQ(call_op(SparseCrossEntropy{true},
                    {random_array({0, 3}, 1), random_labels({0}, 3, DType::kInt32)})
                .fault,
            Fault::kNone);
  // No classes: no label is right.
  EXPECT_EQ(call_op(SparseCrossEntropy{true},
                    {random_array({2, 0}, 1), array({2}, {0, 0}, DType::kInt32)})
                .fault,
            Fault::kLabelOutOfRange);
}

TEST(Softmax, FusedEqualsComposed) {
  const Shape shape{9, 17}, rows{9};
  const auto draw = [](const Shape& s, unsigned seed) {
    return deepcore::testing::spread({s}, -3, 3, seed, DType::kFloat32)[0];
  };
  const Tensor x = draw(shape, 1), gy = draw(shape, 2), g = draw(rows, 3), y = softmax(x);
  const Tensor labels =
      deepcore::testing::tensor({0, 1, 2, 3, 4, 5, 6, 7, 16}, rows, DType::kInt64);
  const auto check = [](const auto& op, const Tensors& in) {
    EXPECT_LT(deepcore::testing::relative_error(deepcore::testing::numbers(apply1(op, in)),
                                                deepcore::testing::numbers(op.compose(in)[0])),
              1e-6)
        << op.str();
  };
  check(Softmax{}, {x});
  check(LogSoftmax{}, {x});
  check(SoftmaxGrad{}, {y, gy});
  for (std::optional<std::int64_t> ignore : {std::optional<std::int64_t>{}, {3}}) {
    check(SparseCrossEntropy{true, ignore}, {x, labels});
    check(SparseCrossEntropy{false, ignore}, {y, labels});
    check(SparseCrossEntropyGrad{true, ignore}, {x, labels, g});
    check(SparseCrossEntropyGrad{false, ignore}, {y, labels, g});
  }
}

TEST(Softmax, KernelsOfEveryInstructionSet) {
  // The longest row that is kept while it is summed, and the next.
  std::vector<std::int64_t> sizes = test::kOddSizes;
  sizes.insert(sizes.end(), {4096, 4097});
  for (const Kernels* table : test::simd_tables())
    for (std::int64_t n : sizes) {
      const Array x = random_array({3, n}, 5, DType::kFloat32, -20, 20);
      std::vector<float> y(static_cast<std::size_t>(3 * n) + 1, 7);
      table->softmax.softmax(x.data<float>(), y.data(), 3, n);
      for_rows(x, [&](std::size_t r, const Row& row) {
        const Row want = log_softmax(row);
        for (std::size_t i = 0; i < row.size(); ++i)
          ASSERT_NEAR(y[r * row.size() + i], std::exp(want[i]), within(want[i]))
              << table->isa << " " << n;
      });
      EXPECT_EQ(y.back(), 7) << "written past the end";
    }
}

}  // namespace
}  // namespace deepcore
