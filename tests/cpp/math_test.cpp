// The vectorised elementary functions against double libm, over the whole range of float32, through
// the Program interpreter of each instruction set. DEEPCORE_TEST_STRIDE=1 looks at every float
// there is.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace baseline {
extern const Kernels table;
}

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<const Kernels*> tables() {
  std::vector<const Kernels*> all{&baseline::table};
  if (&kernels() != all[0]) all.push_back(&kernels());
  return all;
}

std::vector<float> evaluate(const Kernels& table, Kind kind, const std::vector<float>& a,
                            const std::vector<float>& b = {}) {
  Program program{};
  program.inputs = b.empty() ? 1 : 2;
  program.instrs = program.outputs = 1;
  program.code[0] = {kind, program.inputs, 0, 1, 0};
  program.output_register[0] = program.inputs;
  program.registers = static_cast<std::uint8_t>(program.inputs + 1);
  const Operand full{Pattern::kFull, Element::kF32, 1, 1, {}, {}};
  const Operand operands[] = {full, full};
  const void* in[] = {a.data(), b.data()};
  std::vector<float> y(a.size()), scratch(kProgramScratch);
  void* out = y.data();
  table.elementwise.run(program, operands, in, &out, 0, static_cast<std::int64_t>(a.size()),
                        scratch.data());
  return y;
}

// In units in the last place of the float nearest to `want`.
double error_in_ulp(float got, double want) {
  if (std::isnan(want)) return std::isnan(got) ? 0 : 1e9;
  const float nearest = static_cast<float>(want);
  if (std::isinf(nearest) || std::isinf(got) || std::isnan(got)) return got == nearest ? 0 : 1e9;
  if (std::signbit(got) != std::signbit(nearest)) return 1e9;
  int exponent = -200;
  if (want != 0) std::frexp(want, &exponent);
  return std::fabs(got - want) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

struct UnaryRow {
  const char* name;
  Kind kind;
  double (*exact)(double);
  double ulp;  // what the headers promise
};

double exact_sigmoid(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
double exact_softplus(double x) {
  return std::isnan(x) ? x : std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
}

const UnaryRow kUnary[] = {
    {"exp", Kind::kExp, [](double x) { return std::exp(x); }, 1.1},
    {"expm1", Kind::kExpm1, [](double x) { return std::expm1(x); }, 1.6},
    {"log", Kind::kLog, [](double x) { return std::log(x); }, 0.9},
    {"log1p", Kind::kLog1p, [](double x) { return std::log1p(x); }, 1.5},
    {"tanh", Kind::kTanh, [](double x) { return std::tanh(x); }, 2.5},
    {"sigmoid", Kind::kSigmoid, exact_sigmoid, 2.5},
    {"softplus", Kind::kSoftplus, exact_softplus, 1.8},
    {"erf", Kind::kErf, [](double x) { return std::erf(x); }, 1.3},
    {"log2", Kind::kLog2, [](double x) { return std::log2(x); }, 0.51},
    {"log10", Kind::kLog10, [](double x) { return std::log10(x); }, 0.51},
    {"sin", Kind::kSin, [](double x) { return std::sin(x); }, 0.51},
    {"cos", Kind::kCos, [](double x) { return std::cos(x); }, 0.51},
    {"tan", Kind::kTan, [](double x) { return std::tan(x); }, 0.51},
    {"asin", Kind::kAsin, [](double x) { return std::asin(x); }, 0.51},
    {"acos", Kind::kAcos, [](double x) { return std::acos(x); }, 0.51},
    {"atan", Kind::kAtan, [](double x) { return std::atan(x); }, 0.51},
    {"sinh", Kind::kSinh, [](double x) { return std::sinh(x); }, 0.51},
    {"cosh", Kind::kCosh, [](double x) { return std::cosh(x); }, 0.51},
    {"asinh", Kind::kAsinh, [](double x) { return std::asinh(x); }, 0.51},
    {"acosh", Kind::kAcosh, [](double x) { return std::acosh(x); }, 0.51},
    {"atanh", Kind::kAtanh, [](double x) { return std::atanh(x); }, 0.51},
    {"sqrt", Kind::kSqrt, [](double x) { return std::sqrt(x); }, 0.51},
    {"floor", Kind::kFloor, [](double x) { return std::floor(x); }, 0},
    {"ceil", Kind::kCeil, [](double x) { return std::ceil(x); }, 0},
    {"round", Kind::kRound, [](double x) { return std::nearbyint(x); }, 0},
    {"trunc", Kind::kTrunc, [](double x) { return std::trunc(x); }, 0},
};

class WholeRange : public ::testing::TestWithParam<UnaryRow> {};

TEST_P(WholeRange, IsWithinItsStatedError) {
  const UnaryRow& row = GetParam();
  const char* asked = std::getenv("DEEPCORE_TEST_STRIDE");
  // A prime: the low bits of the samples take all values.
  const std::uint64_t stride = asked ? std::strtoull(asked, nullptr, 10) : 8209;
  std::vector<float> x;
  double worst[2] = {0, 0};
  const auto flush = [&] {
    std::size_t t = 0;
    for (const Kernels* table : tables()) {
      const std::vector<float> y = evaluate(*table, row.kind, x);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double error = error_in_ulp(y[i], row.exact(x[i]));
        if (error > row.ulp && error > worst[t])
          ADD_FAILURE() << table->isa << " " << row.name << "(" << x[i] << ") = " << y[i]
                        << ", off by " << error << " ulp";
        worst[t] = std::max(worst[t], error);
      }
      ++t;
    }
    x.clear();
  };
  for (float special :
       {0.0f,   -0.0f,      1.0f,       -1.0f,         kInf,           -kInf,           kNan,
        1e-45f, -1e-45f,    1e-39f,     3.4028235e38f, -3.4028235e38f, 1.17549435e-38f, 0.5f,
        -0.5f,  1.5f,       2.5f,       -2.5f,         88.72283f,      88.7229f,        -103.97f,
        -87.4f, 8388607.5f, 8388608.0f, 1048576.0f,    0.99999994f,    1.0000001f})
    x.push_back(special);
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += stride) {
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    if (x.size() == 4096) flush();
  }
  flush();
  RecordProperty("baseline_ulp", std::to_string(worst[0]));
  RecordProperty("widest_ulp", std::to_string(worst[1]));
}

INSTANTIATE_TEST_SUITE_P(Functions, WholeRange, ::testing::ValuesIn(kUnary),
                         [](const auto& info) { return std::string(info.param.name); });

// NumPy's definitions.
double exact_mod(double a, double b) {
  const double m = std::fmod(a, b);
  if (m == 0) return std::copysign(0.0, b);
  return (m < 0) != (b < 0) ? m + b : m;
}

struct BinaryRow {
  const char* name;
  Kind kind;
  double (*exact)(double, double);
  double ulp;
};

const BinaryRow kBinary[] = {
    {"pow", Kind::kPower, [](double a, double b) { return std::pow(a, b); }, 0.51},
    {"arctan2", Kind::kArctan2, [](double a, double b) { return std::atan2(a, b); }, 0.51},
    {"mod", Kind::kMod, exact_mod, 0.51},
};

class Pairs : public ::testing::TestWithParam<BinaryRow> {};

TEST_P(Pairs, AreWithinTheirStatedError) {
  const BinaryRow& row = GetParam();
  const std::vector<float> special = {
      0.0f,  -0.0f,  1.0f,  -1.0f, 2.0f,   -2.0f,   0.5f,        -0.5f,       3.0f,
      -3.0f, kInf,   -kInf, kNan,  1e-39f, -1e-39f, 1e38f,       -1e38f,      2.5f,
      -2.5f, 1e-30f, 7.0f,  1e10f, 0.1f,   33.0f,   16777215.0f, 16777216.0f, 40.1f};
  std::vector<float> a, b;
  for (float u : special)
    for (float v : special) {
      a.push_back(u);
      b.push_back(v);
    }
  std::uint64_t state = 1;
  const auto next = [&] {
    return static_cast<std::uint32_t>(
        (state = state * 6364136223846793005u + 1442695040888963407u) >> 32);
  };
  for (int i = 0; i < 100000; ++i) {
    const bool anything = i % 2 == 0;  // any floats; or ones whose power is finite
    a.push_back(anything ? std::bit_cast<float>(next())
                         : std::ldexp(1.0f + next() * 0x1p-32f, static_cast<int>(next() % 8) - 4));
    b.push_back(anything && i % 4 == 0 ? std::bit_cast<float>(next())
                                       : (next() * 0x1p-31f - 1.0f) * 40.0f);
  }
  for (const Kernels* table : tables()) {
    const std::vector<float> y = evaluate(*table, row.kind, a, b);
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double error = error_in_ulp(y[i], row.exact(a[i], b[i]));
      if (error > row.ulp && error > worst)
        ADD_FAILURE() << table->isa << " " << row.name << "(" << a[i] << ", " << b[i]
                      << ") = " << y[i] << ", not " << row.exact(a[i], b[i]);
      worst = std::max(worst, error);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Functions, Pairs, ::testing::ValuesIn(kBinary),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(FloorDivide, RoundsDownAndKeepsTheSignOfZero) {
  const std::vector<float> a = {7, -7, 7, -7, 0, 1, -1, 0, kInf, 5, 1, 6.5f, -0.0f};
  const std::vector<float> b = {2, 2, -2, -2, 3, 0, 0, 0, 2, kInf, 0.1f, 0.5f, 3};
  for (const Kernels* table : tables()) {
    const std::vector<float> y = evaluate(*table, Kind::kFloorDivide, a, b);
    const std::vector<float> want = {3, -4, -4, 3, 0, kInf, -kInf, kNan, kNan, 0, 9, 13, -0.0f};
    for (std::size_t i = 0; i < a.size(); ++i)
      EXPECT_EQ(error_in_ulp(y[i], want[i]), 0)
          << table->isa << ": " << a[i] << " // " << b[i] << " = " << y[i];
  }
}

}  // namespace
}  // namespace deepcore
