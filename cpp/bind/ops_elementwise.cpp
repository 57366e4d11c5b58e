// Elementwise functions by name.
#include "arguments.h"
#include "doors.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

struct Named {
  const char* name;
  Kind kind;
};

constexpr Named kUnary[] = {
    {"negative", Kind::kNegative},
    {"abs", Kind::kAbs},
    {"sign", Kind::kSign},
    {"square", Kind::kSquare},
    {"sqrt", Kind::kSqrt},
    {"rsqrt", Kind::kRsqrt},
    {"reciprocal", Kind::kReciprocal},
    {"exp", Kind::kExp},
    {"expm1", Kind::kExpm1},
    {"log", Kind::kLog},
    {"log1p", Kind::kLog1p},
    {"log2", Kind::kLog2},
    {"log10", Kind::kLog10},
    {"sin", Kind::kSin},
    {"cos", Kind::kCos},
    {"tan", Kind::kTan},
    {"arcsin", Kind::kAsin},
    {"arccos", Kind::kAcos},
    {"arctan", Kind::kAtan},
    {"sinh", Kind::kSinh},
    {"cosh", Kind::kCosh},
    {"tanh", Kind::kTanh},
    {"arcsinh", Kind::kAsinh},
    {"arccosh", Kind::kAcosh},
    {"arctanh", Kind::kAtanh},
    {"sigmoid", Kind::kSigmoid},
    {"softplus", Kind::kSoftplus},
    {"erf", Kind::kErf},
    {"relu", Kind::kRelu},
    {"relu6", Kind::kRelu6},
    {"floor", Kind::kFloor},
    {"ceil", Kind::kCeil},
    {"round", Kind::kRound},
    {"trunc", Kind::kTrunc},
    {"logical_not", Kind::kLogicalNot},
    {"isnan", Kind::kIsNan},
    {"isinf", Kind::kIsInf},
    {"isfinite", Kind::kIsFinite},
    {"stop_gradient", Kind::kStopGradient},
};

constexpr Named kBinary[] = {
    {"add", Kind::kAdd},
    {"subtract", Kind::kSubtract},
    {"multiply", Kind::kMultiply},
    {"true_divide", Kind::kDivide},
    {"floor_divide", Kind::kFloorDivide},
    {"mod", Kind::kMod},
    {"power", Kind::kPower},
    {"maximum", Kind::kMaximum},
    {"minimum", Kind::kMinimum},
    {"arctan2", Kind::kArctan2},
    {"equal", Kind::kEqual},
    {"not_equal", Kind::kNotEqual},
    {"less", Kind::kLess},
    {"less_equal", Kind::kLessEqual},
    {"greater", Kind::kGreater},
    {"greater_equal", Kind::kGreaterEqual},
    {"logical_and", Kind::kLogicalAnd},
    {"logical_or", Kind::kLogicalOr},
    {"logical_xor", Kind::kLogicalXor},
};

Tensor where_door(py::handle condition, py::handle x1, py::handle x2) {
  const Tensor mask = to_tensor(condition, DType::kBool);
  const Tensors values = promoted(std::array<Operand, 2>{to_operand(x1), to_operand(x2)});
  return compute(values[0].dtype(), values,
                 [&mask](const Tensors& in) { return where(mask, in[0], in[1]); });
}

// x keeps its dtype, whatever the limits are.
Tensor clip_door(py::handle x, py::handle low, py::handle high) {
  const std::array<Operand, 3> operands{to_operand(x), to_operand(low), to_operand(high)};
  const DType own = as_dtype(operands[0]).dtype();
  const Tensor clipped = compute(common_dtype(operands), promoted(operands), [](const Tensors& in) {
    return minimum(maximum(in[0], in[1]), in[2]);
  });
  return cast(clipped, own == DType::kBool ? DType::kInt32 : own);
}

}  // namespace

void bind_elementwise(py::module_& m) {
  for (const Named& f : kUnary)
    m.def(f.name, [kind = f.kind](py::handle x) { return unary_door(kind, to_operand(x)); }, "x"_a);
  for (const Named& f : kBinary)
    m.def(
        f.name,
        [kind = f.kind](py::handle x1, py::handle x2) {
          return binary_door(kind, to_operand(x1), to_operand(x2));
        },
        "x1"_a, "x2"_a);
  m.def("where", where_door, "condition"_a, "x1"_a, "x2"_a);
  m.def("clip", clip_door, "x"_a, "x_min"_a, "x_max"_a);
  m.def(
      "cast",
      [](py::handle x, py::handle dtype) {
        const DType to = to_dtype(dtype);
        const Tensor value = to_tensor(x);
        const Unlocked unlocked(work_of({value}));
        return cast(value, to);
      },
      "x"_a, "dtype"_a);
}

}  // namespace deepcore::bind
