// The recursions of linear-chain conditional random fields, in logarithms: one exponential a pair
// of tags, down the rows of the transitions with the columns in registers.
#include "deepcore/cpu/kernels/crf.h"

#include "deepcore/cpu/simd/math.h"
#include "deepcore/cpu/simd/reduce.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

#define DC_LAMBDA __attribute__((always_inline))

// Calls f(j, lanes) for each register of [0, k): only the last may have fewer than kLanes.
template <class F>
DC_INLINE void for_tags(int64_t k, F f) {
  int64_t j = 0;
  for (; j + kLanes <= k; j += kLanes) f(j, kLanes);
  if (j < k) f(j, (int)(k - j));
}

constexpr float kNever = -__builtin_inff();

// -inf - -inf must not be met: what nothing reaches is compared with 0.
DC_INLINE F32 finite_shift(F32 largest) { return select(largest == set(kNever), zero(), largest); }

static void message(const float* alpha, const float* transitions, float* out, int64_t k) {
  for_tags(k, [&](int64_t j, int m) DC_LAMBDA {
    F32 largest = set(kNever);
    for (int64_t i = 0; i < k; ++i)
      largest = max(largest, set(alpha[i]) + load_n(transitions + i * k + j, m));
    const F32 shift = finite_shift(largest);
    F32 total = zero();
    for (int64_t i = 0; i < k; ++i)
      total = total + exp(set(alpha[i]) + load_n(transitions + i * k + j, m) - shift);
    store_n(out + j, shift + log(total), m);
  });
}

DC_INLINE float largest_of_sum(const float* a, const float* b, int64_t k) {
  F32 largest = set(kNever);
  for_tags(k, [&](int64_t j, int m) DC_LAMBDA {
    const F32 sum = load_n(a + j, m) + load_n(b + j, m);
    largest = max(largest, select(first_n(m), sum, set(kNever)));
  });
  return reduce_max(largest);
}

static float shift(const float* message, const float* scores, float* alpha, int64_t k) {
  const float c = largest_of_sum(message, scores, k);
  for_tags(k, [&](int64_t j, int m) DC_LAMBDA {
    const F32 sum = load_n(message + j, m) + load_n(scores + j, m);
    store_n(alpha + j, c == kNever ? sum : sum - set(c), m);
  });
  return c;
}

static float end(const float* alpha, const float* last, float g, float* g_out, int64_t k) {
  const float c = largest_of_sum(alpha, last, k);
  const F32 by = set(c == kNever ? 0 : c);
  F32 total = zero();
  const auto part = [&](int64_t j, int m)
                        DC_LAMBDA { return exp(load_n(alpha + j, m) + load_n(last + j, m) - by); };
  for_tags(k, [&](int64_t j, int m)
                  DC_LAMBDA { total = total + select(first_n(m), part(j, m), zero()); });
  const float sum = fold<SumOp>(total);
  if (g_out) {
    const F32 scale = set(g / sum);
    for_tags(k, [&](int64_t j, int m) DC_LAMBDA { store_n(g_out + j, part(j, m) * scale, m); });
  }
  return by[0] + log(set(sum))[0];
}

static void pairs(const float* alpha, const float* transitions, const float* message,
                  const float* g, float* g_transitions, float* g_before, int64_t k) {
  for (int64_t i = 0; i < k; ++i) {
    F32 total = zero();
    for_tags(k, [&](int64_t j, int m) DC_LAMBDA {
      const F32 grad = load_n(g + j, m);  // 0 beyond the last tag
      const F32 share =
          exp(set(alpha[i]) + load_n(transitions + i * k + j, m) - load_n(message + j, m));
      const F32 p = select(grad != zero(), grad * share, zero());
      float* to = g_transitions + i * k + j;
      store_n(to, load_n(to, m) + p, m);
      total = total + p;
    });
    g_before[i] = fold<SumOp>(total);
  }
}

static void best(const float* best, const float* transitions, float* best_out, int32_t* from,
                 int64_t k) {
  for_tags(k, [&](int64_t j, int m) DC_LAMBDA {
    F32 largest = set(best[0]) + load_n(transitions + j, m);
    I32 at = set((int32_t)0);
    for (int64_t i = 1; i < k; ++i) {
      const F32 sum = set(best[i]) + load_n(transitions + i * k + j, m);
      const Mask more = sum > largest;
      largest = select(more, sum, largest);
      at = select(more, set((int32_t)i), at);
    }
    store_n(best_out + j, largest, m);
    int32_t all[kLanes];
    store(all, at);
    for (int n = 0; n < m; ++n) from[j + n] = all[n];
  });
}

extern const CrfKernels crf_kernels;
const CrfKernels crf_kernels = {message, shift, end, pairs, best};

}  // namespace deepcore::DEEPCORE_ISA
