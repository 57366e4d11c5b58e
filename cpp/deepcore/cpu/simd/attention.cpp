// Softmax over the keys of attention, block by block: Milakov & Gimelshein (2018), "Online
// normalizer calculation for softmax"; the gradient recomputes it: Dao et al. (2022).
#include "deepcore/cpu/kernels/attention.h"

#include "deepcore/cpu/simd/math.h"
#include "deepcore/cpu/simd/row_sums.h"

namespace deepcore::DEEPCORE_ISA {

// 2^r for |r| <= 1 / 2.
DC_INLINE F32 exp2_rest(F32 r) {
  return mul_add(
      horner(r, 0x1.62e42ap-1f, 0x1.ebf9bcp-3f, 0x1.c6b752p-5f, 0x1.3cea88p-7f, 0x1.5bba12p-10f), r,
      set(1.0f));
}
// 2^x for x <= 0, 0 below -126 (where a team flushes denormals); exact at 0. 2 ulp.
DC_INLINE F32 exp2_negative(F32 x) {
#if defined(__AVX512F__)
  const F32 kept = fast_max(set(-160.0f), x);  // NaN stays
  const F32 k = nearest(kept);
  return scale_exp2(exp2_rest(kept - k), k);
#else
  constexpr float kWhole = 0x1.8p23f;  // adding it leaves the nearest whole number in the low bits
  const F32 shifted = x + kWhole;
  const F32 y =
      exp2_rest(x - (shifted - kWhole)) * from_bits((I32)((U32)bits(shifted) << 23) + 0x3f800000);
  return select(x < -126.0f, zero(), y);
#endif
}

constexpr float kLog2OfE = 0x1.715476p+0f;

// The scores of a row, with bias and mask: written back. For all that is not one product alone.
static void apply_row(const AttentionScores& b, int64_t r, float* s) {
  if (b.bias) {
    const float* bias = b.bias + r * b.bias_row;
    if (b.bias_key == 0) {
      const F32 add = set(bias[0] * kLog2OfE);
      for_each_register(
          b.keys, [&](int64_t i, int m) DC_LAMBDA { store_n(s + i, load_n(s + i, m) + add, m); });
    } else {
      for_each_register(b.keys, [&](int64_t i, int m) DC_LAMBDA {
        store_n(s + i, mul_add(load_n(bias + i, m), set(kLog2OfE), load_n(s + i, m)), m);
      });
    }
  }
  if (b.mask) {
    const bool* mask = b.mask + r * b.mask_row;
    if (b.mask_key == 0) {
      for (int64_t i = 0; i < b.keys; ++i) s[i] = mask[0] ? s[i] : kMaskedAttention;
    } else {
      for (int64_t i = 0; i < b.keys; ++i) s[i] = mask[i] ? s[i] : kMaskedAttention;
    }
  }
  if (b.causal)
    for (int64_t i = b.visible + r < 0 ? 0 : b.visible + r; i < b.keys; ++i)
      s[i] = kMaskedAttention;
}

DC_INLINE bool is_plain(const AttentionScores& b) { return !b.bias && !b.mask && !b.causal; }

DC_INLINE float largest(const float* s, int64_t n, float before) {
  F32 even = set(before), odd = even;
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    even = fast_max(load(s + i), even);
    odd = fast_max(load(s + i + kLanes), odd);
  }
  for_each_register(n - i, [&](int64_t j, int m) DC_LAMBDA {
    even = fast_max(select(first_n(m), load_n(s + i + j, m), even), even);
  });
  return fold<FastMaxOp>(fast_max(even, odd));
}

static void attention_softmax(const AttentionScores& b, float* max, float* sum, float* correction) {
  const bool plain = is_plain(b);
  for (int64_t r = 0; r < b.rows; ++r) {
    float* s = b.s + r * b.s_row;
    if (!plain) apply_row(b, r, s);
    const float top = largest(s, b.keys, max[r]);
    const F32 shift = set(top);
    const double total = row_sum(b.keys, [&](int64_t i, int m) DC_LAMBDA {
      F32 e = exp2_negative(load_n(s + i, m) - shift);
      if (m < kLanes) e = select(first_n(m), e, zero());
      store_n(s + i, e, m);
      return e;
    });
    correction[r] = exp2_negative(set(max[r] - top))[0];
    sum[r] = sum[r] * correction[r] + (float)total;
    max[r] = top;
  }
}

static void attention_softmax_grad(const AttentionScores& b, const float* max, const float* inverse,
                                   const float* delta, float scale, float* ds) {
  const bool plain = is_plain(b);
  for (int64_t r = 0; r < b.rows; ++r) {
    float *s = b.s + r * b.s_row, *d = ds + r * b.s_row;
    if (!plain) apply_row(b, r, s);
    const F32 shift = set(max[r]), share = set(inverse[r]), centre = set(delta[r]);
    // Where no key counts the scores are constants.
    const F32 by = set(max[r] == kMaskedAttention ? 0.0f : scale);
    for_each_register(b.keys, [&](int64_t i, int m) DC_LAMBDA {
      const F32 p = exp2_negative(load_n(s + i, m) - shift) * share;
      store_n(d + i, (load_n(d + i, m) - centre) * (p * by), m);
      store_n(s + i, p, m);
    });
  }
}

static void scale_rows(float* y, int64_t rows, int64_t n, ptrdiff_t row, const float* by) {
  for (int64_t r = 0; r < rows; ++r, y += row) {
    const F32 factor = set(by[r]);
    for_each_register(
        n, [&](int64_t i, int m) DC_LAMBDA { store_n(y + i, load_n(y + i, m) * factor, m); });
  }
}

static void dot_rows(const float* a, const float* b, int64_t rows, int64_t n, ptrdiff_t row,
                     float* out) {
  for (int64_t r = 0; r < rows; ++r, a += row, b += row)
    out[r] = (float)row_sum(
        n, [&](int64_t i, int m) DC_LAMBDA { return load_n(a + i, m) * load_n(b + i, m); });
}

extern const AttentionKernels attention_kernels;
const AttentionKernels attention_kernels = {attention_softmax, attention_softmax_grad, scale_rows,
                                            dot_rows};

}  // namespace deepcore::DEEPCORE_ISA
