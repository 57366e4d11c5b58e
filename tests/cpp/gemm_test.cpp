// Every path of the matrix product against float64, and against each other bit for bit.
#include "deepcore/cpu/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "deepcore/cpu/backend.h"

namespace deepcore {
namespace baseline {
extern const Kernels table;
}
namespace {

using Floats = std::vector<float>;

std::vector<const Kernels*> tables() {
  std::vector<const Kernels*> all{&baseline::table};
  if (&kernels() != all[0]) all.push_back(&kernels());
  return all;
}

std::size_t count(std::int64_t n) { return static_cast<std::size_t>(n); }

Floats random_floats(std::int64_t n, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Floats out(count(n));
  for (float& v : out) v = uniform(generator);
  return out;
}

Floats transposed(const Floats& x, std::int64_t rows, std::int64_t cols) {
  Floats out(x.size());
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < cols; ++j) out[count(j * rows + i)] = x[count(i * cols + j)];
  return out;
}

// Runs all tasks on this thread, the last first: any order must do. Pointers are off every
// alignment, and what lies before and after the output must survive.
Floats run(const Runner& runner, const std::vector<Floats>& in, std::int64_t outputs) {
  constexpr std::size_t kGuard = 3;
  constexpr float kCanary = -12345.5f, kNan = std::numeric_limits<float>::quiet_NaN();
  std::vector<Floats> shifted;
  std::vector<const void*> pointers;
  for (const Floats& x : in) {
    shifted.emplace_back(1, kCanary);
    shifted.back().insert(shifted.back().end(), x.begin(), x.end());
  }
  for (const Floats& x : shifted) pointers.push_back(x.data() + 1);
  Floats out(count(outputs) + 2 * kGuard, kCanary);
  void* result = out.data() + kGuard;
  Floats workspace(runner.workspace / sizeof(float), kNan),
      scratch(runner.scratch / sizeof(float), kNan);
  const Call call{pointers.data(), &result, workspace.data(), nullptr};
  for (const Phase& phase : runner.phases)
    for (std::int64_t task = phase.tasks - 1; task >= 0; --task)
      phase.run(call, task, scratch.data());
  for (std::size_t i = 0; i < kGuard; ++i) {
    EXPECT_EQ(out[i], kCanary);
    EXPECT_EQ(out[out.size() - 1 - i], kCanary);
  }
  return {out.begin() + kGuard, out.end() - kGuard};
}

// A (M, K) and B (K, N) come row-major, and are stored as the product asks.
Floats product(const Kernels& table, std::int64_t m, std::int64_t n, std::int64_t k, bool ta,
               bool tb, const Floats& a, const Floats& b, const Epilogue& epilogue = {},
               const std::vector<Floats>& more = {}) {
  Gemm gemm;
  gemm.m = m;
  gemm.n = n;
  gemm.k = k;
  gemm.ta = ta;
  gemm.tb = tb;
  gemm.epilogue = epilogue;
  std::vector<Floats> in{ta ? transposed(a, m, k) : a, tb ? transposed(b, k, n) : b};
  in.insert(in.end(), more.begin(), more.end());
  return run(gemm_runner(gemm, table), in, m * n);
}

bool same_bits(const Floats& a, const Floats& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// The error of a chain of k roundings, each of at most half an ulp of what it has come to.
void expect_close(const Floats& c, const Floats& a, const Floats& b, std::int64_t m, std::int64_t n,
                  std::int64_t k) {
  std::vector<double> sum(count(n)), size(count(n));
  for (std::int64_t i = 0; i < m; ++i) {
    sum.assign(count(n), 0);
    size.assign(count(n), 0);
    for (std::int64_t t = 0; t < k; ++t) {
      for (std::int64_t j = 0; j < n; ++j) {
        const double p =
            static_cast<double>(a[count(i * k + t)]) * static_cast<double>(b[count(t * n + j)]);
        sum[count(j)] += p;
        size[count(j)] += std::abs(p);
      }
    }
    for (std::int64_t j = 0; j < n; ++j)
      ASSERT_NEAR(c[count(i * n + j)], sum[count(j)],
                  static_cast<double>(k + 1) * 6e-8 * size[count(j)])
          << "element " << i << ", " << j << " of " << m << " x " << n << ", k = " << k;
  }
}

constexpr std::int64_t kSizes[] = {0, 1, 2, 5, 6, 7, 15, 16, 17, 31, 33, 64, 100, 257};

TEST(Gemm, EverySizeAndOrientation) {
  for (const std::int64_t m : kSizes)
    for (const std::int64_t n : kSizes)
      for (const std::int64_t k : kSizes) {
        const Floats a = random_floats(m * k, 1), b = random_floats(k * n, 2);
        for (const Kernels* table : tables()) {
          const Floats c = product(*table, m, n, k, false, false, a, b);
          expect_close(c, a, b, m, n, k);
          for (const auto& [ta, tb] : {std::pair{true, false}, {false, true}, {true, true}})
            ASSERT_TRUE(same_bits(product(*table, m, n, k, ta, tb, a, b), c))
                << table->isa << " " << m << " " << n << " " << k << " " << ta << tb;
        }
      }
}

// Sizes that reach the packed paths, and more than one block of k.
TEST(Gemm, LargeSizes) {
  constexpr std::int64_t kLarge[][3] = {{300, 401, 900},  {29, 500, 1100}, {700, 70, 1300},
                                        {3, 200, 2100},   {513, 1, 1025},  {1030, 260, 70},
                                        {200, 530, 1024}, {389, 600, 2048}};  // rows in one set
  for (const auto& [m, n, k] : kLarge) {
    const Floats a = random_floats(m * k, 3), b = random_floats(k * n, 4);
    for (const Kernels* table : tables()) {
      const Floats c = product(*table, m, n, k, false, false, a, b);
      expect_close(c, a, b, m, n, k);
      for (const auto& [ta, tb] : {std::pair{true, false}, {false, true}, {true, true}})
        EXPECT_TRUE(same_bits(product(*table, m, n, k, ta, tb, a, b), c)) << table->isa << m << ta;
    }
  }
}

TEST(Gemm, ARowHasTheSameBitsAmongAnyOthers) {
  constexpr std::int64_t kLayers[][2] = {{784, 64},   {64, 10}, {64, 1},
                                         {1100, 200}, {17, 33}, {512, 300}};
  for (const auto& [k, n] : kLayers) {
    const Floats a = random_floats(256 * k, 5), b = random_floats(k * n, 6),
                 bias = random_floats(n, 7);
    const Epilogue epilogue{.bias = true, .activation = Kind::kTanh};
    for (const Kernels* table : tables()) {
      const Floats all = product(*table, 256, n, k, false, false, a, b, epilogue, {bias});
      for (const std::int64_t m : {1, 2, 3, 7, 32, 64, 100})
        for (const bool ta : {false, true}) {
          const Floats few(a.begin(), a.begin() + m * k);
          const Floats c = product(*table, m, n, k, ta, ta, few, b, epilogue, {bias});
          EXPECT_TRUE(same_bits(c, Floats(all.begin(), all.begin() + m * n)))
              << table->isa << " " << m << " rows of " << k << " x " << n;
        }
    }
  }
}

// Each step of an epilogue rounds as the op alone would.
TEST(Gemm, Epilogues) {
  constexpr std::int64_t kShapes[][3] = {{1, 1, 0}, {3, 10, 0},   {5, 1, 7},      {70, 1, 2100},
                                         {1, 9, 4}, {33, 70, 20}, {100, 300, 500}};
  for (const auto& [m, n, k] : kShapes) {
    const Floats a = random_floats(m * k, 8), b = random_floats(k * n, 9),
                 scale = random_floats(n, 10), bias = random_floats(n, 11),
                 residual = random_floats(m * n, 12);
    for (const Kernels* table : tables()) {
      const Floats plain = product(*table, m, n, k, false, false, a, b);
      for (int mix = 0; mix < 8; ++mix)
        for (const Kind kind :
             {Kind::kIdentity, Kind::kRelu, Kind::kRelu6, Kind::kTanh, Kind::kSigmoid}) {
          const Epilogue e{(mix & 1) != 0, (mix & 2) != 0, (mix & 4) != 0, kind};
          std::vector<Floats> more;
          if (e.scale) more.push_back(scale);
          if (e.bias) more.push_back(bias);
          if (e.residual) more.push_back(residual);
          const Floats c = product(*table, m, n, k, false, false, a, b, e, more);
          for (std::size_t i = 0; i < c.size(); ++i) {
            float x = plain[i];
            if (e.scale) x = x * scale[i % count(n)];
            if (e.bias) x = x + bias[i % count(n)];
            if (e.residual) x = x + residual[i];
            switch (kind) {
              case Kind::kRelu:
                ASSERT_EQ(c[i], x < 0 ? 0 : x);
                break;
              case Kind::kRelu6:
                ASSERT_EQ(c[i], x < 0 ? 0 : x > 6 ? 6 : x);
                break;
              case Kind::kTanh:
                ASSERT_NEAR(c[i], std::tanh(x), 3e-7);
                break;
              case Kind::kSigmoid:
                ASSERT_NEAR(c[i], 1 / (1 + std::exp(-x)), 3e-7);
                break;
              default:
                ASSERT_EQ(c[i], x);
            }
          }
        }
    }
  }
}

TEST(Gemm, NotANumberStaysInItsRowAndColumn) {
  const std::int64_t m = 9, n = 20, k = 11;
  Floats a = random_floats(m * k, 11), b = random_floats(k * n, 12);
  a[4 * 11 + 3] = std::numeric_limits<float>::quiet_NaN();
  b[5 * 20 + 18] = std::numeric_limits<float>::infinity();
  for (const Kernels* table : tables()) {
    const Floats c = product(*table, m, n, k, false, false, a, b, {.activation = Kind::kRelu});
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        const float v = c[count(i * n + j)];
        EXPECT_EQ(std::isnan(v), i == 4) << i << " " << j;
        EXPECT_TRUE(i == 4 || j == 18 || std::isfinite(v));
      }
  }
}

// Areas of odd sizes, of fewer rows than there are tiles and of more.
TEST(Gemm, WhatIsFetchedAheadChangesNoBits) {
  constexpr std::int64_t kM = 29, kN = 70, kK = 40, kRow = 53;
  const Floats a = random_floats(kM * kK, 5), b = random_floats(kK * kN, 6),
               soon = random_floats(20 * kRow, 7);
  const GemmKernels& gemm = kernels().gemm;
  GemmBlock block{};
  block.m = kM;
  block.n = kN;
  block.k = kK;
  block.a = a.data();
  block.a_row = kK;
  block.a_k = 1;
  block.a_panel = gemm.rows * kK;
  block.b = b.data();
  block.b_k = kN;
  block.b_panel = gemm.cols;
  block.to.c_row = kN;
  Floats alone(count(kM * kN)), beside(alone);
  block.to.c = alone.data();
  gemm.block(block);
  block.to.c = beside.data();
  for (const std::int64_t rows : {0, 1, 20}) {
    const GemmAhead ahead{rows, 2, {{soon.data(), kRow, 50}, {soon.data() + 7, kRow, 1}}};
    block.ahead = &ahead;
    std::fill(beside.begin(), beside.end(), 0.0f);
    gemm.block(block);
    EXPECT_TRUE(same_bits(alone, beside)) << rows;
  }
}

TEST(Gemm, PanelsArePaddedWithZeros) {
  for (const Kernels* table : tables()) {
    const GemmKernels& g = table->gemm;
    const std::int64_t m = g.rows + 1, k = 9, n = g.cols + 3;
    const Floats a = random_floats(m * k, 15), b = random_floats(k * n, 16);
    const Floats at = transposed(a, m, k), bt = transposed(b, k, n);
    for (const bool turned : {false, true}) {
      Floats pa(count(2 * g.rows * k), 7), pb(count(2 * g.cols * k), 7);
      g.pack_a(m, k, turned ? at.data() : a.data(), turned ? 1 : k, turned ? m : 1, pa.data());
      g.pack_b(k, n, turned ? bt.data() : b.data(), turned ? 1 : n, turned ? k : 1, pb.data(),
               g.cols * k);
      for (std::int64_t t = 0; t < k; ++t) {
        for (std::int64_t i = 0; i < 2 * g.rows; ++i)
          ASSERT_EQ(pa[count((i / g.rows * k + t) * g.rows + i % g.rows)],
                    i < m ? a[count(i * k + t)] : 0);
        for (std::int64_t j = 0; j < 2 * g.cols; ++j)
          ASSERT_EQ(pb[count((j / g.cols * k + t) * g.cols + j % g.cols)],
                    j < n ? b[count(t * n + j)] : 0);
      }
    }
  }
}

Floats floats_of(const std::vector<Floats>& in, const MatMul& op, const Types& types) {
  const Types out = op.infer(types);
  return run(*CpuBackend::instance().runner(op, types, out), in, out[0].elements());
}

TEST(MatMul, BatchesBroadcast) {
  const Type a{DType::kFloat32, {3, 1, 5, 7}}, b{DType::kFloat32, {2, 7, 9}};
  const Floats x = random_floats(a.elements(), 17), y = random_floats(b.elements(), 18);
  const Floats all = floats_of({x, y}, MatMul(false, false), {a, b});
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 2; ++j) {
      const Floats xi(x.begin() + static_cast<int>(i) * 35,
                      x.begin() + static_cast<int>(i + 1) * 35);
      const Floats yj(y.begin() + static_cast<int>(j) * 63,
                      y.begin() + static_cast<int>(j + 1) * 63);
      const auto at = all.begin() + static_cast<int>(i * 2 + j) * 45;
      EXPECT_TRUE(
          same_bits(product(kernels(), 5, 9, 7, false, false, xi, yj), Floats(at, at + 45)));
    }
}

TEST(MatMul, BatchedOrientationsAndSharedOperands) {
  struct Row {
    Shape a, b;
    bool ta, tb;
  };
  const Row rows[] = {
      {{4, 40, 30}, {30, 20}, false, false},   {{4, 30, 40}, {30, 20}, true, false},
      {{4, 40, 30}, {20, 30}, false, true},    {{40, 30}, {4, 30, 20}, false, false},
      {{4, 30, 40}, {1, 20, 30}, true, true},  {{4, 300, 200}, {4, 200, 200}, false, false},
      {{4, 200, 300}, {200, 200}, true, true}, {{4, 30, 1}, {4, 30, 1}, true, false},
      {{4, 50, 30}, {30, 1}, false, false},    {{0, 4, 3}, {3, 2}, false, false},
      {{2, 4, 0}, {0, 2}, false, false},       {{300, 9, 5}, {300, 5, 17}, false, false},
      {{3, 90, 150}, {3, 400, 90}, true, true}};
  for (const Row& row : rows) {
    const Type a{DType::kFloat32, row.a}, b{DType::kFloat32, row.b};
    const MatMul op(row.ta, row.tb);
    const Shape out = op.infer({a, b})[0].shape;
    const std::int64_t batch = out[0], m = out[1], n = out[2],
                       k = row.a[row.a.rank() - (row.ta ? 2 : 1)];
    const Floats x = random_floats(a.elements(), 19), y = random_floats(b.elements(), 20);
    const Floats all = floats_of({x, y}, op, {a, b});
    for (std::int64_t i = 0; i < batch; ++i) {
      const auto entry = [i](const Floats& from, const Shape& shape, std::int64_t size) {
        const std::int64_t at = shape.rank() == 3 && shape[0] > 1 ? i * size : 0;
        return Floats(from.begin() + at, from.begin() + at + size);
      };
      Floats xi = entry(x, row.a, m * k), yi = entry(y, row.b, k * n);
      if (row.ta) xi = transposed(xi, k, m);
      if (row.tb) yi = transposed(yi, n, k);
      EXPECT_TRUE(same_bits(product(kernels(), m, n, k, false, false, xi, yi),
                            entry(all, {2, m, n}, m * n)))
          << a << " " << b;
    }
  }
}

template <class T>
void expect_exact(const Shape& a_shape, const Shape& b_shape, bool ta, bool tb) {
  const Type a{DTypeOf<T>::value, a_shape}, b{DTypeOf<T>::value, b_shape},
      bias{DTypeOf<T>::value, {3}};
  const MatMul op(ta, tb, {.bias = true, .activation = Kind::kRelu});
  const Types types{a, b, bias}, out = op.infer(types);
  std::mt19937 generator(21);
  const auto fill = [&](std::int64_t n) {
    std::vector<T> v(count(n));
    for (T& x : v) x = static_cast<T>(static_cast<int>(generator() % 201) - 100);
    return v;
  };
  const std::vector<T> x = fill(a.elements()), y = fill(b.elements()), z = fill(3);
  std::vector<T> c(count(out[0].elements()));
  const void* in[] = {x.data(), y.data(), z.data()};
  void* results[] = {c.data()};
  const Runner runner = *CpuBackend::instance().runner(op, types, out);
  for (std::int64_t t = 0; t < runner.phases[0].tasks; ++t)
    runner.phases[0].run({in, results, nullptr, nullptr}, t, nullptr);
  const std::int64_t m = out[0].shape[out[0].shape.rank() - 2], n = 3,
                     k = tb ? b_shape.back() : b_shape[0];
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(c.size()); ++i) {
    const std::int64_t entry = i / (m * n), row = i / n % m, col = i % n;
    std::int64_t sum = 0;
    for (std::int64_t t = 0; t < k; ++t)
      sum += static_cast<std::int64_t>(x[count(entry * m * k + (ta ? t * m + row : row * k + t))]) *
             static_cast<std::int64_t>(y[count(tb ? col * k + t : t * n + col)]);
    const T expected = static_cast<T>(sum + static_cast<std::int64_t>(z[count(col)]));
    ASSERT_EQ(c[count(i)], expected < T(0) ? T(0) : expected);
  }
}

TEST(MatMul, OtherNumbersAreExact) {
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      const Shape a = ta ? Shape{2, 40, 50} : Shape{2, 50, 40},
                  b = tb ? Shape{3, 40} : Shape{40, 3};
      expect_exact<double>(a, b, ta, tb);
      expect_exact<std::int32_t>(a, b, ta, tb);
      expect_exact<std::int64_t>(a, b, ta, tb);
      expect_exact<std::uint8_t>(a, b, ta, tb);
    }
}

TEST(MatMul, SmallProductsAreOneTask) {
  const auto tasks = [](const Shape& a, const Shape& b) {
    const Types in{{DType::kFloat32, a}, {DType::kFloat32, b}};
    const MatMul op(false, false);
    std::int64_t total = 0;
    const Runner runner = *CpuBackend::instance().runner(op, in, op.infer(in));
    for (const Phase& phase : runner.phases) total += phase.tasks;
    return total;
  };
  EXPECT_EQ(tasks({32, 64}, {64, 10}), 1);
  EXPECT_EQ(tasks({1, 784}, {784, 64}), 1);
  EXPECT_GE(tasks({32, 784}, {784, 64}), 4);
  EXPECT_EQ(tasks({0, 784}, {784, 64}), 0);
}

}  // namespace
}  // namespace deepcore
