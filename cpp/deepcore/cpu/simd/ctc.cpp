// The recursion of connectionist temporal classification, in logarithms, states in registers.
#include "deepcore/cpu/kernels/ctc.h"

#include "deepcore/cpu/simd/math.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

#define DC_LAMBDA __attribute__((always_inline))

constexpr float kNever = -__builtin_inff();

// Calls f(s, lanes) for each register of [0, count): only the last may have fewer than kLanes.
template <class F>
DC_INLINE void for_states(int64_t count, F f) {
  int64_t s = 0;
  for (; s + kLanes <= count; s += kLanes) f(s, kLanes);
  if (s < count) f(s, (int)(count - s));
}

// The three ways into some states: their exponentials, less the largest. -inf - -inf is not met.
struct Ways {
  F32 stay, one, two, largest;
};
DC_INLINE Ways ways_into(const float* before, const float* skip, int m) {
  Ways w;
  w.stay = load_n(before, m);
  w.one = load_n(before - 1, m);
  w.two = load_n(before - 2, m) + load_n(skip, m);
  const F32 top = max(max(w.stay, w.one), w.two);
  w.largest = select(top == set(kNever), zero(), top);
  w.stay = exp(w.stay - w.largest);
  w.one = exp(w.one - w.largest);
  w.two = exp(w.two - w.largest);
  return w;
}

static float step(const float* before, const float* skip, const float* emitted, float* now,
                  int64_t count) {
  F32 largest = set(kNever);
  for_states(count, [&](int64_t s, int m) DC_LAMBDA {
    const Ways w = ways_into(before + s, skip + s, m);
    const F32 sum = w.largest + log(w.stay + w.one + w.two) + load_n(emitted + s, m);
    store_n(now + s, sum, m);
    largest = max(largest, select(first_n(m), sum, set(kNever)));
  });
  const float c = reduce_max(largest);
  if (c == kNever) return c;
  for_states(count,
             [&](int64_t s, int m) DC_LAMBDA { store_n(now + s, load_n(now + s, m) - set(c), m); });
  return c;
}

static void step_grad(const float* before, const float* skip, const float* g, float* g_before,
                      int64_t count) {
  const auto add = [](float* to, F32 x, int m) DC_LAMBDA { store_n(to, load_n(to, m) + x, m); };
  for_states(count, [&](int64_t s, int m) DC_LAMBDA {
    const Ways w = ways_into(before + s, skip + s, m);
    const F32 grad = load_n(g + s, m), total = w.stay + w.one + w.two;
    const F32 scale = select(grad != zero(), grad / total, zero());
    add(g_before + s, w.stay * scale, m);
    add(g_before + s - 1, w.one * scale, m);
    add(g_before + s - 2, w.two * scale, m);
  });
}

extern const CtcKernels ctc_kernels;
const CtcKernels ctc_kernels = {step, step_grad};

}  // namespace deepcore::DEEPCORE_ISA
