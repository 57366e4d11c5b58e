// How the enums and small structs of the ops print.
#include <utility>

#include "deepcore/ops/kinds.h"

namespace deepcore {
namespace {

std::ostream& pair(std::ostream& out, const std::array<int, 2>& p) {
  return out << "[" << p[0] << ", " << p[1] << "]";
}

}  // namespace

// clang-format off
std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kIdentity: return "identity";
    case Kind::kNegative: return "negative";
    case Kind::kAbs: return "absolute";
    case Kind::kSign: return "sign";
    case Kind::kSquare: return "square";
    case Kind::kSqrt: return "sqrt";
    case Kind::kRsqrt: return "rsqrt";
    case Kind::kReciprocal: return "reciprocal";
    case Kind::kExp: return "exp";
    case Kind::kExpm1: return "expm1";
    case Kind::kLog: return "log";
    case Kind::kLog1p: return "log1p";
    case Kind::kLog2: return "log2";
    case Kind::kLog10: return "log10";
    case Kind::kSin: return "sin";
    case Kind::kCos: return "cos";
    case Kind::kTan: return "tan";
    case Kind::kAsin: return "arcsin";
    case Kind::kAcos: return "arccos";
    case Kind::kAtan: return "arctan";
    case Kind::kSinh: return "sinh";
    case Kind::kCosh: return "cosh";
    case Kind::kTanh: return "tanh";
    case Kind::kAsinh: return "arcsinh";
    case Kind::kAcosh: return "arccosh";
    case Kind::kAtanh: return "arctanh";
    case Kind::kSigmoid: return "sigmoid";
    case Kind::kSoftplus: return "softplus";
    case Kind::kErf: return "erf";
    case Kind::kRelu: return "relu";
    case Kind::kRelu6: return "relu6";
    case Kind::kFloor: return "floor";
    case Kind::kCeil: return "ceil";
    case Kind::kRound: return "round";
    case Kind::kTrunc: return "trunc";
    case Kind::kLogicalNot: return "logical_not";
    case Kind::kIsNan: return "isnan";
    case Kind::kIsInf: return "isinf";
    case Kind::kIsFinite: return "isfinite";
    case Kind::kStopGradient: return "stop_gradient";
    case Kind::kAdd: return "add";
    case Kind::kSubtract: return "subtract";
    case Kind::kMultiply: return "multiply";
    case Kind::kDivide: return "true_divide";
    case Kind::kFloorDivide: return "floor_divide";
    case Kind::kMod: return "mod";
    case Kind::kPower: return "power";
    case Kind::kMaximum: return "maximum";
    case Kind::kMinimum: return "minimum";
    case Kind::kArctan2: return "arctan2";
    case Kind::kEqual: return "equal";
    case Kind::kNotEqual: return "not_equal";
    case Kind::kLess: return "less";
    case Kind::kLessEqual: return "less_equal";
    case Kind::kGreater: return "greater";
    case Kind::kGreaterEqual: return "greater_equal";
    case Kind::kLogicalAnd: return "logical_and";
    case Kind::kLogicalOr: return "logical_or";
    case Kind::kLogicalXor: return "logical_xor";
    case Kind::kSelect: return "where";
  }
  return "?";
}

std::ostream& operator<<(std::ostream& out, Kind kind) { return out << name_of(kind); }

std::ostream& operator<<(std::ostream& out, ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kSum: return out << "sum";
    case ReduceKind::kProd: return out << "prod";
    case ReduceKind::kMax: return out << "max";
    case ReduceKind::kMin: return out << "min";
    case ReduceKind::kAny: return out << "any";
    case ReduceKind::kAll: return out << "all";
  }
  return out;
}

// clang-format on

std::ostream& operator<<(std::ostream& out, PoolKind kind) {
  return out << (kind == PoolKind::kMax ? "max" : "average");
}

std::ostream& operator<<(std::ostream& out, RandomKind kind) {
  switch (kind) {
    case RandomKind::kUniform:
      return out << "uniform";
    case RandomKind::kNormal:
      return out << "normal";
    case RandomKind::kTruncatedNormal:
      return out << "truncated_normal";
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const Epilogue& epilogue) {
  std::string_view sep;
  const auto part = [&](bool there, std::string_view name) {
    if (there) out << std::exchange(sep, "+") << name;
  };
  part(epilogue.scale, "scale");
  part(epilogue.bias, "bias");
  part(epilogue.residual, "residual");
  part(epilogue.activation != Kind::kIdentity, name_of(epilogue.activation));
  return out << (sep.empty() ? "plain" : "");
}

std::ostream& operator<<(std::ostream& out, const Window2D& window) {
  pair(out << "stride=", window.stride);
  pair(out << " dilation=", window.dilation);
  pair(out << " pad=", window.pad_low);
  return pair(out << "..", window.pad_high);
}

}  // namespace deepcore
