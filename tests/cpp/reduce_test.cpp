// Reductions against a loop over coordinates, in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "call_op.h"
#include "deepcore/cpu/kernels.h"
#include "simd_tables.h"

namespace deepcore {
namespace {

using test::Array;
using test::array;
using test::call_every_way;
using test::random_array;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double combine(ReduceKind kind, double a, double b) {
  switch (kind) {
    case ReduceKind::kSum:
      return a + b;
    case ReduceKind::kProd:
      return a * b;
    case ReduceKind::kMax:
      return std::isnan(a) || std::isnan(b) ? kNan : std::max(a, b);
    case ReduceKind::kMin:
      return std::isnan(a) || std::isnan(b) ? kNan : std::min(a, b);
    case ReduceKind::kAny:
      return a != 0 || b != 0;
    default:
      return a != 0 && b != 0;
  }
}

double identity(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kSum:
    case ReduceKind::kAny:
      return 0;
    case ReduceKind::kMax:
      return -kInf;
    case ReduceKind::kMin:
      return kInf;
    default:
      return 1;
  }
}

// Where element i of x lands in the result: its index with the reduced axes left out.
std::int64_t lands(const Shape& shape, const Dims& axes, std::int64_t i) {
  std::int64_t at = 0, scale = 1;
  for (int k = shape.rank() - 1; k >= 0; --k) {
    if (!axes.contains(k)) {
      at += i % shape[k] * scale;
      scale *= shape[k];
    }
    i /= shape[k];
  }
  return at;
}

std::vector<double> oracle(const Reduce& op, const Array& x, const std::vector<double>& values,
                           std::size_t outputs) {
  std::vector<double> y(outputs, identity(op.kind));
  for (std::int64_t i = 0; i < x.type.elements(); ++i) {
    double& at = y[static_cast<std::size_t>(lands(x.type.shape, op.axes, i))];
    at = combine(op.kind, at, values[static_cast<std::size_t>(i)]);
  }
  return y;
}

// Within `tolerance` of the result with every element made positive: what rounding is measured by.
void expect_reduced(const Reduce& op, const Array& x, double tolerance) {
  const std::vector<double> got = call_every_way(op, {x}).out.numbers();
  std::vector<double> values = x.numbers();
  const std::vector<double> want = oracle(op, x, values, got.size());
  for (double& v : values) v = std::abs(v);
  const std::vector<double> size = oracle(op, x, values, got.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i])) {
      ASSERT_TRUE(std::isnan(got[i])) << op.str() << " of " << x.type << " at " << i;
    } else if (std::isinf(want[i]) || tolerance == 0) {
      ASSERT_EQ(got[i], want[i]) << op.str() << " of " << x.type << " at " << i;
    } else {
      ASSERT_NEAR(got[i], want[i], tolerance * size[i])
          << op.str() << " of " << x.type << " at " << i;
    }
  }
}

const std::vector<ReduceKind> kNumeric = {ReduceKind::kSum, ReduceKind::kProd, ReduceKind::kMax,
                                          ReduceKind::kMin};

TEST(Reduce, AnyAxesOfAnyDtype) {
  const std::vector<Shape> shapes = {
      {},        {1},        {7},          {5, 3},       {3, 17},      {1, 9},       {4, 1, 5},
      {2, 3, 4}, {3, 2, 33}, {2, 3, 4, 5}, {1, 7, 1, 3}, {3, 1, 2, 9}, {2, 5, 9, 16}};
  unsigned seed = 1;
  for (const Shape& shape : shapes)
    for (const Dims& axes : test::axis_sets(shape.rank()))
      for (bool keep : {false, true}) {
        for (ReduceKind kind : kNumeric) {
          const bool prod = kind == ReduceKind::kProd;
          expect_reduced({kind, axes, keep},
                         random_array(shape, ++seed, DType::kFloat32, prod ? 0.8 : -1, 1.2),
                         prod ? 3e-6 : 3e-7);
          expect_reduced({kind, axes, keep},
                         random_array(shape, ++seed, DType::kFloat64, prod ? 0.8 : -1, 1.2), 1e-13);
          expect_reduced({kind, axes, keep},
                         random_array(shape, ++seed, DType::kInt64, prod ? 1 : -9, prod ? 2 : 9),
                         0);
          expect_reduced({kind, axes, keep},
                         random_array(shape, ++seed, DType::kInt32, prod ? 1 : -9, prod ? 2 : 9),
                         0);
        }
        expect_reduced({ReduceKind::kMax, axes, keep},
                       random_array(shape, ++seed, DType::kUInt8, 0, 256), 0);
        expect_reduced({ReduceKind::kAny, axes, keep}, random_array(shape, ++seed, DType::kBool),
                       0);
        expect_reduced({ReduceKind::kAll, axes, keep}, random_array(shape, ++seed, DType::kBool),
                       0);
      }
}

TEST(Reduce, RowsAndColumnsOfOddSizes) {
  for (std::int64_t n : test::kOddSizes)
    for (std::int64_t m : {1, 2, 5, 31, 32, 33, 130})
      for (ReduceKind kind : {ReduceKind::kSum, ReduceKind::kMax, ReduceKind::kMin}) {
        if (n == 0 && kind != ReduceKind::kSum) continue;
        const unsigned seed = static_cast<unsigned>(n * 1000 + m);
        expect_reduced({kind, Dims{1}, false}, random_array({m, n}, seed), 3e-7);
        expect_reduced({kind, Dims{0}, false}, random_array({n, m}, seed), 3e-7);
        expect_reduced({kind, Dims{1}, false}, random_array({3, n, m}, seed), 3e-7);
      }
}

TEST(Reduce, LargeEnoughForSeveralTasksAndPartials) {
  for (ReduceKind kind : {ReduceKind::kSum, ReduceKind::kMax}) {
    expect_reduced({kind, Dims{0}, false}, random_array({200001}, 1), 3e-7);
    expect_reduced({kind, Dims{1}, false}, random_array({3, 70001}, 2), 3e-7);
    expect_reduced({kind, Dims{0}, false}, random_array({5001, 33}, 3), 3e-7);
    expect_reduced({kind, Dims{0}, false}, random_array({70000, 3}, 4), 3e-7);
    expect_reduced({kind, Dims{0}, false}, random_array({3, 70001}, 5), 3e-7);
    expect_reduced({kind, Dims{0}, false}, random_array({300, 1100}, 9), 3e-7);
    expect_reduced({kind, Dims{1}, false}, random_array({2, 2100, 130}, 10), 3e-7);
    expect_reduced({kind, Dims{0, 2}, false}, random_array({300, 3, 150}, 6), 3e-7);
    expect_reduced({kind, Dims{0, 2}, false}, random_array({150, 3, 30, 7}, 7), 3e-7);
    expect_reduced({kind, Dims{0, 1, 2}, false}, random_array({8, 20, 20, 32}, 8), 3e-7);
  }
}

TEST(Reduce, Nothing) {
  const auto one = [](ReduceKind kind, const Shape& shape, const Dims& axes, DType dtype) {
    return call_every_way(Reduce(kind, axes, false), {random_array(shape, 1, dtype)}).out.numbers();
  };
  EXPECT_EQ(one(ReduceKind::kSum, {2, 0}, {1}, DType::kFloat32), (std::vector<double>{0, 0}));
  EXPECT_EQ(one(ReduceKind::kProd, {0, 2}, {0}, DType::kFloat64), (std::vector<double>{1, 1}));
  EXPECT_EQ(one(ReduceKind::kAny, {0}, {0}, DType::kBool), (std::vector<double>{0}));
  EXPECT_EQ(one(ReduceKind::kAll, {0}, {0}, DType::kBool), (std::vector<double>{1}));
  EXPECT_EQ(one(ReduceKind::kSum, {0, 3}, {1}, DType::kInt32), (std::vector<double>{}));
  EXPECT_EQ(one(ReduceKind::kMax, {0, 3}, {1}, DType::kFloat32), (std::vector<double>{}));
}

TEST(Reduce, NanAndInfinity) {
  for (std::int64_t n : {1, 2, 8, 9, 33, 1025})
    for (std::int64_t at = 0; at < n; at += std::max<std::int64_t>(1, n / 7))
      for (double odd : {kNan, kInf, -kInf})
        for (DType dtype : {DType::kFloat32, DType::kFloat64})
          for (ReduceKind kind : {ReduceKind::kMax, ReduceKind::kMin}) {
            std::vector<double> values(static_cast<std::size_t>(n), 0.5);
            values[static_cast<std::size_t>(at)] = odd;
            expect_reduced({kind, Dims{0}, false}, array({n}, values, dtype), 0);
            expect_reduced({kind, Dims{0}, false}, array({n, 1}, values, dtype), 0);
            expect_reduced({kind, Dims{0}, false}, array({1, n}, values, dtype), 0);
          }
}

TEST(Reduce, SumsOfManyFloatsKeepTheirDigits) {
  const std::int64_t n = 1 << 20;
  const Array x = random_array({n}, 3, DType::kFloat32, 0, 1);
  double want = 0;
  for (double v : x.numbers()) want += v;
  EXPECT_NEAR(call_every_way(Reduce(ReduceKind::kSum, {0}, false), {x}).out.numbers()[0] / want, 1,
              1e-7);
  Array tall = x;
  tall.type.shape = {n / 4, 4};
  const auto columns = call_every_way(Reduce(ReduceKind::kSum, {0}, false), {tall}).out.numbers();
  EXPECT_NEAR((columns[0] + columns[1] + columns[2] + columns[3]) / want, 1, 1e-7);
}

// What one sample gives does not depend on the batch it is in.
TEST(Reduce, SameBitsInAnyBatch) {
  struct Row {
    Shape sample;
    Dims axes;
  };
  const std::vector<Row> rows = {{{10}, {1}},         {{7, 5}, {1}},     {{7, 5}, {2}},
                                 {{49, 64}, {1}},     {{3, 40000}, {2}}, {{40000, 3}, {1}},
                                 {{6, 5, 7}, {1, 3}}, {{2000, 1}, {1}}};
  for (const Row& row : rows) {
    Shape batch = row.sample;
    batch.insert(0, 5);
    const Array x = random_array(batch, 9);
    const Reduce op(ReduceKind::kSum, row.axes, false);
    const Array all = call_every_way(op, {x}).out;
    const std::size_t in = x.bytes.size() / 5, out = all.bytes.size() / 5;
    for (std::size_t i = 0; i < 5; ++i) {
      Shape single = batch;
      single[0] = 1;
      const auto cut = [&](const std::vector<unsigned char>& bytes, std::size_t size) {
        const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(i * size);
        return std::vector<unsigned char>(first, first + static_cast<std::ptrdiff_t>(size));
      };
      EXPECT_EQ(call_every_way(op, {Array{{DType::kFloat32, single}, cut(x.bytes, in)}}).out.bytes,
                cut(all.bytes, out))
          << op.str() << " of " << batch;
    }
  }
}

TEST(Reduce, IntegersWrapAround) {
  const Array x = array({3}, {2147483647, 1, 5}, DType::kInt32);
  EXPECT_EQ(call_every_way(Reduce(ReduceKind::kSum, {0}, false), {x}).out.numbers()[0],
            -2147483643.0);
  const Array bytes = array({2}, {200, 100}, DType::kUInt8);
  EXPECT_EQ(call_every_way(Reduce(ReduceKind::kSum, {0}, false), {bytes}).out.numbers()[0], 44);
}

TEST(Reduce, KernelsOfEveryInstructionSet) {
  for (const Kernels* table : test::simd_tables())
    for (std::int64_t n : test::kOddSizes) {
      const Array x = random_array({n + 1}, 5);
      const float* p = x.data<float>() + 1;  // misaligned
      double want = 0, total;
      for (std::int64_t i = 0; i < n; ++i) want += static_cast<double>(p[i]);
      table->reduce.rows[ReduceKernels::kSum](p, 1, n, &total);
      EXPECT_NEAR(total, want, 1e-5) << table->isa << " " << n;
      double largest = -kInf;
      for (std::int64_t i = 0; i < n; ++i) largest = std::max(largest, static_cast<double>(p[i]));
      table->reduce.rows[ReduceKernels::kMax](p, 1, n, &total);
      EXPECT_EQ(total, largest) << table->isa << " " << n;
      std::vector<double> columns(static_cast<std::size_t>(n) + 1, 7);
      table->reduce.columns[ReduceKernels::kSum](p, 1, n, n, n, columns.data());
      for (std::int64_t i = 0; i < n; ++i)
        EXPECT_EQ(columns[static_cast<std::size_t>(i)], 7 + static_cast<double>(p[i]));
      EXPECT_EQ(columns.back(), 7) << "written past the end";
    }
}

// Rows are swept across many columns, or a few columns are walked down: the same additions.
TEST(Reduce, AColumnHasTheSameBitsAmongAnyOthers) {
  constexpr std::int64_t kRows = 301, kCols = 1500;
  const Array x = random_array({kRows, kCols}, 6);
  for (const Kernels* table : test::simd_tables())
    for (const std::int64_t width : {65, 200, 1500}) {
      std::vector<double> wide(static_cast<std::size_t>(width));
      const auto add = table->reduce.columns[ReduceKernels::kSum];
      add(x.data<float>(), kRows, kCols, width, kRows * kCols, wide.data());
      for (std::int64_t c = 0; c < width; c += 64) {
        if (width - c < 64) break;  // the last ones go down in other chains
        std::vector<double> strip(64);
        add(x.data<float>() + c, kRows, kCols, 64, kRows * kCols - c, strip.data());
        for (std::int64_t i = 0; i < 64; ++i)
          ASSERT_EQ(wide[static_cast<std::size_t>(c + i)], strip[static_cast<std::size_t>(i)])
              << table->isa << " " << width << " " << c + i;
      }
    }
}

TEST(ArgReduce, FirstExtremeOfAnyAxis) {
  for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64, DType::kUInt8,
                      DType::kBool})
    for (const Shape& shape :
         {Shape{1}, Shape{9}, Shape{5, 10}, Shape{3, 4, 70}, Shape{2, 1, 3}, Shape{1100, 40}})
      for (int axis = 0; axis < shape.rank(); ++axis)
        for (bool largest : {false, true}) {
          const ArgReduce op(largest, axis, false);
          const Array x = random_array(shape, 4, dtype, 0, 6);  // with ties among integers
          const auto got = call_every_way(op, {x}).out.numbers();
          const auto values = x.numbers();
          const std::int64_t inner = shape.elements(axis + 1, shape.rank()), n = shape[axis];
          for (std::size_t o = 0; o < got.size(); ++o) {
            const auto at = [&](std::int64_t j) {
              const auto i = static_cast<std::int64_t>(o);
              return values[static_cast<std::size_t>((i / inner * n + j) * inner + i % inner)];
            };
            std::int64_t best = 0;
            for (std::int64_t j = 1; j < n; ++j)
              if (largest ? at(j) > at(best) : at(j) < at(best)) best = j;
            ASSERT_EQ(got[o], best) << op.str() << " of " << x.type << " at " << o;
          }
        }
}

TEST(ArgReduce, TheFirstNanCounts) {
  for (DType dtype : {DType::kFloat32, DType::kFloat64})
    for (bool largest : {false, true}) {
      const Array x = array({2, 5}, {1, kNan, 9, kNan, -9, kInf, 2, -kInf, kInf, -kInf}, dtype);
      const auto rows = call_every_way(ArgReduce(largest, 1, false), {x}).out.numbers();
      EXPECT_EQ(rows, (std::vector<double>{1, largest ? 0.0 : 2.0}));
      // Rows of more than a register, and of nothing but the identity.
      std::vector<double> many(40, 1);
      many[17] = many[30] = kNan;
      EXPECT_EQ(
          call_every_way(ArgReduce(largest, 0, false), {array({40}, many, dtype)}).out.numbers()[0],
          17);
      // Infinities, before a NaN or alone.
      std::vector<double> ends(40, 2);
      ends[5] = largest ? kInf : -kInf;
      const auto first = [&](const std::vector<double>& row) {
        return call_every_way(ArgReduce(largest, 0, false), {array({40}, row, dtype)})
            .out.numbers()[0];
      };
      EXPECT_EQ(first(ends), 5);
      ends[30] = kNan;
      EXPECT_EQ(first(ends), 30);
      EXPECT_EQ(first(std::vector<double>(40, kInf)), 0);
      EXPECT_EQ(first(std::vector<double>(40, -kInf)), 0);
      const Array same = array({1, 3}, std::vector<double>(3, largest ? -kInf : kInf), dtype);
      EXPECT_EQ(call_every_way(ArgReduce(largest, 1, false), {same}).out.numbers()[0], 0);
      const auto columns = call_every_way(ArgReduce(largest, 0, true), {x}).out.numbers();
      EXPECT_EQ(columns[1], 0);
      EXPECT_EQ(columns[3], 0);
    }
}

}  // namespace
}  // namespace deepcore
