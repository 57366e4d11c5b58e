// log2, log10, trigonometry, hyperbolics, power: the formulas of math_wide.h with their special
// values. Each is within 0.51 ulp of double libm, on every instruction set, unless its line says
// otherwise.
#pragma once

#include "deepcore/cpu/simd/math_wide.h"

namespace deepcore::DEEPCORE_ISA {

DC_INLINE Mask is_nan(F32 x) { return (bits(x) & 0x7fffffff) > 0x7f800000; }
DC_INLINE Mask is_inf(F32 x) { return (bits(x) & 0x7fffffff) == 0x7f800000; }
DC_INLINE F32 infinity() { return set(__builtin_inff()); }
DC_INLINE F32 not_a_number() { return set(__builtin_nanf("")); }

// x itself where it is infinite or NaN.
DC_INLINE F32 keep_infinite(F32 x, F32 y) {
  return select((bits(x) & 0x7fffffff) >= 0x7f800000, x, y);
}

DC_INLINE F32 log2(F32 x) {
  const auto [k, f] = log_argument(x);
  return log_special(x, widely<wide_log2_of>(k, f));
}
DC_INLINE F32 log10(F32 x) {
  const auto [k, f] = log_argument(x);
  return log_special(x, widely<wide_log10_of>(k, f));
}

// Beyond 2^20 the reduction needs many digits of pi: there, lane by lane, the C library's function.
template <float (*exact)(float)>
DC_INLINE F32 far_lanes(F32 x, F32 y) {
  const Mask far = ~(abs(x) < 0x1p20f);  // inf and NaN too
  int64_t any[kLanes / 2];
  __builtin_memcpy(any, &far, sizeof any);
  for (int i = 1; i < kLanes / 2; ++i) any[0] |= any[i];
  if (any[0] == 0) return y;
  for (int i = 0; i < kLanes; ++i)
    if (far[i]) y[i] = exact(x[i]);
  return y;
}
DC_INLINE float far_sin(float x) { return (float)__builtin_sin((double)x); }
DC_INLINE float far_cos(float x) { return (float)__builtin_cos((double)x); }
DC_INLINE float far_tan(float x) { return (float)__builtin_tan((double)x); }
DC_INLINE F32 sin(F32 x) { return far_lanes<far_sin>(x, widely<wide_sin>(x)); }
DC_INLINE F32 cos(F32 x) { return far_lanes<far_cos>(x, widely<wide_cos>(x)); }
DC_INLINE F32 tan(F32 x) { return far_lanes<far_tan>(x, widely<wide_tan>(x)); }

DC_INLINE F32 asin(F32 x) { return widely<wide_asin>(x); }
DC_INLINE F32 acos(F32 x) { return widely<wide_acos>(x); }
DC_INLINE F32 atan(F32 x) { return widely<wide_atan>(x); }
DC_INLINE F32 atan2(F32 y, F32 x) {
  const Mask both = is_inf(y) & is_inf(x);  // then as (+-1, +-1)
  return widely<wide_atan2>(select(both, copysign(set(1.0f), y), y),
                            select(both, copysign(set(1.0f), x), x));
}

DC_INLINE F32 sinh(F32 x) { return widely<wide_sinh>(x); }
DC_INLINE F32 cosh(F32 x) { return widely<wide_cosh>(x); }
DC_INLINE F32 asinh(F32 x) { return keep_infinite(x, widely<wide_asinh>(x)); }
DC_INLINE F32 acosh(F32 x) {
  return select((x < 1.0f) | (bits(x) < 0), not_a_number(),
                keep_infinite(x, widely<wide_acosh>(x)));
}
DC_INLINE F32 atanh(F32 x) {
  const F32 a = abs(x);
  const F32 y = select(a == 1.0f, copysign(infinity(), x), widely<wide_atanh>(x));
  return select(a <= 1.0f, y, select(is_nan(x), x, not_a_number()));
}

// x^y with the special values of C's pow.
DC_INLINE F32 pow(F32 x, F32 y) {
  const F32 ax = abs(x);
  const F32 whole = trunc(y);
  const Mask is_whole = whole == y;
  const Mask is_odd = is_whole & (abs(y) < 0x1p24f) &
                      ((to_int(fast_min(set(0x1p24f), fast_max(set(-0x1p24f), y))) & 1) != 0);
  const Mask grows = (ax > 1.0f) == (y > 0.0f);  // |x|^y for x or y infinite: inf or 0
  F32 z = widely<wide_power>(ax, y);
  z = select((ax == 0.0f) | is_inf(x) | is_inf(y), select(grows, infinity(), zero()), z);
  z = select(is_odd & (bits(x) < 0), -z, z);
  z = select((x < 0.0f) & ~is_whole & ~is_inf(x), not_a_number(), z);
  z = select(is_nan(x) | is_nan(y), not_a_number(), z);
  return select((x == 1.0f) | (y == 0.0f) | ((x == -1.0f) & is_inf(y)), set(1.0f), z);
}

// NumPy's remainder, of the divisor's sign, and the quotient that goes with it; exact, by the C
// library's fmod lane by lane.
DC_INLINE float scalar_mod(float a, float b) {
  const float m = __builtin_fmodf(a, b);
  if (m == 0.0f) return __builtin_copysignf(0.0f, b);
  return (m < 0.0f) != (b < 0.0f) ? m + b : m;
}
DC_INLINE float scalar_floor_divide(float a, float b) {
  if (b == 0.0f) return a / b;
  float m = __builtin_fmodf(a, b);
  float q = (a - m) / b;
  if (m != 0.0f && (m < 0.0f) != (b < 0.0f)) q -= 1.0f;
  if (q == 0.0f) return __builtin_copysignf(0.0f, a / b);
  const float f = __builtin_floorf(q);
  return q - f > 0.5f ? f + 1.0f : f;
}
DC_INLINE F32 mod(F32 a, F32 b) {
  for (int i = 0; i < kLanes; ++i) a[i] = scalar_mod(a[i], b[i]);
  return a;
}
DC_INLINE F32 floor_divide(F32 a, F32 b) {
  for (int i = 0; i < kLanes; ++i) a[i] = scalar_floor_divide(a[i], b[i]);
  return a;
}

}  // namespace deepcore::DEEPCORE_ISA
