// Elementary functions on a register of floats: exp, log, tanh, sigmoid and their kin.
// Every lane goes the same way whatever its neighbours hold, and nothing depends on position.
// The errors stated are the largest over all floats against double libm, in units in the last place
// of the float result, first with FMA (avx2), then without (baseline); tests/cpp/math_test.cpp
// measures them. Polynomials: minimax (Remez) fits of our own, weighted for the relative error of
// the final result. Denormal inputs and results are right when the CPU keeps them; in a team they
// are flushed to zero.
#pragma once

#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

// c0 + x (c1 + x (c2 + ...)).
DC_INLINE F32 horner(F32, float c) { return set(c); }
template <class... C>
DC_INLINE F32 horner(F32 x, float c0, C... c) {
  return mul_add(horner(x, c...), x, set(c0));
}

// 2^n for -126 <= n <= 127.
DC_INLINE F32 exp2_int(I32 n) { return from_bits((n + 127) << 23); }

// ln 2 in two pieces; the first has so few bits that its product with an exponent is exact.
constexpr float kLn2Hi = 0x1.63p-1f, kLn2Lo = -0x1.bd0106p-13f, kLog2E = 0x1.715476p+0f;

// x = n ln 2 + r, |r| <= ln 2 / 2.
struct ExpArgument {
  I32 n;
  F32 r;
};
DC_INLINE ExpArgument exp_argument(F32 x) {
  const I32 n = nearest_int(x * kLog2E);
  const F32 k = to_float(n);
  return {n, mul_add(k, set(-kLn2Lo), mul_add(k, set(-kLn2Hi), x))};
}

// exp(x); overflows to inf. 1.00 ulp, 1.11 ulp.
DC_INLINE F32 exp(F32 x) {
  // Written so that NaN passes: fast_min and fast_max return their second operand then.
  x = fast_max(set(-105.0f), fast_min(set(90.0f), x));
  const auto [n, r] = exp_argument(x);
  const F32 q =
      horner(r, 0x1.fffffcp-2f, 0x1.55548ap-3f, 0x1.555916p-5f, 0x1.123fc4p-7f, 0x1.6a1a04p-10f);
  const F32 p = mul_add(q, r * r, r) + 1.0f;
  const I32 half = n >> 1;  // in two steps, for the ends of the range
  return p * exp2_int(half) * exp2_int(n - half);
}

// exp(r) - 1 for |r| <= ln 2 / 2, small r included.
DC_INLINE F32 expm1_reduced(F32 r) {
  const F32 q = horner(r, 0x1.0p-1f, 0x1.555556p-3f, 0x1.555468p-5f, 0x1.1110a8p-7f,
                       0x1.6daf68p-10f, 0x1.a18520p-13f);
  return mul_add(q, r * r, r);
}

// exp(x) - 1. 1.5 ulp, 1.6 ulp.
DC_INLINE F32 expm1(F32 x) {
  const F32 kept = fast_max(set(-40.0f), fast_min(set(89.0f), x));
  const auto [n, r] = exp_argument(kept);
  const F32 half = exp2_int(n - 1);
  const F32 y = mul_add(half, expm1_reduced(r), half - 0.5f) * 2.0f;
  return select(abs(x) < 0x1p-25f, x, y);  // keeps -0 and denormals
}

// x = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt(2)), for positive finite x.
struct LogArgument {
  F32 k, f;
};
DC_INLINE LogArgument log_argument(F32 x) {
  // A denormal's bits are its value times 2^149: read as an integer, so that flushing can't hide
  // them.
  const Mask tiny = bits(x) < 0x00800000;
  const I32 b = select(tiny, bits(to_float(bits(x))), bits(x));
  constexpr int32_t kRootHalf = 0x3f3504f3;  // sqrt(1/2)
  const I32 k = (b - kRootHalf) >> 23;
  const F32 m = from_bits(b - (k << 23));
  return {to_float(k - (tiny & 149)), m - 1.0f};
}
// What every logarithm gives for the x that log_argument does not take.
DC_INLINE F32 log_special(F32 x, F32 y) {
  const I32 b = bits(x);
  y = select(b >= 0x7f800000, x, y);  // inf, NaN
  y = select((b & 0x7fffffff) == 0, set(-__builtin_inff()), y);
  return select((b < 0) & ((b & 0x7fffffff) != 0), set(__builtin_nanf("")), y);
}

// log(1 + f) - f for f in [sqrt(1/2) - 1, sqrt(2) - 1].
DC_INLINE F32 log1p_rest(F32 f) {
  const F32 f2 = f * f;
  const F32 q =
      horner(f, 0x1.555548p-2f, -0x1.ffffeap-3f, 0x1.99a512p-3f, -0x1.55641ap-3f, 0x1.232aa4p-3f,
             -0x1.fafb5cp-4f, 0x1.e6f718p-4f, -0x1.e53e06p-4f, 0x1.1c26cap-4f);
  return mul_add(q * f, f2, f2 * -0.5f);
}

// log(x); -inf at 0, NaN below. 0.9 ulp, 1.0 ulp.
DC_INLINE F32 log(F32 x) {
  const auto [k, f] = log_argument(x);
  const F32 low = mul_add(k, set(kLn2Lo), log1p_rest(f));
  return log_special(x, mul_add(k, set(kLn2Hi), f + low));
}

// tanh(x) = -e / (e + 2), e = exp(-2|x|) - 1. 2.4 ulp, 2.4 ulp.
DC_INLINE F32 tanh(F32 x) {
  const F32 y = fast_min(set(20.0f), abs(x)) * -2.0f;
  const auto [n, r] = exp_argument(y);
  const F32 scale = exp2_int(n);
  const F32 e = mul_add(scale, expm1_reduced(r), scale - 1.0f);
  return copysign(e / (e + 2.0f), x);
}

// 1 / (1 + exp(-x)), from exp(-|x|) so that both tails keep their digits. 2.4 ulp, 2.5 ulp.
DC_INLINE F32 sigmoid(F32 x) {
  const F32 e = exp(-abs(x));
  return select(x < 0.0f, e, set(1.0f)) / (e + 1.0f);
}

}  // namespace deepcore::DEEPCORE_ISA
