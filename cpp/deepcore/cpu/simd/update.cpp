// Optimizer steps: one pass over parameter, gradient and state.
// No fused multiply-adds: the bits are those of the definition run op by op, and memory sets the
// pace anyway.
#include "deepcore/cpu/kernels/update.h"

#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

DC_INLINE void put(float* out, int64_t i, F32 x, int lanes) {
  if (out != nullptr) store_n(out + i, x, lanes);
}

static void sgd(const float* p, const float* g, float lr, float* p_out, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int lanes = n - i < kLanes ? (int)(n - i) : kLanes;
    put(p_out, i, load_n(p + i, lanes) - lr * load_n(g + i, lanes), lanes);
  }
}

template <bool kNesterov>
static void momentum_loop(const float* p, const float* g, float lr, const float* v, float momentum,
                          float* p_out, float* v_out, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int lanes = n - i < kLanes ? (int)(n - i) : kLanes;
    const F32 old = load_n(p + i, lanes), step = lr * load_n(g + i, lanes);
    const F32 velocity = momentum * load_n(v + i, lanes) - step;
    put(v_out, i, velocity, lanes);
    put(p_out, i, kNesterov ? old + momentum * velocity - step : old + velocity, lanes);
  }
}

static void sgd_momentum(const float* p, const float* g, float lr, const float* v, float momentum,
                         bool nesterov, float* p_out, float* v_out, int64_t n) {
  (nesterov ? momentum_loop<true> : momentum_loop<false>)(p, g, lr, v, momentum, p_out, v_out, n);
}

template <bool kIdle>
static void adam_loop(const float* p, const float* g, float alpha, const float* m, const float* v,
                      AdamNumbers numbers, float* p_out, float* m_out, float* v_out, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int lanes = n - i < kLanes ? (int)(n - i) : kLanes;
    const F32 grad = kIdle ? zero() : load_n(g + i, lanes);
    const F32 m0 = load_n(m + i, lanes), v0 = load_n(v + i, lanes), p0 = load_n(p + i, lanes);
    const F32 m1 = m0 + (grad - m0) * numbers.one_minus_beta1;
    const F32 v1 = v0 + (grad * grad - v0) * numbers.one_minus_beta2;
    put(m_out, i, m1, lanes);
    put(v_out, i, v1, lanes);
    put(p_out, i, p0 - alpha * m1 / (sqrt(v1) + numbers.epsilon), lanes);
  }
}

static void adam(const float* p, const float* g, float alpha, const float* m, const float* v,
                 AdamNumbers numbers, float* p_out, float* m_out, float* v_out, int64_t n) {
  (g ? adam_loop<false> : adam_loop<true>)(p, g, alpha, m, v, numbers, p_out, m_out, v_out, n);
}

extern const UpdateKernels update_kernels;
const UpdateKernels update_kernels = {sgd, sgd_momentum, adam};

}  // namespace deepcore::DEEPCORE_ISA
