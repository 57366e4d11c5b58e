// Philox against a scalar definition, and draws against the distributions they claim.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numbers>

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

struct Block {
  std::uint32_t w[4];
};
Block philox(Block c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p = 0xd2511f53ull * c.w[0], q = 0xcd9e8d57ull * c.w[2];
    c = {{static_cast<std::uint32_t>(q >> 32) ^ c.w[1] ^ k0, static_cast<std::uint32_t>(q),
          static_cast<std::uint32_t>(p >> 32) ^ c.w[3] ^ k1, static_cast<std::uint32_t>(p)}};
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  return c;
}

std::vector<std::uint32_t> words_of(const Kernels& table, RandomKey key, std::uint64_t block,
                                    std::int64_t n) {
  std::vector<std::uint32_t> out(static_cast<std::size_t>(n) + 1, 7);
  table.random.words(key, block, out.data(), n);
  EXPECT_EQ(out.back(), 7u) << "written past the end";
  out.pop_back();
  return out;
}

// The vectors that Random123 publishes with the generator (kat_vectors: philox4x32 10).
TEST(Philox, KnownAnswers) {
  const std::uint64_t ones = ~std::uint64_t{0};
  for (const Kernels* table : test::simd_tables()) {
    EXPECT_EQ(words_of(*table, {0, 0}, 0, 4),
              (std::vector<std::uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    EXPECT_EQ(words_of(*table, {ones, ones}, ones, 4),
              (std::vector<std::uint32_t>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(words_of(*table, {0x299f31d0a4093822, 0x0370734413198a2e}, 0x85a308d3243f6a88, 4),
              (std::vector<std::uint32_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  }
}

TEST(Philox, EveryBlockAndLength) {
  const RandomKey key{0x123456789abcdef0, 0xfedcba9876543210};
  for (const Kernels* table : test::simd_tables())
    for (std::uint64_t block :
         {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{0xfffffffd}, ~std::uint64_t{0} - 2})
      for (std::int64_t n : test::kOddSizes) {
        const auto got = words_of(*table, key, block, n);
        for (std::size_t i = 0; i < got.size(); ++i) {
          const std::uint64_t b = block + i / 4;
          const Block want =
              philox({{static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(b >> 32),
                       0x76543210u, 0xfedcba98u}},
                     0x9abcdef0u, 0x12345678u);
          ASSERT_EQ(got[i], want.w[i % 4]) << table->isa << " " << block << " " << i;
        }
      }
}

Array key(std::int64_t seed, std::int64_t counter) {
  Array k = array({2}, {0, 0}, DType::kInt64);
  const std::int64_t values[] = {seed, counter};
  std::memcpy(k.bytes.data(), values, sizeof values);
  return k;
}

std::vector<double> draws(RandomKind kind, std::int64_t n, DType dtype, std::int64_t seed = 1) {
  return call_op(Random{kind, Shape{n}, dtype}, {key(seed, 5)}).out.numbers();
}

const std::vector<RandomKind> kKinds = {RandomKind::kUniform, RandomKind::kNormal,
                                        RandomKind::kTruncatedNormal};

// Any shape and any cut of the work give the beginning of one and the same sequence.
TEST(Random, ElementsDependOnKeyAndPositionAlone) {
  for (DType dtype : {DType::kFloat32, DType::kFloat64})
    for (RandomKind kind : kKinds) {
      const Array all = call_every_way(Random{kind, {100003}, dtype}, {key(3, -1)}).out;
      for (std::int64_t n : test::kOddSizes) {
        const Array some = call_every_way(Random{kind, {n}, dtype}, {key(3, -1)}).out;
        EXPECT_TRUE(std::equal(some.bytes.begin(), some.bytes.end(), all.bytes.begin())) << n;
      }
      EXPECT_NE(call_op(Random{kind, {100003}, dtype}, {key(3, 0)}).out.bytes, all.bytes);
      EXPECT_NE(call_op(Random{kind, {100003}, dtype}, {key(4, -1)}).out.bytes, all.bytes);
    }
}

TEST(Random, UniformHasTheSameBitsOnEveryInstructionSet) {
  const std::int64_t n = 1025;
  std::vector<float> want(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < want.size(); ++i) {
    const Block b = philox({{static_cast<std::uint32_t>(i / 4), 0, 9, 0}}, 8, 0);
    want[i] = static_cast<float>(b.w[i % 4] >> 8) / 16777216.0f;
  }
  for (const Kernels* table : test::simd_tables()) {
    std::vector<float> got(want.size() + 1, 7);
    table->random.uniform({8, 9}, 0, got.data() + 1, n);  // misaligned
    EXPECT_EQ(got[0], 7);
    EXPECT_EQ(std::vector<float>(got.begin() + 1, got.end()), want) << table->isa;
  }
}

double normal_cdf(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

// Kolmogorov and Smirnov's distance of the draws from a distribution, times sqrt(n): above 1.95 by
// chance once in 1,000. The seeds are fixed, so a test that passes goes on passing.
double ks(std::vector<double> x, const std::function<double(double)>& cdf) {
  std::sort(x.begin(), x.end());
  const auto n = static_cast<double>(x.size());
  double d = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double f = cdf(x[i]);
    d = std::max({d, f - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - f});
  }
  return d * std::sqrt(n);
}

struct Moments {
  double mean = 0, variance = 0, skew = 0, kurtosis = 0;
};
Moments moments(const std::vector<double>& x) {
  Moments m;
  const auto n = static_cast<double>(x.size());
  for (double v : x) m.mean += v / n;
  for (double v : x) {
    const double d = v - m.mean;
    m.variance += d * d / n;
    m.skew += d * d * d / n;
    m.kurtosis += d * d * d * d / n;
  }
  m.skew /= std::pow(m.variance, 1.5);
  m.kurtosis /= m.variance * m.variance;
  return m;
}

TEST(Random, Distributions) {
  constexpr std::int64_t kN = 400000;  // sqrt(n) = 632
  const double share = std::erf(std::numbers::sqrt2);
  // The variance of a normal cut at 2: 1 - 4 phi(2) / (2 Phi(2) - 1).
  const double phi2 = std::exp(-2.0) / std::sqrt(2 * std::numbers::pi),
               truncated = 1 - 4 * phi2 / share;
  for (DType dtype : {DType::kFloat32, DType::kFloat64})
    for (std::int64_t seed : {1, -7}) {
      const auto u = draws(RandomKind::kUniform, kN, dtype, seed);
      EXPECT_LT(ks(u, [](double v) { return v; }), 1.95);
      EXPECT_NEAR(moments(u).mean, 0.5, 4 * 0.289 / 632);
      EXPECT_NEAR(moments(u).variance, 1.0 / 12, 4 * 0.0745 / 632);
      EXPECT_GE(*std::min_element(u.begin(), u.end()), 0);
      EXPECT_LT(*std::max_element(u.begin(), u.end()), 1);

      const auto z = draws(RandomKind::kNormal, kN, dtype, seed);
      EXPECT_LT(ks(z, normal_cdf), 1.95);
      EXPECT_NEAR(moments(z).mean, 0, 4.0 / 632);
      EXPECT_NEAR(moments(z).variance, 1, 4 * 1.42 / 632);
      EXPECT_NEAR(moments(z).skew, 0, 4 * 2.45 / 632);
      EXPECT_NEAR(moments(z).kurtosis, 3, 4 * 4.9 / 632);
      EXPECT_GT(*std::max_element(z.begin(), z.end()), 4);  // once in 31,574: there are tails
      EXPECT_LT(*std::min_element(z.begin(), z.end()), -4);

      const auto t = draws(RandomKind::kTruncatedNormal, kN, dtype, seed);
      EXPECT_LT(ks(t, [&](double v) { return (normal_cdf(v) - normal_cdf(-2)) / share; }), 1.95);
      EXPECT_NEAR(moments(t).mean, 0, 4 * 0.88 / 632);
      EXPECT_NEAR(moments(t).variance, truncated, 4.0 / 632);
      for (double v : t) ASSERT_LE(std::abs(v), 2);
    }
}

// Each float32 normal is the quantile of its own word.
TEST(Random, NormalIsTheQuantile) {
  const std::int64_t n = 200000;
  for (const Kernels* table : test::simd_tables()) {
    const auto words = words_of(*table, {1, 2}, 0, n);
    std::vector<float> z(static_cast<std::size_t>(n)), t(z.size());
    table->random.normal({1, 2}, 0, z.data(), n);
    table->random.truncated_normal({1, 2}, 0, t.data(), n);
    double worst = 0, worst_truncated = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double u = (words[i] + 0.5) * 0x1p-32, share = std::erf(std::numbers::sqrt2);
      // The error in z that explains the difference of the distribution functions.
      const auto error = [](double v, double below, double above) {
        const double density = std::exp(-v * v / 2) / std::sqrt(2 * std::numbers::pi);
        const double d = v < 0 ? normal_cdf(v) - below : above - normal_cdf(-v);
        return std::abs(d / density) / std::max(1.0, std::abs(v));
      };
      worst = std::max(worst, error(z[i], u, 1 - u));
      const double below = normal_cdf(-2) + share * u, above = normal_cdf(-2) + share * (1 - u);
      worst_truncated = std::max(worst_truncated, error(t[i], below, above));
    }
    EXPECT_LT(worst, 6e-7) << table->isa;
    EXPECT_LT(worst_truncated, 6e-7) << table->isa;
  }
}

TEST(Random, NeighboursAreIndependent) {
  const auto u = draws(RandomKind::kUniform, 400001, DType::kFloat32);
  for (std::size_t lag : {1u, 2u, 4u, 8u, 32u}) {
    double c = 0;
    for (std::size_t i = 0; i + lag < u.size(); ++i) c += (u[i] - 0.5) * (u[i + lag] - 0.5);
    EXPECT_LT(std::abs(c * 12 / static_cast<double>(u.size())), 4.0 / 632) << lag;
  }
}

TEST(Dropout, KeepsWhereTheDrawIsAtLeastTheRate) {
  for (float rate : {0.0f, 0.1f, 0.5f, 0.9f})
    for (std::int64_t n : {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 1023, 1025, 50001}) {
      const Array x = random_array({n}, 3, DType::kFloat32, 1, 2);
      const auto y = call_every_way(Dropout{rate}, {x, key(2, 5)}, true).out.numbers();
      const auto u = draws(RandomKind::kUniform, n, DType::kFloat32, 2), from = x.numbers();
      std::int64_t dropped = 0;
      for (std::size_t i = 0; i < y.size(); ++i) {
        ASSERT_NEAR(y[i], u[i] >= rate ? from[i] / (1 - rate) : 0.0, 1e-6 * from[i] / (1 - rate))
            << rate << " " << i;
        dropped += y[i] == 0;
      }
      if (n == 50001) {
        EXPECT_NEAR(static_cast<double>(dropped) / static_cast<double>(n), rate, 4 * 0.5 / 223);
      }
    }
}

TEST(Dropout, FusedEqualsComposed) {
  const Tensor x = deepcore::testing::spread({{1025}}, 1, 2, 1, DType::kFloat32)[0];
  const Tensor k = deepcore::testing::tensor({3, 4}, {2}, DType::kInt64);
  for (double rate : {0.1, 0.3, 0.9}) {
    const Dropout op{rate};
    EXPECT_LT(deepcore::testing::relative_error(deepcore::testing::numbers(apply1(op, {x, k})),
                                                deepcore::testing::numbers(op.compose({x, k})[0])),
              1e-6);
  }
}

TEST(Dropout, DroppedInfinitiesAndNansAreZero) {
  const Array x = array({64}, std::vector<double>(64, std::numeric_limits<double>::quiet_NaN()));
  std::int64_t zeros = 0;
  for (double y : call_op(Dropout{0.5}, {x, key(2, 5)}).out.numbers()) zeros += y == 0;
  EXPECT_GT(zeros, 16);
  EXPECT_LT(zeros, 48);
}

}  // namespace
}  // namespace deepcore
