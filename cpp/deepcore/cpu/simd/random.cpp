// Philox, uniform, normal, dropout: kLanes blocks of four words at a time.
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox4x32-10).
#include "deepcore/cpu/kernels/random.h"

#include "deepcore/cpu/simd/math.h"
#include "deepcore/cpu/simd/transpose.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

DC_INLINE U32 set(uint32_t x) { return x - U32{}; }

// The 64-bit products of 32-bit lanes, by halves.
struct Product {
  U32 low, high;
};
DC_INLINE Product multiply(U32 a, uint32_t m) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  const __m256i by = _mm256_set1_epi32((int)m);
  const __m256i even = _mm256_mul_epu32((__m256i)a, by);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64((__m256i)a, 32), by);
  return {(U32)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa),
          (U32)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa)};
#elif defined(__SSE2__) && !defined(__AVX512F__)
  const __m128i by = _mm_set1_epi32((int)m), lower = _mm_set1_epi64x(0xffffffff);
  const __m128i even = _mm_mul_epu32((__m128i)a, by);
  const __m128i odd = _mm_mul_epu32(_mm_srli_epi64((__m128i)a, 32), by);
  return {(U32)_mm_or_si128(_mm_and_si128(even, lower), _mm_slli_epi64(odd, 32)),
          (U32)_mm_or_si128(_mm_srli_epi64(even, 32), _mm_andnot_si128(lower, odd))};
#else
  typedef uint64_t U64 __attribute__((vector_size(8 * kLanes)));
  const U64 wide = __builtin_convertvector(a, U64) * (uint64_t)m;
  return {__builtin_convertvector(wide, U32), __builtin_convertvector(wide >> 32, U32)};
#endif
}

// The round keys, in registers' width: ten rounds read them from L1 instead of making them anew.
struct RoundKeys {
  U32 k0[10], k1[10], c, d;
};
DC_INLINE RoundKeys round_keys(RandomKey key) {
  RoundKeys keys;
  uint32_t k0 = (uint32_t)key.seed, k1 = (uint32_t)(key.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    keys.k0[round] = set(k0);
    keys.k1[round] = set(k1);
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  keys.c = set((uint32_t)key.stream);
  keys.d = set((uint32_t)(key.stream >> 32));
  return keys;
}

// Word j of blocks block, block + 1, ... in w[j].
struct Words {
  U32 w[4];
};
DC_INLINE Words philox(const RoundKeys& keys, uint64_t block) {
  U32 lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = (uint32_t)i;
  U32 a = lane + set((uint32_t)block);
  const U32 carry = (U32)(a < lane) & 1u;
  U32 b = carry + set((uint32_t)(block >> 32)), c = keys.c, d = keys.d;
  for (int round = 0; round < 10; ++round) {
    const Product p = multiply(a, 0xd2511f53u), q = multiply(c, 0xcd9e8d57u);
    a = q.high ^ b ^ keys.k0[round];
    b = q.low;
    c = p.high ^ d ^ keys.k1[round];
    d = p.low;
  }
  return {{a, b, c, d}};
}

// In the order of elements: block after block.
DC_INLINE Words in_order(const Words& x) {
  const F32 w0 = (F32)x.w[0], w1 = (F32)x.w[1], w2 = (F32)x.w[2], w3 = (F32)x.w[3];
  const F32 even_low = interleave_low(w0, w2), odd_low = interleave_low(w1, w3);
  const F32 even_high = interleave_high(w0, w2), odd_high = interleave_high(w1, w3);
  // One block in each 128-bit part: i, i + 4, ... in the i-th.
  const U32 a = (U32)interleave_low(even_low, odd_low), b = (U32)interleave_high(even_low, odd_low);
  const U32 c = (U32)interleave_low(even_high, odd_high);
  const U32 d = (U32)interleave_high(even_high, odd_high);
#if defined(__AVX512F__)
  Words y;
  for (int part = 0; part < 4; ++part)
    for (int i = 0; i < 4; ++i) {
      y.w[part][i] = a[4 * part + i];
      y.w[part][4 + i] = b[4 * part + i];
      y.w[part][8 + i] = c[4 * part + i];
      y.w[part][12 + i] = d[4 * part + i];
    }
  return y;
#elif defined(__AVX2__)
  return {{__builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11),
           __builtin_shufflevector(c, d, 0, 1, 2, 3, 8, 9, 10, 11),
           __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15),
           __builtin_shufflevector(c, d, 4, 5, 6, 7, 12, 13, 14, 15)}};
#else
  return {{a, b, c, d}};
#endif
}

// Calls f(i, lanes, words) for a register of elements i, i + 1 ... at a time; only the last may
// have fewer than kLanes.
template <class F>
DC_INLINE void for_each_element(RandomKey key, uint64_t block, int64_t n, F f) {
  const RoundKeys keys = round_keys(key);
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes, block += kLanes) {
    const Words words = in_order(philox(keys, block));
    for (int v = 0; v < 4; ++v) f(i + v * kLanes, kLanes, words.w[v]);
  }
  if (i == n) return;
  const Words words = in_order(philox(keys, block));
  for (int v = 0; i < n; i += kLanes, ++v) f(i, (int)(n - i < kLanes ? n - i : kLanes), words.w[v]);
}

DC_INLINE F32 to_uniform(U32 word) { return to_float((I32)(word >> 8)) * 0x1p-24f; }

// sqrt(2) erfinv(x) for |x| <= 1 as x times a polynomial, q = 1 - |x| given apart because x near 1
// has lost it. The shape is that of Giles 2010, "Approximating the erfinv function"; the
// polynomials are minimax fits of our own. Relative error below 5e-7.
DC_INLINE F32 quantile_center(F32 x, F32 w) {
  return x * horner(w - 2.5f, 0x1.0fc8bep+1f, 0x1.652c86p-2f, -0x1.8332aap-8f, -0x1.d0c8b2p-10f,
                    0x1.442aep-12f, -0x1.a14858p-18f, -0x1.4ee942p-18f, 0x1.04f9a6p-21f,
                    0x1.5aa4cep-25f);
}
DC_INLINE F32 quantile_tail(F32 x, F32 w) {
  return x * horner(sqrt(w) - 3.5f, 0x1.2de4c4p+2f, 0x1.6cb496p+0f, 0x1.324c16p-8f, -0x1.79494p-9f,
                    0x1.6adf4p-10f, -0x1.13c1c8p-10f, 0x1.b86208p-11f, -0x1.0f4866p-12f,
                    -0x1.2357b8p-16f);
}

DC_INLINE F32 to_normal(U32 word) {
  // The word as a signed s: x = (s + 1/2) / 2^31, and 1 - |x| from the bits themselves.
  const I32 s = (I32)word ^ (int32_t)0x80000000, sign = s >> 31, a = s ^ sign;
  const F32 q = (to_float(0x7fffffff - a) + 0.5f) * 0x1p-31f;
  const F32 x = copysign((to_float(a) + 0.5f) * 0x1p-31f, from_bits(s));
  const F32 w = -log(q * (set(2.0f) - q));
  return select(w < 5.0f, quantile_center(x, w), quantile_tail(x, w));
}

DC_INLINE F32 to_truncated_normal(U32 word) {
  const I32 s = (I32)word ^ (int32_t)0x80000000;
  // erf(2 / sqrt 2): the share of [-2, 2]. Far from 1, so nothing is lost.
  const F32 x = (to_float(s) + 0.5f) * (0x1p-31f * 0.954499736f);
  const F32 w = -log((x + 1.0f) * (set(1.0f) - x));
  return fast_max(set(-2.0f), fast_min(set(2.0f), quantile_center(x, w)));
}

static void random_words(RandomKey key, uint64_t block, uint32_t* out, int64_t n) {
  for_each_element(key, block, n, [&](int64_t i, int lanes, U32 w) {
    for (int k = 0; k < lanes; ++k) out[i + k] = w[k];
  });
}

static void uniform(RandomKey key, uint64_t block, float* out, int64_t n) {
  for_each_element(key, block, n,
                   [&](int64_t i, int lanes, U32 w) { store_n(out + i, to_uniform(w), lanes); });
}

static void normal(RandomKey key, uint64_t block, float* out, int64_t n) {
  for_each_element(key, block, n,
                   [&](int64_t i, int lanes, U32 w) { store_n(out + i, to_normal(w), lanes); });
}

static void truncated_normal(RandomKey key, uint64_t block, float* out, int64_t n) {
  for_each_element(key, block, n, [&](int64_t i, int lanes, U32 w) {
    store_n(out + i, to_truncated_normal(w), lanes);
  });
}

static void dropout(RandomKey key, uint64_t block, const float* x, float* y, int64_t n, float rate,
                    float scale) {
  for_each_element(key, block, n, [&](int64_t i, int lanes, U32 w) {
    const F32 kept = load_n(x + i, lanes) * set(scale);
    store_n(y + i, select(to_uniform(w) >= set(rate), kept, zero()), lanes);
  });
}

extern const RandomKernels random_kernels;
const RandomKernels random_kernels = {random_words, uniform, normal, truncated_normal, dropout};

}  // namespace deepcore::DEEPCORE_ISA
