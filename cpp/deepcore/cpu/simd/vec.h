// One SIMD register of floats or 32-bit integers, on the compiler's vector extensions, with
// Highway's names. The width is set by this translation unit's flags. Everything is static inline
// in the ISA's namespace, so that no symbol is shared between objects compiled for different
// instruction sets.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

#ifndef DEEPCORE_ISA
#error "compile this for one instruction set: -DDEEPCORE_ISA=baseline, avx2 ..."
#endif

namespace deepcore::DEEPCORE_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float F32 __attribute__((vector_size(4 * kLanes)));
typedef int32_t I32 __attribute__((vector_size(4 * kLanes)));
typedef uint32_t U32 __attribute__((vector_size(4 * kLanes)));
// Comparisons of F32 give I32 lanes of 0 or -1: a mask.
typedef I32 Mask;

#define DC_INLINE static inline __attribute__((always_inline, unused))

DC_INLINE F32 load(const float* p) {
  F32 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
DC_INLINE void store(float* p, F32 v) { __builtin_memcpy(p, &v, sizeof v); }
constexpr int kLineFloats = 16;  // of a cache line
// Into L2, where it disturbs nobody.
DC_INLINE void prefetch(const float* p) { __builtin_prefetch(p, 0, 2); }
// Into L1, for what is read next.
DC_INLINE void prefetch_near(const float* p) { __builtin_prefetch(p, 0, 3); }
// Past the caches, without reading the line first: p is aligned to a register, and the rest of the
// line follows soon. Other threads may be told after stream_end().
DC_INLINE void stream(float* p, F32 v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, (__m512)v);
#elif defined(__AVX2__)
  _mm256_stream_ps(p, (__m256)v);
#else
  store(p, v);
#endif
}
DC_INLINE void stream_end() {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}
DC_INLINE I32 load(const int32_t* p) {
  I32 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
DC_INLINE void store(int32_t* p, I32 v) { __builtin_memcpy(p, &v, sizeof v); }
DC_INLINE F32 set(float x) { return x - F32{}; }  // splat
DC_INLINE I32 set(int32_t x) { return x - I32{}; }
DC_INLINE F32 zero() { return F32{}; }

// Lanes below n are -1, the others 0.
DC_INLINE Mask first_n(int n) {
  I32 lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  return lane < set((int32_t)n);
}
// m is first_n(n): the lanes from n on read as zero, their memory is never touched.
DC_INLINE F32 load_masked(const float* p, Mask m) {
#if defined(__AVX512F__)
  return (F32)_mm512_maskz_loadu_ps(_mm512_movepi32_mask((__m512i)m), p);
#elif defined(__AVX2__)
  return (F32)_mm256_maskload_ps(p, (__m256i)m);
#else
  F32 v = zero();
  for (int i = 0; i < kLanes && m[i]; ++i) v[i] = p[i];
  return v;
#endif
}
// The first n lanes (0 <= n <= kLanes), the others zero.
DC_INLINE F32 load_n(const float* p, int n) {
  return n >= kLanes ? load(p) : load_masked(p, first_n(n));
}
// Writes the first n lanes. In pieces: AVX2's masked store takes tens of cycles on AMD.
DC_INLINE void store_n(float* p, F32 v, int n) {
  if (n >= kLanes) {
    store(p, v);
    return;
  }
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, _mm512_movepi32_mask((__m512i)first_n(n)), (__m512)v);
#elif defined(__AVX2__)
  __m128 part = _mm256_castps256_ps128((__m256)v);
  if (n & 4) {
    _mm_storeu_ps(p, part);
    part = _mm256_extractf128_ps((__m256)v, 1);
    p += 4;
  }
  if (n & 2) {
    _mm_storel_pi((__m64*)p, part);
    part = _mm_movehl_ps(part, part);
    p += 2;
  }
  if (n & 1) _mm_store_ss(p, part);
#else
  for (int i = 0; i < kLanes; ++i)
    if (i < n) p[i] = v[i];
#endif
}

DC_INLINE I32 bits(F32 v) { return (I32)v; }
DC_INLINE F32 from_bits(I32 v) { return (F32)v; }
DC_INLINE F32 select(Mask m, F32 a, F32 b) { return m ? a : b; }
DC_INLINE I32 select(Mask m, I32 a, I32 b) { return m ? a : b; }
// NaN in either operand gives NaN, as NumPy's maximum.
DC_INLINE F32 max(F32 a, F32 b) { return select((a > b) | (a != a), a, b); }
DC_INLINE F32 min(F32 a, F32 b) { return select((a < b) | (a != a), a, b); }
// One instruction; the second operand comes back when either is NaN.
DC_INLINE F32 fast_max(F32 a, F32 b) { return a > b ? a : b; }
DC_INLINE F32 fast_min(F32 a, F32 b) { return a < b ? a : b; }
DC_INLINE F32 abs(F32 v) { return from_bits(bits(v) & 0x7fffffff); }
DC_INLINE F32 copysign(F32 magnitude, F32 sign) {
  return from_bits((bits(magnitude) & 0x7fffffff) | (bits(sign) & (int32_t)0x80000000));
}

// a * b + c, fused where the instruction set has it (avx2 and up, NEON).
DC_INLINE F32 mul_add(F32 a, F32 b, F32 c) {
#if defined(__AVX512F__)
  return (F32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (F32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

DC_INLINE F32 sqrt(F32 v) {
#if defined(__AVX512F__)
  return (F32)_mm512_sqrt_ps((__m512)v);
#elif defined(__AVX2__)
  return (F32)_mm256_sqrt_ps((__m256)v);
#elif defined(__SSE2__)
  return (F32)_mm_sqrt_ps((__m128)v);
#else
  for (int i = 0; i < kLanes; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
#endif
}

// To the nearest integer, ties to even; |v| < 2^31.
DC_INLINE I32 nearest_int(F32 v) {
#if defined(__AVX512F__)
  return (I32)_mm512_cvtps_epi32((__m512)v);
#elif defined(__AVX2__)
  return (I32)_mm256_cvtps_epi32((__m256)v);
#elif defined(__SSE2__)
  return (I32)_mm_cvtps_epi32((__m128)v);
#else
  I32 r;
  for (int i = 0; i < kLanes; ++i) r[i] = (int32_t)__builtin_rintf(v[i]);
  return r;
#endif
}
DC_INLINE F32 to_float(I32 v) { return __builtin_convertvector(v, F32); }
DC_INLINE I32 to_int(F32 v) { return __builtin_convertvector(v, I32); }  // truncates

// Lane i of the result is lane i + kShift of v, around the end.
template <int kShift>
DC_INLINE F32 rotate(F32 v) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(v, v, kShift, kShift + 1, kShift + 2, kShift + 3, kShift + 4,
                                 kShift + 5, kShift + 6, kShift + 7, kShift + 8, kShift + 9,
                                 kShift + 10, kShift + 11, kShift + 12, kShift + 13, kShift + 14,
                                 kShift + 15);
#elif defined(__AVX2__)
  return __builtin_shufflevector(v, v, kShift, kShift + 1, kShift + 2, kShift + 3, kShift + 4,
                                 kShift + 5, kShift + 6, kShift + 7);
#else
  return __builtin_shufflevector(v, v, kShift, kShift + 1, kShift + 2, kShift + 3);
#endif
}

// The first lane that is set; kLanes when none is.
DC_INLINE int first_set(Mask m) {
#if defined(__AVX512F__)
  return __builtin_ctz((unsigned)_mm512_movepi32_mask((__m512i)m) | 1u << kLanes);
#elif defined(__AVX2__)
  return __builtin_ctz((unsigned)_mm256_movemask_ps((__m256)m) | 1u << kLanes);
#else
  int i = 0;
  while (i < kLanes && !m[i]) ++i;
  return i;
#endif
}

// Lanes combined pairwise, in an order that depends on nothing but the width.
DC_INLINE float reduce_add(F32 v) {
  float t[kLanes];
  store(t, v);
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) t[i] += t[i + half];
  return t[0];
}
DC_INLINE float reduce_max(F32 v) {  // NaN wins
  float t[kLanes];
  store(t, v);
  float m = t[0];
  for (int i = 1; i < kLanes; ++i) m = (t[i] > m || t[i] != t[i]) ? t[i] : m;
  return m;
}

}  // namespace deepcore::DEEPCORE_ISA
