// Elementwise ops and the Program interpreter: every kind, type and broadcast against plain loops,
// and the promise that a position's bits depend on its numbers alone.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "call_op.h"
#include "deepcore/ops/kinds.h"

namespace deepcore {
namespace {

using test::Array;
using test::call_op;
using test::How;

// Position i of the output reads this position of the input.
std::int64_t source(const Shape& in, const Shape& out, std::int64_t i) {
  const Dims strides = broadcast_strides(in, out);
  std::int64_t at = 0;
  for (int axis = out.rank() - 1; axis >= 0; --axis) {
    at += i % out[axis] * strides[axis];
    i /= out[axis];
  }
  return at;
}

// The output, the same however the op is run: off every alignment, tasks backwards, in place.
Array every_way(const Op& op, const std::vector<Array>& in) {
  Types types;
  for (const Array& a : in) types.push_back(a.type);
  const Type out = op.infer(types)[0];
  std::size_t odd = size_of(out.dtype);  // bytes: no type may lie across its own alignment
  for (const Type& t : types) odd = std::max(odd, size_of(t.dtype));
  const bool over = op.traits().in_place && out == types[0];
  const Array once = call_op(op, in).out;
  for (const How& how : {How{odd, false, false}, How{0, true, false}, How{odd, true, over}})
    EXPECT_EQ(call_op(op, in, how).out.bytes, once.bytes) << op.str();
  return once;
}

using Oracle = std::function<double(double, double, double)>;

void expect_op(const Op& op, const std::vector<Array>& in, const Oracle& oracle, double tolerance) {
  const Array y = every_way(op, in);
  const std::vector<double> got = y.numbers();
  std::vector<std::vector<double>> from;
  for (const Array& a : in) from.push_back(a.numbers());
  for (std::int64_t i = 0; i < y.type.elements(); ++i) {
    double x[3] = {};
    for (std::size_t k = 0; k < in.size(); ++k)
      x[k] = from[k][static_cast<std::size_t>(source(in[k].type.shape, y.type.shape, i))];
    const double want = oracle(x[0], x[1], x[2]), v = got[static_cast<std::size_t>(i)];
    if (std::isnan(want) && std::isnan(v)) continue;
    ASSERT_NEAR(v, want, tolerance * std::max(1.0, std::fabs(want)))
        << op.str() << " of " << x[0] << ", " << x[1] << ", " << x[2] << " at " << i << " of "
        << y.type;
  }
}

struct UnaryRow {
  Kind kind;
  double low, high;
  double (*exact)(double);
};

double exact_sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

const UnaryRow kUnary[] = {
    {Kind::kIdentity, -3, 3, [](double x) { return x; }},
    {Kind::kStopGradient, -3, 3, [](double x) { return x; }},
    {Kind::kNegative, -3, 3, [](double x) { return -x; }},
    {Kind::kAbs, -3, 3, [](double x) { return std::fabs(x); }},
    {Kind::kSign, -3, 3, exact_sign},
    {Kind::kSquare, -3, 3, [](double x) { return x * x; }},
    {Kind::kSqrt, 0, 9, [](double x) { return std::sqrt(x); }},
    {Kind::kRsqrt, 0.1, 9, [](double x) { return 1 / std::sqrt(x); }},
    {Kind::kReciprocal, 0.1, 9, [](double x) { return 1 / x; }},
    {Kind::kExp, -9, 9, [](double x) { return std::exp(x); }},
    {Kind::kExpm1, -3, 3, [](double x) { return std::expm1(x); }},
    {Kind::kLog, 0.01, 9, [](double x) { return std::log(x); }},
    {Kind::kLog1p, -0.9, 9, [](double x) { return std::log1p(x); }},
    {Kind::kLog2, 0.01, 9, [](double x) { return std::log2(x); }},
    {Kind::kLog10, 0.01, 9, [](double x) { return std::log10(x); }},
    {Kind::kSin, -9, 9, [](double x) { return std::sin(x); }},
    {Kind::kCos, -9, 9, [](double x) { return std::cos(x); }},
    {Kind::kTan, -1.4, 1.4, [](double x) { return std::tan(x); }},
    {Kind::kAsin, -1, 1, [](double x) { return std::asin(x); }},
    {Kind::kAcos, -1, 1, [](double x) { return std::acos(x); }},
    {Kind::kAtan, -9, 9, [](double x) { return std::atan(x); }},
    {Kind::kSinh, -3, 3, [](double x) { return std::sinh(x); }},
    {Kind::kCosh, -3, 3, [](double x) { return std::cosh(x); }},
    {Kind::kTanh, -3, 3, [](double x) { return std::tanh(x); }},
    {Kind::kAsinh, -3, 3, [](double x) { return std::asinh(x); }},
    {Kind::kAcosh, 1, 9, [](double x) { return std::acosh(x); }},
    {Kind::kAtanh, -0.9, 0.9, [](double x) { return std::atanh(x); }},
    {Kind::kSigmoid, -9, 9, [](double x) { return 1 / (1 + std::exp(-x)); }},
    {Kind::kSoftplus, -9, 9, [](double x) { return std::log1p(std::exp(x)); }},
    {Kind::kErf, -3, 3, [](double x) { return std::erf(x); }},
    {Kind::kRelu, -3, 3, [](double x) { return x > 0 ? x : 0; }},
    {Kind::kRelu6, -3, 9, [](double x) { return x > 0 ? std::min(x, 6.0) : 0; }},
    {Kind::kFloor, -9, 9, [](double x) { return std::floor(x); }},
    {Kind::kCeil, -9, 9, [](double x) { return std::ceil(x); }},
    {Kind::kRound, -9, 9, [](double x) { return std::nearbyint(x); }},
    {Kind::kTrunc, -9, 9, [](double x) { return std::trunc(x); }},
    {Kind::kIsNan, -9, 9, [](double) { return 0.0; }},
    {Kind::kIsInf, -9, 9, [](double) { return 0.0; }},
    {Kind::kIsFinite, -9, 9, [](double) { return 1.0; }},
};

TEST(Elementwise, EveryUnaryKindOverOddSizes) {
  for (const UnaryRow& row : kUnary)
    for (DType dtype : {DType::kFloat32, DType::kFloat64})
      for (std::int64_t n : test::kOddSizes)
        expect_op(
            Unary{row.kind}, {test::random_array({n}, 7, dtype, row.low, row.high)},
            [&](double x, double, double) { return row.exact(x); },
            dtype == DType::kFloat32 ? 4e-7 : 1e-15);
}

TEST(Elementwise, UnaryKindsOnIntegers) {
  for (DType dtype : {DType::kUInt8, DType::kInt32, DType::kInt64})
    for (const UnaryRow& row : kUnary) {
      const bool keeps =
          row.kind <= Kind::kSquare || row.kind == Kind::kRelu || row.kind == Kind::kRelu6 ||
          (row.kind >= Kind::kFloor && row.kind <= Kind::kTrunc) || gives_bool(row.kind);
      if (!keeps || (dtype == DType::kUInt8 && row.kind == Kind::kNegative)) continue;
      expect_op(
          Unary{row.kind}, {test::random_array({37}, 3, dtype, dtype == DType::kUInt8 ? 0 : -9, 9)},
          [&](double x, double, double) { return row.exact(x); }, 0);
    }
}

struct BinaryRow {
  Kind kind;
  double (*exact)(double, double);
  bool integers;
};

double exact_floor_divide(double a, double b) { return b == 0 ? 0 : std::floor(a / b); }
double exact_mod(double a, double b) { return b == 0 ? 0 : a - b * std::floor(a / b); }

const BinaryRow kBinary[] = {
    {Kind::kAdd, [](double a, double b) { return a + b; }, true},
    {Kind::kSubtract, [](double a, double b) { return a - b; }, true},
    {Kind::kMultiply, [](double a, double b) { return a * b; }, true},
    {Kind::kDivide, [](double a, double b) { return a / b; }, false},
    {Kind::kFloorDivide, exact_floor_divide, true},
    {Kind::kMod, exact_mod, true},
    {Kind::kMaximum, [](double a, double b) { return std::max(a, b); }, true},
    {Kind::kMinimum, [](double a, double b) { return std::min(a, b); }, true},
    {Kind::kArctan2, [](double a, double b) { return std::atan2(a, b); }, false},
    {Kind::kEqual, [](double a, double b) { return double(a == b); }, true},
    {Kind::kNotEqual, [](double a, double b) { return double(a != b); }, true},
    {Kind::kLess, [](double a, double b) { return double(a < b); }, true},
    {Kind::kLessEqual, [](double a, double b) { return double(a <= b); }, true},
    {Kind::kGreater, [](double a, double b) { return double(a > b); }, true},
    {Kind::kGreaterEqual, [](double a, double b) { return double(a >= b); }, true},
};

// Whole numbers: so that ties and divisions without remainder come up.
Array some(const Shape& shape, unsigned seed, DType dtype) {
  Array a = test::random_array(shape, seed, DType::kInt32, -6, 7);
  std::vector<double> v = a.numbers();
  for (double& x : v) x = dtype == DType::kUInt8 ? std::fabs(x) : x;
  return test::array(shape, v, dtype);
}

TEST(Elementwise, EveryBinaryKindOverEveryType) {
  for (const BinaryRow& row : kBinary)
    for (DType dtype :
         {DType::kFloat32, DType::kFloat64, DType::kUInt8, DType::kInt32, DType::kInt64}) {
      const bool floating = is_floating(dtype);
      if (!floating && !row.integers) continue;
      if (dtype == DType::kUInt8 && row.kind == Kind::kSubtract) continue;
      for (std::int64_t n : {0, 1, 5, 17, 1025}) {
        Array b = some({n}, 2, dtype);
        if (floating) {  // no division by zero: the two kinds of number differ there
          std::vector<double> v = b.numbers();
          for (double& x : v) x = x == 0 ? 2 : x;
          b = test::array({n}, v, dtype);
        }
        expect_op(
            Binary{row.kind}, {some({n}, 1, dtype), b},
            [&](double x, double y, double) { return row.exact(x, y); },
            dtype == DType::kFloat32 ? 3e-7 : 1e-15);
      }
    }
}

const std::pair<Shape, Shape> kBroadcasts[] = {
    {{}, {}},
    {{5}, {}},
    {{}, {7}},
    {{1}, {9}},
    {{33, 10}, {10}},
    {{33, 10}, {33, 1}},
    {{10}, {33, 10}},
    {{33, 1}, {1, 10}},
    {{3, 4, 5}, {4, 5}},
    {{3, 4, 5}, {4, 1}},
    {{3, 1, 5}, {4, 1}},
    {{2, 3, 1, 5}, {3, 4, 1}},
    {{1, 1}, {1}},
    {{0, 3}, {3}},
    {{4, 0}, {4, 1}},
    {{700, 3}, {3}},
    {{3, 1000}, {1000}},
    {{5, 3001}, {3001}},
    {{9, 1, 8, 1}, {1, 7, 1, 6}},
    {{2, 1, 64}, {300, 64}},
    {{2, 300, 64}, {2, 1, 64}},
    {{4001, 2}, {4001, 1}},
    {{40, 30, 20}, {30, 1}},
};

TEST(Elementwise, EveryBroadcastPattern) {
  for (const auto& [a, b] : kBroadcasts)
    for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt32}) {
      expect_op(
          Binary{Kind::kSubtract}, {some(a, 1, dtype), some(b, 2, dtype)},
          [](double x, double y, double) { return x - y; }, 0);
      expect_op(
          Binary{Kind::kLess}, {some(a, 1, dtype), some(b, 2, dtype)},
          [](double x, double y, double) { return double(x < y); }, 0);
      const auto choose = [](double c, double x, double y) { return c != 0 ? x : y; };
      for (const Shape& c : {a, b, Shape{}})
        expect_op(Select{},
                  {test::random_array(c, 3, DType::kBool), some(a, 1, dtype), some(b, 2, dtype)},
                  choose, 0);
    }
}

TEST(Elementwise, LogicOnBool) {
  const std::pair<Kind, bool (*)(bool, bool)> rows[] = {
      {Kind::kLogicalAnd, [](bool a, bool b) { return a && b; }},
      {Kind::kLogicalOr, [](bool a, bool b) { return a || b; }},
      {Kind::kLogicalXor, [](bool a, bool b) { return a != b; }},
      {Kind::kAdd, [](bool a, bool b) { return a || b; }},
      {Kind::kMultiply, [](bool a, bool b) { return a && b; }},
      {Kind::kMaximum, [](bool a, bool b) { return a || b; }},
      {Kind::kMinimum, [](bool a, bool b) { return a && b; }},
      {Kind::kEqual, [](bool a, bool b) { return a == b; }},
  };
  const Array a = test::random_array({6, 5}, 1, DType::kBool),
              b = test::random_array({5}, 2, DType::kBool);
  for (const auto& [kind, exact] : rows)
    expect_op(
        Binary{kind}, {a, b}, [f = exact](double x, double y, double) { return f(x != 0, y != 0); },
        0);
  expect_op(
      Unary{Kind::kLogicalNot}, {a}, [](double x, double, double) { return double(x == 0); }, 0);
}

template <class T>
std::vector<T> pairs(Kind kind, const std::vector<T>& a, const std::vector<T>& b) {
  const Type type{DTypeOf<T>::value, Shape{static_cast<std::int64_t>(a.size())}};
  return test::run_op<T>(Binary{kind}, {type, type}, {a, b});
}

TEST(Elementwise, IntegersWrapAndNeverTrap) {
  constexpr std::int32_t kLeast = INT32_MIN, kMost = INT32_MAX;
  using V = std::vector<std::int32_t>;
  const V a = {kLeast, kLeast, 7, -7, 7, -7, 0, kMost}, b = {-1, 0, 2, 2, -2, -2, 5, kMost};
  EXPECT_EQ(pairs(Kind::kFloorDivide, a, b), (V{kLeast, 0, 3, -4, -4, 3, 0, 1}));
  EXPECT_EQ(pairs(Kind::kMod, a, b), (V{0, 0, 1, 1, -1, -1, 0, 0}));
  EXPECT_EQ(pairs(Kind::kAdd, a, b), (V{kMost, kLeast, 9, -5, 5, -9, 5, -2}));
  EXPECT_EQ(pairs(Kind::kMultiply, a, b), (V{kLeast, 0, 14, -14, -14, 14, 0, 1}));
  EXPECT_EQ(pairs(Kind::kPower, V{2, 3, -1, -1, 1, 2, 0, 0, 2, 46341},
                  V{10, 0, -3, -2, -9, -1, -1, 0, 33, 2}),
            (V{1024, 1, -1, 1, 1, 0, 0, 1, 0, -2147479015}));
  using W = std::vector<std::int64_t>;
  EXPECT_EQ(pairs(Kind::kFloorDivide, W{INT64_MIN, 9}, W{-1, 0}), (W{INT64_MIN, 0}));
  EXPECT_EQ(pairs(Kind::kMultiply, W{INT64_MIN}, W{-1}), (W{INT64_MIN}));
  EXPECT_EQ(pairs(Kind::kPower, W{3}, W{40}),
            (W{static_cast<std::int64_t>(12157665459056928801u)}));
  using B = std::vector<std::uint8_t>;
  EXPECT_EQ(pairs(Kind::kSubtract, B{1, 5}, B{2, 5}), (B{255, 0}));
  EXPECT_EQ(pairs(Kind::kPower, B{2, 3}, B{9, 3}), (B{0, 27}));
  EXPECT_EQ(pairs(Kind::kFloorDivide, B{200, 7}, B{0, 2}), (B{0, 3}));
  const Type one{DType::kInt32, {1}};
  EXPECT_EQ(test::run_op<std::int32_t>(Unary{Kind::kNegative}, {one}, {{kLeast}}), (V{kLeast}));
  EXPECT_EQ(test::run_op<std::int32_t>(Unary{Kind::kAbs}, {one}, {{kLeast}}), (V{kLeast}));
}

TEST(Elementwise, NanPassesThroughExtremesAndRelu) {
  const float nan = NAN;
  const Type two{DType::kFloat32, {2}};
  for (Kind kind : {Kind::kMaximum, Kind::kMinimum})
    for (float v : pairs<float>(kind, {nan, 1}, {1, nan})) EXPECT_TRUE(std::isnan(v));
  for (Kind kind :
       {Kind::kRelu, Kind::kSign, Kind::kFloor, Kind::kTanh, Kind::kSigmoid, Kind::kExp})
    for (float v : test::run_op<float>(Unary{kind}, {two}, {{nan, -nan}}))
      EXPECT_TRUE(std::isnan(v));
  EXPECT_EQ(
      test::run_op<float>(Select{}, {{DType::kBool, {2}}, two, two}, {{0, 0}, {1, 2}, {3, 4}}),
      (std::vector<float>{3, 4}));
}

// ---- casts

template <class To, class From>
std::vector<To> cast_of(DType from, DType to, const std::vector<From>& x) {
  Array a{{from, Shape{static_cast<std::int64_t>(x.size())}}, {}};
  a.bytes.resize(a.type.bytes());
  if constexpr (std::is_same_v<From, bool>) {
    for (std::size_t i = 0; i < x.size(); ++i) a.bytes[i] = x[i];
  } else {
    std::memcpy(a.bytes.data(), x.data(), a.bytes.size());
  }
  const Array y = every_way(Cast{to}, {a});
  return std::vector<To>(y.data<To>(), y.data<To>() + x.size());
}

TEST(Cast, FloatsToIntegersTruncateAndSaturate) {
  const std::vector<double> x = {NAN,  INFINITY, -INFINITY, 1.9,  -1.9, 300.5,
                                 -0.5, 3e9,      -3e9,      1e19, 255.9};
  const std::vector<float> f(x.begin(), x.end());
  const std::vector<std::int32_t> i32 = {0, INT32_MAX, INT32_MIN, 1,         -1, 300,
                                         0, INT32_MAX, INT32_MIN, INT32_MAX, 255};
  const std::vector<std::uint8_t> u8 = {0, 255, 0, 1, 0, 255, 0, 255, 0, 255, 255};
  const std::vector<std::int64_t> i64 = {0, INT64_MAX,  INT64_MIN,   1,         -1, 300,
                                         0, 3000000000, -3000000000, INT64_MAX, 255};
  EXPECT_EQ((cast_of<std::int32_t>(DType::kFloat32, DType::kInt32, f)), i32);
  EXPECT_EQ((cast_of<std::int32_t>(DType::kFloat64, DType::kInt32, x)), i32);
  EXPECT_EQ((cast_of<std::uint8_t>(DType::kFloat32, DType::kUInt8, f)), u8);
  EXPECT_EQ((cast_of<std::uint8_t>(DType::kFloat64, DType::kUInt8, x)), u8);
  EXPECT_EQ((cast_of<std::int64_t>(DType::kFloat32, DType::kInt64, f)), i64);
  EXPECT_EQ((cast_of<std::int64_t>(DType::kFloat64, DType::kInt64, x)), i64);
}

TEST(Cast, AnythingButZeroIsTrue) {
  EXPECT_EQ(
      (cast_of<bool>(DType::kFloat32, DType::kBool, std::vector<float>{0, -0.0f, 0.5f, -3, NAN})),
      (std::vector<bool>{false, false, true, true, true}));
  EXPECT_EQ((cast_of<bool>(DType::kInt32, DType::kBool, std::vector<std::int32_t>{0, 256, -1})),
            (std::vector<bool>{false, true, true}));
  EXPECT_EQ((cast_of<float>(DType::kBool, DType::kFloat32, std::vector<bool>{true, false})),
            (std::vector<float>{1, 0}));
}

TEST(Cast, IntegersWrap) {
  EXPECT_EQ((cast_of<std::uint8_t>(DType::kInt64, DType::kUInt8,
                                   std::vector<std::int64_t>{-1, 256, 511})),
            (std::vector<std::uint8_t>{255, 0, 255}));
  EXPECT_EQ((cast_of<float>(DType::kInt32, DType::kFloat32,
                            std::vector<std::int32_t>{INT32_MIN, 16777217, -5})),
            (std::vector<float>{-2147483648.0f, 16777216.0f, -5}));
}

TEST(Cast, HalvesRoundToNearestEven) {
  for (DType half : {DType::kFloat16, DType::kBFloat16}) {
    std::vector<std::uint16_t> all(65536);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
    const std::vector<float> wide = cast_of<float>(half, DType::kFloat32, all);
    const std::vector<std::uint16_t> back = cast_of<std::uint16_t>(DType::kFloat32, half, wide);
    const std::vector<double> wider = cast_of<double>(half, DType::kFloat64, all);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (std::isnan(wide[i])) continue;
      EXPECT_EQ(back[i], all[i]);
      EXPECT_EQ(wider[i], wide[i]);
    }
  }
  EXPECT_EQ(cast_of<float>(DType::kFloat16, DType::kFloat32,
                           std::vector<std::uint16_t>{0x0001, 0x83ff, 0x3c00}),
            (std::vector<float>{0x1p-24f, -0x3ffp-24f, 1}));
  // Halfway cases, also those that a first rounding to float32 would make out of others.
  EXPECT_EQ((cast_of<std::uint16_t>(DType::kFloat64, DType::kFloat16,
                                    std::vector<double>{1 + 0x1p-11, 1 + 3 * 0x1p-11,
                                                        1 + 0x1p-11 + 0x1p-40, 65520, 1e300})),
            (std::vector<std::uint16_t>{0x3c00, 0x3c02, 0x3c01, 0x7c00, 0x7c00}));
}

}  // namespace
}  // namespace deepcore
