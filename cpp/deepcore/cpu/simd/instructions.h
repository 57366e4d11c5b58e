// One instruction of a Program over a block: the loops behind each Kind.
#pragma once

#include "deepcore/cpu/simd/math_rare.h"
#include "deepcore/ops/program.h"

namespace deepcore::DEEPCORE_ISA {

// A register of the program: whole vectors, or one vector for all positions (step 0).
struct Slot {
  float* at;
  int64_t step;  // 1 or 0
};
DC_INLINE F32 load(Slot slot, int64_t i) { return load(slot.at + i * slot.step); }

// n is a multiple of kLanes. out may be a, b or c: each vector is read before it is written.
template <class F>
DC_INLINE void map(float* out, Slot a, int64_t n, F f) {
#pragma GCC unroll 2
  for (int64_t i = 0; i < n; i += kLanes) store(out + i, f(load(a, i)));
}
template <class F>
DC_INLINE void map(float* out, Slot a, Slot b, int64_t n, F f) {
#pragma GCC unroll 2
  for (int64_t i = 0; i < n; i += kLanes) store(out + i, f(load(a, i), load(b, i)));
}

DC_INLINE F32 truth(Mask m) { return from_bits(m & bits(set(1.0f))); }
DC_INLINE Mask holds(F32 x) { return x != 0.0f; }
DC_INLINE F32 sign(F32 x) {
  return select(x > 0.0f, set(1.0f), select(x < 0.0f, set(-1.0f), x));  // 0 and NaN stay
}

// The body of a case: f of x, or of x and y, over the block.
#define DC_UNARY(KIND, FORMULA) \
  case Kind::KIND:              \
    return map(out, a, n, [](F32 x) __attribute__((always_inline)) { return FORMULA; })
#define DC_BINARY(KIND, FORMULA) \
  case Kind::KIND:               \
    return map(out, a, b, n, [](F32 x, F32 y) __attribute__((always_inline)) { return FORMULA; })

static void run_instruction(Kind kind, float* out, Slot a, Slot b, Slot c, int64_t n) {
  switch (kind) {
    case Kind::kIdentity:
    case Kind::kStopGradient:
      return map(out, a, n, [](F32 x) { return x; });
      DC_UNARY(kNegative, -x);
      DC_UNARY(kAbs, abs(x));
      DC_UNARY(kSign, sign(x));
      DC_UNARY(kSquare, x * x);
      DC_UNARY(kSqrt, sqrt(x));
      DC_UNARY(kRsqrt, 1.0f / sqrt(x));
      DC_UNARY(kReciprocal, 1.0f / x);
      DC_UNARY(kExp, exp(x));
      DC_UNARY(kExpm1, expm1(x));
      DC_UNARY(kLog, log(x));
      DC_UNARY(kLog1p, log1p(x));
      DC_UNARY(kLog2, log2(x));
      DC_UNARY(kLog10, log10(x));
      DC_UNARY(kSin, sin(x));
      DC_UNARY(kCos, cos(x));
      DC_UNARY(kTan, tan(x));
      DC_UNARY(kAsin, asin(x));
      DC_UNARY(kAcos, acos(x));
      DC_UNARY(kAtan, atan(x));
      DC_UNARY(kSinh, sinh(x));
      DC_UNARY(kCosh, cosh(x));
      DC_UNARY(kTanh, tanh(x));
      DC_UNARY(kAsinh, asinh(x));
      DC_UNARY(kAcosh, acosh(x));
      DC_UNARY(kAtanh, atanh(x));
      DC_UNARY(kSigmoid, sigmoid(x));
      DC_UNARY(kSoftplus, softplus(x));
      DC_UNARY(kErf, erf(x));
      DC_UNARY(kRelu, fast_max(zero(), x));  // NaN stays
      DC_UNARY(kRelu6, fast_min(set(6.0f), fast_max(zero(), x)));
      DC_UNARY(kFloor, floor(x));
      DC_UNARY(kCeil, ceil(x));
      DC_UNARY(kRound, round(x));
      DC_UNARY(kTrunc, trunc(x));
      DC_UNARY(kLogicalNot, truth(~holds(x)));
      DC_UNARY(kIsNan, truth(is_nan(x)));
      DC_UNARY(kIsInf, truth(is_inf(x)));
      DC_UNARY(kIsFinite, truth(~(is_nan(x) | is_inf(x))));
      DC_BINARY(kAdd, x + y);
      DC_BINARY(kSubtract, x - y);
      DC_BINARY(kMultiply, x * y);
      DC_BINARY(kDivide, x / y);
      DC_BINARY(kFloorDivide, floor_divide(x, y));
      DC_BINARY(kMod, mod(x, y));
      DC_BINARY(kPower, pow(x, y));
      DC_BINARY(kMaximum, max(x, y));
      DC_BINARY(kMinimum, min(x, y));
      DC_BINARY(kArctan2, atan2(x, y));
      DC_BINARY(kEqual, truth(x == y));
      DC_BINARY(kNotEqual, truth(x != y));
      DC_BINARY(kLess, truth(x < y));
      DC_BINARY(kLessEqual, truth(x <= y));
      DC_BINARY(kGreater, truth(x > y));
      DC_BINARY(kGreaterEqual, truth(x >= y));
      DC_BINARY(kLogicalAnd, truth(holds(x) & holds(y)));
      DC_BINARY(kLogicalOr, truth(holds(x) | holds(y)));
      DC_BINARY(kLogicalXor, truth(holds(x) ^ holds(y)));
    case Kind::kSelect:
      for (int64_t i = 0; i < n; i += kLanes)
        store(out + i, select(holds(load(a, i)), load(b, i), load(c, i)));
      return;
  }
}

#undef DC_UNARY
#undef DC_BINARY

}  // namespace deepcore::DEEPCORE_ISA
