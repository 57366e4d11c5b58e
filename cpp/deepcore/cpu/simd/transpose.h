// Turning rows into columns in registers.
#pragma once

#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

// Four floats from each of kLanes / 4 places, `step` apart.
DC_INLINE F32 load_quads(const float* p, [[maybe_unused]] ptrdiff_t step) {
#if defined(__AVX512F__)
  __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(p));
  v = _mm512_insertf32x4(v, _mm_loadu_ps(p + step), 1);
  v = _mm512_insertf32x4(v, _mm_loadu_ps(p + 2 * step), 2);
  return (F32)_mm512_insertf32x4(v, _mm_loadu_ps(p + 3 * step), 3);
#elif defined(__AVX2__)
  return (F32)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + step),
                                   1);
#else
  return load(p);
#endif
}

// In each 128-bit part: a0 b0 a1 b1, and a2 b2 a3 b3.
DC_INLINE F32 interleave_low(F32 a, F32 b) {
#if defined(__AVX512F__)
  return (F32)_mm512_unpacklo_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (F32)_mm256_unpacklo_ps((__m256)a, (__m256)b);
#else
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#endif
}
DC_INLINE F32 interleave_high(F32 a, F32 b) {
#if defined(__AVX512F__)
  return (F32)_mm512_unpackhi_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (F32)_mm256_unpackhi_ps((__m256)a, (__m256)b);
#else
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
}

// Each 128-bit part transposes by itself: part p of out[c] holds number c of part p of each row.
DC_INLINE void transpose_quads(const F32 (&row)[4], F32 out[4]) {
  const F32 even_low = interleave_low(row[0], row[2]), odd_low = interleave_low(row[1], row[3]);
  const F32 even_high = interleave_high(row[0], row[2]), odd_high = interleave_high(row[1], row[3]);
  out[0] = interleave_low(even_low, odd_low);
  out[1] = interleave_high(even_low, odd_low);
  out[2] = interleave_low(even_high, odd_high);
  out[3] = interleave_high(even_high, odd_high);
}

// out[c][lane] = p[lane * stride + c] for c < 4.
DC_INLINE void load_columns(const float* p, ptrdiff_t stride, F32 out[4]) {
  F32 row[4];
  for (int i = 0; i < 4; ++i) row[i] = load_quads(p + i * stride, 4 * stride);
  transpose_quads(row, out);
}

}  // namespace deepcore::DEEPCORE_ISA
