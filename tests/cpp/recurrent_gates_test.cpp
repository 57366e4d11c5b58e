// The sigmoid and tanh of the gates against double libm, over their whole range.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "simd_tables.h"

namespace deepcore {
namespace {

// One step of an LSTM whose gates all get x: the first is sigmoid(x), the third tanh(x).
struct Gates {
  std::vector<float> sigmoid, tanh;
  Gates(const Kernels& table, const std::vector<float>& x) {
    const std::size_t units = x.size();
    std::vector<float> sums, product(4 * units), gates(4 * units), h(units), c(units);
    for (int gate = 0; gate < 4; ++gate) sums.insert(sums.end(), x.begin(), x.end());
    LstmStep step{};
    step.rows = 1;
    step.units = static_cast<std::int64_t>(units);
    step.x = sums.data();
    step.product = product.data();
    step.h = h.data();
    step.gate_step = step.state_row = step.units;
    step.c = c.data();
    step.gates = gates.data();
    table.recurrent.lstm(step);
    const auto at = [&](std::size_t gate) {
      return gates.begin() + static_cast<std::ptrdiff_t>(gate * units);
    };
    sigmoid.assign(at(0), at(1));
    tanh.assign(at(2), at(3));
  }
};

double ulps(float got, double want) {
  const float near = static_cast<float>(std::abs(want));
  return std::abs(static_cast<double>(got) - want) /
         static_cast<double>(std::nextafter(near, HUGE_VALF) - near);
}

TEST(RecurrentGates, AreAsCloseAsTheySay) {
  std::vector<float> x;
  for (float v = 1e-37f; v < 86; v *= 1.0003f)
    for (const float sign : {-1.0f, 1.0f}) x.push_back(sign * v);
  for (const Kernels* table : test::simd_tables()) {
    SCOPED_TRACE(table->isa);
    const Gates got(*table, x);
    double sigmoid = 0, tanh = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double v = static_cast<double>(x[i]);
      sigmoid = std::max(sigmoid, ulps(got.sigmoid[i], 1 / (1 + std::exp(-v))));
      tanh = std::max(tanh, ulps(got.tanh[i], std::tanh(v)));
    }
    EXPECT_LT(sigmoid, 3);
    EXPECT_LT(tanh, 3);
  }
}

TEST(RecurrentGates, EndWell) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  for (const Kernels* table : test::simd_tables()) {
    SCOPED_TRACE(table->isa);
    const Gates got(*table, {0.0f, -1e30f, 100.0f, -100.0f, inf, -inf, nan});
    EXPECT_EQ(got.sigmoid[0], 0.5f);
    EXPECT_EQ(got.sigmoid[2], 1.0f);
    EXPECT_LT(got.sigmoid[3], 2e-38f);
    EXPECT_GE(got.sigmoid[3], 0.0f);
    EXPECT_EQ(got.sigmoid[4], 1.0f);
    EXPECT_LT(got.sigmoid[5], 2e-38f);
    EXPECT_TRUE(std::isnan(got.sigmoid[6]));
    EXPECT_EQ(got.tanh[0], 0.0f);
    EXPECT_EQ(got.tanh[1], -1.0f);
    EXPECT_EQ(got.tanh[2], 1.0f);
    EXPECT_EQ(got.tanh[4], 1.0f);
    EXPECT_EQ(got.tanh[5], -1.0f);
    EXPECT_TRUE(std::isnan(got.tanh[6]));
  }
}

}  // namespace
}  // namespace deepcore
