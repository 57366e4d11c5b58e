// What the steps of recurrent networks share: the walk over units, and rows that keep their state.
#pragma once

#include "deepcore/cpu/kernels/recurrent.h"
#include "deepcore/cpu/simd/math.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

#define DC_LAMBDA __attribute__((always_inline))

// Calls f(i, lanes) for each register of [0, units): only the last may have fewer than kLanes.
template <class F>
DC_INLINE void for_units(int64_t units, F f) {
  int64_t i = 0;
  for (; i + kLanes <= units; i += kLanes) f(i, kLanes);
  if (i < units) f(i, (int)(units - i));
}

DC_INLINE bool keeps_state(const RecurrentRows& s, int64_t row) {
  return s.mask && !s.mask[row * s.mask_row];
}

DC_INLINE void copy_row(const float* from, float* to, int64_t n) {
  if (to) __builtin_memcpy(to, from, (size_t)n * sizeof(float));
}
DC_INLINE void clear_row(float* to, int64_t n) {
  if (to) __builtin_memset(to, 0, (size_t)n * sizeof(float));
}
DC_INLINE void add_row(float* to, const float* from, int64_t n) {
  for_units(n, [&](int64_t i, int m)
                   DC_LAMBDA { store_n(to + i, load_n(to + i, m) + load_n(from + i, m), m); });
}

// y (1 - y): of sigmoid by its result.
DC_INLINE F32 sigmoid_slope(F32 y) { return y * (1.0f - y); }
DC_INLINE F32 tanh_slope(F32 y) { return 1.0f - y * y; }

}  // namespace deepcore::DEEPCORE_ISA
