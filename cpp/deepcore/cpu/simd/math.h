// Elementary functions on a register of floats: exp, log, tanh, sigmoid and their kin.
// Every lane goes the same way whatever its neighbours hold, and nothing depends on position.
// The errors stated are the largest over all floats against double libm, with FMA or without,
// rounded up, in units in the last place of the result; tests/cpp/math_test.cpp measures them.
//
// Polynomials: minimax (Remez) fits of our own, weighted for the relative error of the result.
//
// Denormal inputs and results are right when the CPU keeps them; in a team they are flushed to
// zero.
#pragma once

#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

// c0 + x (c1 + x (c2 + ...)).
DC_INLINE F32 horner(F32, float c) { return set(c); }
template <class... C>
DC_INLINE F32 horner(F32 x, float c0, C... c) {
  return mul_add(horner(x, c...), x, set(c0));
}

#if defined(__AVX512F__)
// The nearest whole number, and p 2^k, rounded once: an instruction each, for any k.
DC_INLINE F32 nearest(F32 x) {
  return (F32)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
DC_INLINE F32 scale_exp2(F32 p, F32 k) { return (F32)_mm512_scalef_ps((__m512)p, (__m512)k); }
#endif

// 2^n for -126 <= n <= 127. Unsigned, here and below, because NaN brings any n.
DC_INLINE F32 exp2_int(I32 n) { return from_bits((I32)(((U32)n + 127) << 23)); }

// ln 2 in two pieces; the first has so few bits that its product with an exponent is exact.
constexpr float kLn2Hi = 0x1.63p-1f, kLn2Lo = -0x1.bd0106p-13f, kLog2E = 0x1.715476p+0f;

// x = k ln 2 + r, |r| <= ln 2 / 2.
DC_INLINE F32 exp_rest(F32 x, F32 k) {
  return mul_add(k, set(-kLn2Lo), mul_add(k, set(-kLn2Hi), x));
}
struct ExpArgument {
  I32 n;
  F32 r;
};
DC_INLINE ExpArgument exp_argument(F32 x) {
  const I32 n = nearest_int(x * kLog2E);
  return {n, exp_rest(x, to_float(n))};
}
DC_INLINE F32 exp_reduced(F32 r) {
  const F32 q =
      horner(r, 0x1.fffffcp-2f, 0x1.55548ap-3f, 0x1.555916p-5f, 0x1.123fc4p-7f, 0x1.6a1a04p-10f);
  return mul_add(q, r * r, r) + 1.0f;
}

// exp(x) for x <= 90; below -105 it is 0, NaN stays.
DC_INLINE F32 exp_bounded(F32 x) {
  x = fast_max(set(-105.0f), x);  // written so that NaN passes: it is the second operand
#if defined(__AVX512F__)
  const F32 k = nearest(x * kLog2E);
  return scale_exp2(exp_reduced(exp_rest(x, k)), k);
#else
  const auto [n, r] = exp_argument(x);
  const I32 half = n >> 1;  // in two steps, for the ends of the range
  return exp_reduced(r) * exp2_int(half) * exp2_int(n - half);
#endif
}

// y = n ln 2 + r for |y| <= 87, and 2^n. Adding 1.5 2^23 leaves the nearest whole number in the
// low bits of the sum, adding 127 too leaves the exponent of a float there.
struct ScaledArgument {
  F32 scale, r;
};
DC_INLINE ScaledArgument scaled_argument(F32 y) {
  constexpr float kWhole = 0x1.8p23f + 127;
  const F32 shifted = mul_add(y, set(kLog2E), set(kWhole));
  return {from_bits((I32)((U32)bits(shifted) << 23)), exp_rest(y, shifted - kWhole)};
}

// exp(x) for x <= 0 in fewer steps. 1.1 ulp; about where denormals begin it is 0, NaN stays.
DC_INLINE F32 exp_negative(F32 x) {
#if defined(__AVX512F__)
  return exp_bounded(x);
#else
  const auto [scale, r] = scaled_argument(x);
  return select(x < -87.0f, zero(), exp_reduced(r) * scale);
#endif
}

// exp(x); overflows to inf. 1.1 ulp.
DC_INLINE F32 exp(F32 x) { return exp_bounded(fast_min(set(90.0f), x)); }

// exp(r) - 1 for |r| <= ln 2 / 2, small r included.
DC_INLINE F32 expm1_reduced(F32 r) {
  const F32 q = horner(r, 0x1.0p-1f, 0x1.555556p-3f, 0x1.555468p-5f, 0x1.1110a8p-7f,
                       0x1.6daf68p-10f, 0x1.a18520p-13f);
  return mul_add(q, r * r, r);
}

// exp(x) - 1. 1.6 ulp.
DC_INLINE F32 expm1(F32 x) {
  const F32 kept = fast_max(set(-40.0f), fast_min(set(89.0f), x));
  const auto [n, r] = exp_argument(kept);
  const F32 half = exp2_int((I32)((U32)n - 1));
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
  constexpr uint32_t kRootHalf = 0x3f3504f3;  // sqrt(1/2)
  const I32 k = (I32)((U32)b - kRootHalf) >> 23;
  const F32 m = from_bits((I32)((U32)b - ((U32)k << 23)));
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

// log(x); -inf at 0, NaN below. 0.9 ulp.
DC_INLINE F32 log(F32 x) {
  const auto [k, f] = log_argument(x);
  const F32 low = mul_add(k, set(kLn2Lo), log1p_rest(f));
  return log_special(x, mul_add(k, set(kLn2Hi), f + low));
}

// tanh(x) = -e / (e + 2), e = exp(-2|x|) - 1. 2.5 ulp.
DC_INLINE F32 tanh(F32 x) {
  const F32 y = fast_min(set(20.0f), abs(x)) * -2.0f;
  const auto [n, r] = exp_argument(y);
  const F32 scale = exp2_int(n);
  const F32 e = mul_add(scale, expm1_reduced(r), scale - 1.0f);
  return copysign(e / (e + 2.0f), x);
}

// 1 / (1 + exp(-x)), from exp(-|x|) so that both tails keep their digits. 2.5 ulp.
DC_INLINE F32 sigmoid(F32 x) {
  const F32 e = exp(-abs(x));
  return select(x < 0.0f, e, set(1.0f)) / (e + 1.0f);
}

// log(1 + x), with what 1 + x lost by rounding added back. 1.5 ulp.
DC_INLINE F32 log1p(F32 x) {
  const F32 u = x + 1.0f;
  const F32 lost = select(abs(x) < 1.0f, x - (u - 1.0f), 1.0f - (u - x));
  const auto [k, f] = log_argument(u);
  const F32 scale = exp2_int(to_int(fast_max(-k, set(-126.0f))));
  const F32 g = mul_add(lost, scale, f);
  const F32 y = mul_add(k, set(kLn2Hi), g + mul_add(k, set(kLn2Lo), log1p_rest(g)));
  return select(abs(x) < 0x1p-25f, x, log_special(u, y));
}

// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)). 1.8 ulp.
DC_INLINE F32 softplus(F32 x) { return max(x, zero()) + log1p(exp(-abs(x))); }

// erf(x): an odd polynomial below 0.9, 1 - exp(polynomial) above. 1.3 ulp.
DC_INLINE F32 erf(F32 x) {
  const F32 a = abs(x);
  const F32 small = mul_add(horner(x * x, 0x1.06eba6p-3f, -0x1.8126fap-2f, 0x1.ce1dd2p-4f,
                                   -0x1.b6bee2p-6f, 0x1.4876ccp-8f, -0x1.3f4f84p-11f),
                            x, x);
  const F32 g =
      horner(fast_min(set(4.0f), a), -0x1.156b4cp-14f, -0x1.20e1d0p+0f, -0x1.454710p-1f,
             -0x1.b3a3b2p-4f, 0x1.89b85ep-6f, -0x1.f40910p-9f, 0x1.8627eep-12f, -0x1.160f5ep-16f);
  return select(a < 0.9f, small, copysign(1.0f - exp(g), x));
}

// ---- to whole numbers; exact. From 2^23 on a float is whole already (and inf and NaN stay
// themselves).

DC_INLINE F32 keep_whole(F32 x, F32 y) { return select(abs(x) < 0x1p23f, copysign(y, x), x); }

DC_INLINE F32 trunc(F32 x) { return keep_whole(x, to_float(to_int(x))); }

DC_INLINE F32 round(F32 x) { return keep_whole(x, to_float(nearest_int(x))); }  // ties to even

DC_INLINE F32 floor(F32 x) {
  const F32 t = to_float(to_int(x));
  return keep_whole(x, t - select(t > x, set(1.0f), zero()));
}

DC_INLINE F32 ceil(F32 x) {
  const F32 t = to_float(to_int(x));
  return keep_whole(x, t + select(t < x, set(1.0f), zero()));
}

}  // namespace deepcore::DEEPCORE_ISA
