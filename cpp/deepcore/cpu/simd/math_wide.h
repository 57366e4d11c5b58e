// The rarer elementary functions, computed in double registers and rounded once: 0.51 ulp of the
// float result at most, with one short formula each. About three times the cost of a float
// polynomial. Polynomials: minimax (Remez) fits of our own, good to 2^-39 or better, far below
// float's 2^-24.
#pragma once

#include "deepcore/cpu/simd/math.h"

namespace deepcore::DEEPCORE_ISA {

typedef double F64 __attribute__((vector_size(4 * kLanes)));  // half as many lanes as F32
typedef int64_t I64 __attribute__((vector_size(4 * kLanes)));
typedef uint64_t U64 __attribute__((vector_size(4 * kLanes)));
typedef float HalfF32 __attribute__((vector_size(2 * kLanes)));

DC_INLINE F64 set(double x) { return x - F64{}; }
DC_INLINE F64 select(I64 m, F64 a, F64 b) { return m ? a : b; }
DC_INLINE F64 abs(F64 v) { return (F64)((I64)v & 0x7fffffffffffffff); }
DC_INLINE F64 copysign(F64 magnitude, F64 sign) {
  return (F64)(((I64)magnitude & 0x7fffffffffffffff) | ((I64)sign & INT64_MIN));
}
DC_INLINE F64 mul_add(F64 a, F64 b, F64 c) {
#if defined(__AVX512F__)
  return (F64)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
  return (F64)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
  return a * b + c;
#endif
}
DC_INLINE F64 sqrt(F64 v) {
#if defined(__AVX512F__)
  return (F64)_mm512_sqrt_pd((__m512d)v);
#elif defined(__AVX2__)
  return (F64)_mm256_sqrt_pd((__m256d)v);
#elif defined(__SSE2__)
  return (F64)_mm_sqrt_pd((__m128d)v);
#else
  for (int i = 0; i < kLanes / 2; ++i) v[i] = __builtin_sqrt(v[i]);
  return v;
#endif
}
DC_INLINE F64 horner(F64, double c) { return set(c); }
template <class... C>
DC_INLINE F64 horner(F64 x, double c0, C... c) {
  return mul_add(horner(x, c...), x, set(c0));
}

DC_INLINE F64 wide_half(F32 x, int half) {
  HalfF32 parts[2];
  __builtin_memcpy(parts, &x, sizeof x);
  return __builtin_convertvector(parts[half], F64);
}
DC_INLINE F32 narrow(F64 low, F64 high) {
  const HalfF32 parts[2] = {__builtin_convertvector(low, HalfF32),
                            __builtin_convertvector(high, HalfF32)};
  F32 x;
  __builtin_memcpy(&x, parts, sizeof x);
  return x;
}
// f over the doubles of one or two registers of floats.
template <F64 (*f)(F64)>
DC_INLINE F32 widely(F32 x) {
  return narrow(f(wide_half(x, 0)), f(wide_half(x, 1)));
}
template <F64 (*f)(F64, F64)>
DC_INLINE F32 widely(F32 x, F32 y) {
  return narrow(f(wide_half(x, 0), wide_half(y, 0)), f(wide_half(x, 1), wide_half(y, 1)));
}

// Adding this leaves the nearest whole number in the low bits: |v| < 2^51.
constexpr double kWhole = 0x1.8p52;

// 2^v; clamped far outside what a float can hold.
DC_INLINE F64 wide_exp2(F64 v) {
  v = select(v > 200.0, set(200.0), select(v < -200.0, set(-200.0), v));
  const F64 shifted = v + kWhole;
  const F64 p = horner(v - (shifted - kWhole), 0x1.ffffffffff7a2p-1, 0x1.62e42fef8615dp-1,
                       0x1.ebfbdff931accp-3, 0x1.c6b08dd46cfe4p-5, 0x1.3b2ab5c5196c5p-7,
                       0x1.5d874838d80e3p-10, 0x1.430accbdaba4cp-13, 0x1.00dad1e686898p-16,
                       0x1.61afb1bf2b15dp-20);
  return p * (F64)(((U64)shifted + 1023) << 52);
}
DC_INLINE F64 wide_exp(F64 v) { return wide_exp2(v * 0x1.71547652b82fep+0); }

// log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)]: 2 atanh(f / (2 + f)).
DC_INLINE F64 wide_log1p_reduced(F64 f) {
  const F64 s = f / (f + 2.0), s2 = s * s;
  const F64 q = horner(s2, 0x1.55555555541adp-2, 0x1.999999a185cf2p-3, 0x1.249241b4840a1p-3,
                       0x1.c722829576d55p-4, 0x1.7326baa6c0f25p-4, 0x1.58dd00edbbe1fp-4);
  return mul_add(q * s2, s, s) * 2.0;
}
struct WideLogArgument {
  F64 k, f;
};
// v = 2^k (1 + f), for positive normal v.
DC_INLINE WideLogArgument wide_log_argument(F64 v) {
  constexpr uint64_t kRootHalf = 0x3fe6a09e667f3bcd, kBias = 1023;
  const U64 k = ((U64)v - kRootHalf + (kBias << 52)) >> 52;  // biased
  const F64 m = (F64)((U64)v - ((k - kBias) << 52));
  return {(F64)(k | 0x4330000000000000) - (0x1p52 + 1023.0), m - 1.0};
}
DC_INLINE F64 wide_log(F64 v) {
  const auto [k, f] = wide_log_argument(v);
  return mul_add(k, set(0x1.62e42fefa39efp-1), wide_log1p_reduced(f));
}
DC_INLINE F64 wide_log2(F64 v) {
  const auto [k, f] = wide_log_argument(v);
  return mul_add(wide_log1p_reduced(f), set(0x1.71547652b82fep+0), k);
}

// The angle of (x, y), from the smaller over the larger side; one division.
DC_INLINE F64 wide_atan2(F64 y, F64 x) {
  const F64 ay = abs(y), ax = abs(x);
  const I64 steep = ay > ax;
  const F64 a = select(steep, ax, ay), b = select(steep, ay, ax);
  const I64 upper =
      a > b * 0x1.a827999fcef32p-2;  // tan(pi/8): atan t = pi/4 + atan((t - 1) / (t + 1))
  const F64 top = select(upper, a - b, a), bottom = select(upper, a + b, b);
  const F64 z = top / select(b == 0.0, set(1.0), bottom), z2 = z * z;
  const F64 q = horner(z2, -0x1.555555552909cp-2, 0x1.99999942a4e05p-3, -0x1.24922fd05b021p-3,
                       0x1.c715b63b71c68p-4, -0x1.73e1875c9bae7p-4, 0x1.35f13dfc3c442p-4,
                       -0x1.e1be125fa1891p-5, 0x1.f6b429075e2f4p-6);
  constexpr double kPi = 0x1.921fb54442d18p+1;
  F64 angle = mul_add(q * z2, z, z) + select(upper, set(kPi / 4), F64{});
  angle = select(steep, kPi / 2 - angle, angle);
  angle = select(copysign(set(1.0), x) < 0.0, kPi - angle, angle);
  return copysign(angle, y);
}

// x - n pi/2 for |x| < 2^20, |result| <= pi/4, and n in the low bits of `turns`.
struct Turned {
  F64 r;
  U64 turns;
};
DC_INLINE Turned quarter_turns(F64 x) {
  const F64 shifted = mul_add(x, set(0x1.45f306dc9c883p-1), set(kWhole));
  const F64 n = shifted - kWhole;
  // pi/2 in two pieces; the first times n is exact.
  return {mul_add(n, set(-0x1.0b4611a626331p-34), mul_add(n, set(-0x1.921fb544p+0), x)),
          (U64)shifted};
}
struct SinCos {
  F64 sin, cos;
};
DC_INLINE SinCos sin_cos_reduced(F64 r) {  // |r| <= pi/4
  const F64 r2 = r * r;
  const F64 s = horner(r2, -0x1.5555555552e0fp-3, 0x1.1111110cd79dep-7, -0x1.a019f94041526p-13,
                       0x1.71d74f7475520p-19, -0x1.a94f48c7b14d5p-26);
  const F64 c = horner(r2, 0x1.5555555554a1ap-5, -0x1.6c16c169ac217p-10, 0x1.a019fcd5cd36dp-16,
                       -0x1.27e1069bce2c3p-22, 0x1.1c05955e28dacp-29);
  return {copysign(mul_add(s * r2, r, r), r),  // keeps -0
          mul_add(c * r2, r2, mul_add(r2, set(-0.5), set(1.0)))};
}
DC_INLINE I64 odd(U64 n) { return (I64)(n & 1) != 0; }
DC_INLINE F64 flip(F64 v, U64 n) {
  return (F64)((U64)v ^ ((n & 2) << 62));
}  // minus where n mod 4 is 2 or 3
DC_INLINE F64 wide_sin(F64 x) {
  const auto [r, n] = quarter_turns(x);
  const auto [s, c] = sin_cos_reduced(r);
  return flip(select(odd(n), c, s), n);
}
DC_INLINE F64 wide_cos(F64 x) {
  const auto [r, n] = quarter_turns(x);
  const auto [s, c] = sin_cos_reduced(r);
  return flip(select(odd(n), s, c), n + 1);
}
DC_INLINE F64 wide_tan(F64 x) {
  const auto [r, n] = quarter_turns(x);
  const auto [s, c] = sin_cos_reduced(r);
  return select(odd(n), -c, s) / select(odd(n), s, c);
}

DC_INLINE F64 wide_asin(F64 x) { return wide_atan2(x, sqrt((1.0 - x) * (x + 1.0))); }
DC_INLINE F64 wide_acos(F64 x) { return wide_atan2(sqrt((1.0 - x) * (x + 1.0)), x); }
DC_INLINE F64 wide_atan(F64 x) { return wide_atan2(x, set(1.0)); }

// sinh below 1 by polynomial, where the difference of the exponentials would cancel.
DC_INLINE F64 wide_sinh(F64 x) {
  const F64 x2 = x * x, e = wide_exp(x);
  const F64 p = horner(x2, 0x1.555555557151cp-3, 0x1.111110f356fb6p-7, 0x1.a01a25f8d7271p-13,
                       0x1.71cbbaef4608ep-19, 0x1.b6be6d52e286ap-26);
  return select(abs(x) < 1.0, mul_add(p * x2, x, x), (e - 1.0 / e) * 0.5);
}
DC_INLINE F64 wide_cosh(F64 x) {
  const F64 e = wide_exp(x);
  return (e + 1.0 / e) * 0.5;
}
// Near 0 the first terms of the series, where the argument of log would lose its digits.
DC_INLINE F64 wide_asinh(F64 x) {
  const F64 a = abs(x);
  const F64 y = wide_log(a + sqrt(mul_add(a, a, set(1.0))));
  return copysign(select(a < 0x1p-10, mul_add(a * a * (-1.0 / 6), a, a), y), x);
}
DC_INLINE F64 wide_acosh(F64 x) { return wide_log(x + sqrt((x - 1.0) * (x + 1.0))); }
DC_INLINE F64 wide_atanh(F64 x) {
  const F64 y = wide_log((x + 1.0) / (1.0 - x)) * 0.5;
  return select(abs(x) < 0x1p-10, mul_add(x * x * (1.0 / 3), x, x), y);
}

DC_INLINE F64 wide_log2_of(F64 k, F64 f) {
  return mul_add(wide_log1p_reduced(f), set(0x1.71547652b82fep+0), k);
}
DC_INLINE F64 wide_log10_of(F64 k, F64 f) {
  return mul_add(wide_log1p_reduced(f), set(0x1.bcb7b1526e50ep-2), k * 0x1.34413509f79ffp-2);
}
// |x|^y for positive normal |x|.
DC_INLINE F64 wide_power(F64 x, F64 y) { return wide_exp2(wide_log2(x) * y); }

}  // namespace deepcore::DEEPCORE_ISA
