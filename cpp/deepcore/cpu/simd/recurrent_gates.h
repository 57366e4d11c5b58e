// sigmoid and tanh for gates: as in math.h, in fewer instructions, for a step has little else to do
// beside its products. 3 ulp at most; sigmoids below 1e-37 stay there.
#pragma once

#include "deepcore/cpu/simd/math.h"

namespace deepcore::DEEPCORE_ISA {

// n / d for n <= 1 <= d. A division keeps a 512-bit unit for 16 cycles, and a unit of an LSTM has
// five: the CPU's estimate, right in 14 bits, and what it leaves of n take four instructions.
DC_INLINE F32 gate_quotient(F32 n, F32 d) {
#if defined(__AVX512F__)
  const F32 estimate = (F32)_mm512_rcp14_ps((__m512)d), q = n * estimate;
  return mul_add(mul_add(-d, q, n), estimate, q);
#else
  return n / d;
#endif
}

// 1 / (1 + exp(-x)). NaN stays NaN.
DC_INLINE F32 gate_sigmoid(F32 x) {
  const auto [scale, r] = scaled_argument(-fast_max(set(-87.0f), fast_min(set(87.0f), x)));
  const F32 e = exp_reduced(r) * scale;
  return gate_quotient(set(1.0f), e + 1.0f);
}

// -e / (e + 2), e = exp(-2|x|) - 1.
DC_INLINE F32 gate_tanh(F32 x) {
  const auto [scale, r] = scaled_argument(fast_max(set(-40.0f), abs(x) * -2.0f));
  const F32 e = mul_add(scale, expm1_reduced(r), scale - 1.0f);
  return copysign(gate_quotient(e, e + 2.0f), x);
}

}  // namespace deepcore::DEEPCORE_ISA
