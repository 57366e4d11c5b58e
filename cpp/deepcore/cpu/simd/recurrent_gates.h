// sigmoid and tanh for gates: as in math.h, in fewer instructions, for a step has little else to do
// beside its products. 3 ulp at most; sigmoids below 1e-37 stay there.
#pragma once

#include "deepcore/cpu/simd/math.h"

namespace deepcore::DEEPCORE_ISA {

// y = n ln 2 + r for |y| <= 87, and 2^n. Adding 1.5 2^23 leaves the nearest whole number in the
// low bits of the sum, adding 127 too leaves the exponent of a float there.
struct GateArgument {
  F32 scale, r;
};
DC_INLINE GateArgument gate_argument(F32 y) {
  constexpr float kWhole = 0x1.8p23f + 127;
  const F32 shifted = mul_add(y, set(kLog2E), set(kWhole));
  const F32 k = shifted - kWhole;
  return {from_bits((I32)((U32)bits(shifted) << 23)),
          mul_add(k, set(-kLn2Lo), mul_add(k, set(-kLn2Hi), y))};
}

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
  const auto [scale, r] = gate_argument(-fast_max(set(-87.0f), fast_min(set(87.0f), x)));
  const F32 q =
      horner(r, 0x1.fffffcp-2f, 0x1.55548ap-3f, 0x1.555916p-5f, 0x1.123fc4p-7f, 0x1.6a1a04p-10f);
  const F32 e = (mul_add(q, r * r, r) + 1.0f) * scale;
  return gate_quotient(set(1.0f), e + 1.0f);
}

// -e / (e + 2), e = exp(-2|x|) - 1.
DC_INLINE F32 gate_tanh(F32 x) {
  const auto [scale, r] = gate_argument(fast_max(set(-40.0f), abs(x) * -2.0f));
  const F32 e = mul_add(scale, expm1_reduced(r), scale - 1.0f);
  return copysign(gate_quotient(e, e + 2.0f), x);
}

}  // namespace deepcore::DEEPCORE_ISA
