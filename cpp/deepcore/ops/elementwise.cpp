// Elementwise ops: one value in, one value out, after broadcasting.
#include <numbers>

#include "deepcore/ops/check.h"
#include "deepcore/ops/ops.h"

namespace deepcore {
namespace {

constexpr Kind kRsqrt = Kind::kRsqrt;

// Where `condition` does not hold the gradient is 0, whatever g holds there: 0 * inf would be NaN.
Tensor where_or_zero(const Tensor& condition, const Tensor& g) {
  return where(condition, g, scalar(0, g.dtype()));
}
Tensor zero_unless(const Tensor& condition, const Tensor& g) {
  return where(condition, scalar(0, g.dtype()), g);
}

}  // namespace

// ---- Unary

Types Unary::infer(const Types& in) const {
  const Type& x = in[0];
  const std::string_view op = name_of(kind);
  switch (kind) {
    case Kind::kIdentity:
    case Kind::kStopGradient:
      break;
    case Kind::kLogicalNot:
      require<TypeError>(x.dtype == DType::kBool, op, "expected bool, got ", x.dtype);
      break;
    case Kind::kIsNan:
    case Kind::kIsInf:
    case Kind::kIsFinite:
      require_computes(op, x);
      break;
    case Kind::kNegative:
    case Kind::kAbs:
    case Kind::kSign:
    case Kind::kSquare:
    case Kind::kRelu:
    case Kind::kRelu6:
    case Kind::kFloor:
    case Kind::kCeil:
    case Kind::kRound:
    case Kind::kTrunc:
      require_numbers(op, x);
      break;
    default:
      require_floats(op, x);
  }
  return {{gives_bool(kind) ? DType::kBool : x.dtype, x.shape, x.device}};
}

Tensors Unary::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  const Tensor &x = in[0], &y = out[0], &g = grad[0];
  if (!is_floating(x.dtype())) return {Tensor{}};
  // clang-format off
  switch (kind) {
    case Kind::kIdentity: return {g};
    case Kind::kNegative: return {-g};
    case Kind::kAbs: return {g * sign(x)};
    case Kind::kSquare: return {g * (x * 2)};
    case Kind::kSqrt: return {g / (y * 2)};
    case Kind::kRsqrt: return {g * (y * square(y) * -0.5)};
    case Kind::kReciprocal: return {-(g * square(y))};
    case Kind::kExp: return {g * y};
    case Kind::kExpm1: return {g * (y + 1)};
    case Kind::kLog: return {g / x};
    case Kind::kLog1p: return {g / (x + 1)};
    case Kind::kLog2: return {g / (x * std::numbers::ln2)};
    case Kind::kLog10: return {g / (x * std::numbers::ln10)};
    case Kind::kSin: return {g * unary(Kind::kCos, x)};
    case Kind::kCos: return {-(g * unary(Kind::kSin, x))};
    case Kind::kTan: return {g * (square(y) + 1)};
    // (1 - x)(1 + x) keeps its digits near 1, where 1 - x^2 loses them.
    case Kind::kAsin: return {g * unary(kRsqrt, (1 - x) * (1 + x))};
    case Kind::kAcos: return {-(g * unary(kRsqrt, (1 - x) * (1 + x)))};
    case Kind::kAtan: return {g / (square(x) + 1)};
    case Kind::kSinh: return {g * unary(Kind::kCosh, x)};
    case Kind::kCosh: return {g * unary(Kind::kSinh, x)};
    case Kind::kTanh: return {g * (1 - square(y))};
    case Kind::kAsinh: return {g * unary(kRsqrt, square(x) + 1)};
    case Kind::kAcosh: return {g * unary(kRsqrt, (x - 1) * (x + 1))};
    case Kind::kAtanh: return {g / ((1 - x) * (1 + x))};
    case Kind::kSigmoid: return {g * (y * (1 - y))};
    case Kind::kSoftplus: return {g * sigmoid(x)};
    case Kind::kErf: return {g * (exp(-square(x)) * (2 * std::numbers::inv_sqrtpi))};
    case Kind::kRelu: return {where_or_zero(greater(y, scalar(0, y.dtype())), g)};
    case Kind::kRelu6: {
      const Tensor above = greater(y, scalar(0, y.dtype())), below = less(y, scalar(6, y.dtype()));
      return {where_or_zero(logical_and(above, below), g)};
    }
    default: return {Tensor{}};  // steps: sign, floor, isnan ...; and stop_gradient
  }
  // clang-format on
}

// ---- Binary

Types Binary::infer(const Types& in) const {
  const Type &a = in[0], &b = in[1];
  const std::string_view op = name_of(kind);
  require_same_dtype(op, a, b);
  switch (kind) {
    case Kind::kDivide:
    case Kind::kArctan2:
      require_floats(op, a);
      break;
    case Kind::kLogicalAnd:
    case Kind::kLogicalOr:
    case Kind::kLogicalXor:
      require<TypeError>(a.dtype == DType::kBool, op, "expected bool, got ", a.dtype);
      break;
    case Kind::kSubtract:
    case Kind::kFloorDivide:
    case Kind::kMod:
    case Kind::kPower:
      require_numbers(op, a);
      break;
    default:  // on bool: add is or, multiply is and, as NumPy's
      require_computes(op, a);
  }
  return {{gives_bool(kind) ? DType::kBool : a.dtype, broadcast(op, a.shape, b.shape), a.device}};
}

Tensors Binary::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  const Tensor &a = in[0], &b = in[1], &y = out[0], &g = grad[0];
  if (!is_floating(a.dtype())) return {Tensor{}, Tensor{}};
  // clang-format off
  switch (kind) {
    case Kind::kAdd: return {g, g};
    case Kind::kSubtract: return {g, -g};
    case Kind::kMultiply: return {g * b, g * a};
    case Kind::kDivide: return {g / b, -(g * (y / b))};
    case Kind::kMod: return {g, -(g * binary(Kind::kFloorDivide, a, b))};
    case Kind::kPower: {
      // a^(b-1) is infinite at a = b = 0, where b a^(b-1) must be 0; log(a) is asked for a > 0 alone.
      const Tensor zero = scalar(0, a.dtype()), one = scalar(1, a.dtype());
      const Tensor exponent = where(deepcore::equal(b, zero), one, b - 1);
      const Tensor base = where(greater(a, zero), a, one);
      return {g * (b * power(a, exponent)), g * (y * log(base))};
    }
    // Ties go to the first, as TensorFlow's.
    case Kind::kMaximum: {
      const Tensor first = greater_equal(a, b);
      return {where_or_zero(first, g), zero_unless(first, g)};
    }
    case Kind::kMinimum: {
      const Tensor first = greater_equal(b, a);
      return {where_or_zero(first, g), zero_unless(first, g)};
    }
    case Kind::kArctan2: {
      const Tensor r2 = square(a) + square(b);
      return {g * (b / r2), -(g * (a / r2))};
    }
    default: return {Tensor{}, Tensor{}};  // floor_divide and comparisons are steps
  }
  // clang-format on
}

// ---- Select

Types Select::infer(const Types& in) const {
  require<TypeError>(in[0].dtype == DType::kBool, kName, "the condition must be bool, got ",
                     in[0].dtype);
  require_same_dtype(kName, in[1], in[2]);
  const Shape values = broadcast(kName, in[1].shape, in[2].shape);
  return {{in[1].dtype, broadcast(kName, in[0].shape, values), in[1].device}};
}

Tensors Select::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  return {Tensor{}, where_or_zero(in[0], grad[0]), zero_unless(in[0], grad[0])};
}

// ---- Cast

Types Cast::infer(const Types& in) const { return {{to, in[0].shape, in[0].device}}; }

Tensors Cast::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  if (!is_floating(in[0].dtype()) || !is_floating(to)) return {Tensor{}};
  return {cast(grad[0], in[0].dtype())};
}

// ---- Fused

namespace {

DType dtype_of(Element element) {
  switch (element) {
    case Element::kBool:
      return DType::kBool;
    case Element::kU8:
      return DType::kUInt8;
    case Element::kI32:
      return DType::kInt32;
    default:
      return DType::kFloat32;
  }
}

std::string text_of(const Program& program) {
  std::string text;
  for (int i = 0; i < program.instrs; ++i) {
    const Instr& instr = program.code[i];
    text += join(i == 0 ? "r" : "; r", int{instr.out}, " = ", instr.kind, " r", int{instr.a});
    if (instr.kind >= Kind::kAdd) text += join(" r", int{instr.b});
    if (instr.kind == Kind::kSelect) text += join(" r", int{instr.c});
  }
  for (int i = 0; i < program.n_constants; ++i)
    text += join("; r", program.inputs + i, " = ", program.constants[i]);
  return text;
}

}  // namespace

Types Fused::infer(const Types& in) const {
  Shape shape;
  for (const Type& x : in) shape = broadcast(kName, shape, x.shape);
  Types out;
  for (int i = 0; i < program.outputs; ++i)
    out.push_back(
        {dtype_of(program.output_element[i]), shape, in.empty() ? Device::kCpu : in[0].device});
  return out;
}
std::string Fused::str() const { return join("fused(", text_of(program), ")"); }

// ---- FusedSum

Types FusedSum::infer(const Types& in) const {
  Types out = Fused(program).infer(in);
  for (auto y = out.end() - sums; y != out.end(); ++y) {
    const Shape x = y->shape;
    const int kept = x.rank() - trailing;
    y->shape = trailing == 0 ? Shape{x.back()} : Shape{};
    if (trailing == 0) continue;
    for (int i = 0; i < kept; ++i) y->shape.push_back(x[i]);
    for (int i = kept; keepdims && i < x.rank(); ++i) y->shape.push_back(1);
  }
  return out;
}
std::string FusedSum::str() const {
  std::string text = join("fused_sum(", text_of(program));
  for (int i = program.outputs - sums; i < program.outputs; ++i)
    text += join(" + r", int{program.output_register[i]});
  if (trailing > 0) text += join(" over the last ", trailing);
  return text + ")";
}

// ---- functions

Tensor unary(Kind kind, const Tensor& x) { return apply1(Unary{kind}, {x}); }
Tensor binary(Kind kind, const Tensor& a, const Tensor& b) { return apply1(Binary{kind}, {a, b}); }

Tensor operator+(const Tensor& a, const Tensor& b) { return binary(Kind::kAdd, a, b); }
Tensor operator-(const Tensor& a, const Tensor& b) { return binary(Kind::kSubtract, a, b); }
Tensor operator*(const Tensor& a, const Tensor& b) { return binary(Kind::kMultiply, a, b); }
Tensor operator/(const Tensor& a, const Tensor& b) { return binary(Kind::kDivide, a, b); }
Tensor operator-(const Tensor& x) { return unary(Kind::kNegative, x); }

Tensor operator+(const Tensor& a, double b) { return a + scalar(b, a.dtype()); }
Tensor operator+(double a, const Tensor& b) { return scalar(a, b.dtype()) + b; }
Tensor operator-(const Tensor& a, double b) { return a - scalar(b, a.dtype()); }
Tensor operator-(double a, const Tensor& b) { return scalar(a, b.dtype()) - b; }
Tensor operator*(const Tensor& a, double b) { return a * scalar(b, a.dtype()); }
Tensor operator*(double a, const Tensor& b) { return scalar(a, b.dtype()) * b; }
Tensor operator/(const Tensor& a, double b) { return a / scalar(b, a.dtype()); }
Tensor operator/(double a, const Tensor& b) { return scalar(a, b.dtype()) / b; }

Tensor abs(const Tensor& x) { return unary(Kind::kAbs, x); }
Tensor sign(const Tensor& x) { return unary(Kind::kSign, x); }
Tensor square(const Tensor& x) { return unary(Kind::kSquare, x); }
Tensor sqrt(const Tensor& x) { return unary(Kind::kSqrt, x); }
Tensor exp(const Tensor& x) { return unary(Kind::kExp, x); }
Tensor log(const Tensor& x) { return unary(Kind::kLog, x); }
Tensor tanh(const Tensor& x) { return unary(Kind::kTanh, x); }
Tensor sigmoid(const Tensor& x) { return unary(Kind::kSigmoid, x); }
Tensor relu(const Tensor& x) { return unary(Kind::kRelu, x); }
Tensor stop_gradient(const Tensor& x) { return unary(Kind::kStopGradient, x); }

Tensor power(const Tensor& a, const Tensor& b) { return binary(Kind::kPower, a, b); }
Tensor maximum(const Tensor& a, const Tensor& b) { return binary(Kind::kMaximum, a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return binary(Kind::kMinimum, a, b); }
Tensor clip(const Tensor& x, double low, double high) {
  return minimum(maximum(x, scalar(low, x.dtype())), scalar(high, x.dtype()));
}

Tensor equal(const Tensor& a, const Tensor& b) { return binary(Kind::kEqual, a, b); }
Tensor less(const Tensor& a, const Tensor& b) { return binary(Kind::kLess, a, b); }
Tensor greater(const Tensor& a, const Tensor& b) { return binary(Kind::kGreater, a, b); }
Tensor greater_equal(const Tensor& a, const Tensor& b) { return binary(Kind::kGreaterEqual, a, b); }
Tensor logical_and(const Tensor& a, const Tensor& b) { return binary(Kind::kLogicalAnd, a, b); }
Tensor logical_not(const Tensor& x) { return unary(Kind::kLogicalNot, x); }

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return apply1(Select{}, {condition, a, b});
}

Tensor cast(const Tensor& x, DType to) { return x.dtype() == to ? x : apply1(Cast{to}, {x}); }

}  // namespace deepcore
