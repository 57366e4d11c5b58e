#include "doors.h"

namespace deepcore::bind {
namespace {

bool in_range(Kind kind, Kind first, Kind last) { return kind >= first && kind <= last; }

// What stays an integer when given one.
bool keeps_integers(Kind kind) {
  switch (kind) {
    case Kind::kIdentity:
    case Kind::kNegative:
    case Kind::kAbs:
    case Kind::kSign:
    case Kind::kSquare:
    case Kind::kRelu:
    case Kind::kRelu6:
    case Kind::kRound:
    case Kind::kTrunc:
    case Kind::kStopGradient:
      return true;
    default:
      return false;
  }
}

// What changes nothing in a bool.
bool keeps_bool(Kind kind) {
  return kind == Kind::kIdentity || kind == Kind::kAbs || kind == Kind::kRound ||
         kind == Kind::kTrunc || kind == Kind::kStopGradient;
}

// Defined for numbers, not for truth values, which count as 0 and 1.
bool needs_numbers(Kind kind) {
  return kind == Kind::kSubtract || kind == Kind::kFloorDivide || kind == Kind::kMod ||
         kind == Kind::kPower;
}

}  // namespace

std::int64_t work_of(const Tensors& in) {
  std::int64_t elements = 0;
  for (const Tensor& t : in) {
    if (t.is_symbolic()) return 0;
    elements += t.elements();
  }
  return elements;
}

Tensor unary_door(Kind kind, const Operand& operand) {
  const Tensor x = as_dtype(operand);
  DType dtype = x.dtype();
  if (dtype == DType::kBool && keeps_bool(kind)) return x;
  if (kind == Kind::kStopGradient) return stop_gradient(x);
  if (kind == Kind::kLogicalNot)
    dtype = DType::kBool;
  else if (!keeps_integers(kind))
    dtype = float_of(dtype);
  else if (dtype == DType::kBool)
    dtype = DType::kInt32;
  // isnan and its like give bool, whatever they are computed in.
  if (gives_bool(kind)) dtype = compute_dtype(dtype);
  return compute(dtype, {x}, [&](const Tensors& in) { return unary(kind, in[0]); });
}

Tensor binary_door(Kind kind, const Operand& a, const Operand& b) {
  const std::array<Operand, 2> operands{a, b};
  DType dtype = common_dtype(operands);
  if (kind == Kind::kDivide || kind == Kind::kArctan2) dtype = float_of(dtype);
  if (dtype == DType::kBool && needs_numbers(kind)) dtype = DType::kInt32;
  if (in_range(kind, Kind::kLogicalAnd, Kind::kLogicalXor)) dtype = DType::kBool;
  if (gives_bool(kind)) dtype = compute_dtype(dtype);
  return compute(dtype, {as_dtype(a, dtype), as_dtype(b, dtype)},
                 [&](const Tensors& in) { return binary(kind, in[0], in[1]); });
}

Tensor matmul_door(const Operand& a, const Operand& b) {
  const Tensors in = promoted(std::array<Operand, 2>{a, b});
  const DType dtype = in[0].dtype();
  // A product of truth values is counted, and is true where the count is not 0.
  if (dtype == DType::kBool) {
    const Tensor counts =
        compute(DType::kInt32, in, [](const Tensors& x) { return matmul(x[0], x[1]); });
    return cast(counts, DType::kBool);
  }
  return compute(dtype, in, [](const Tensors& x) { return matmul(x[0], x[1]); });
}

}  // namespace deepcore::bind
