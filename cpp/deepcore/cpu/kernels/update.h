// Optimizer steps as plain functions of pointers and sizes. An output may be the input of its
// letter, or null. Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace deepcore {

struct AdamNumbers {
  float one_minus_beta1, one_minus_beta2, epsilon;
};

// All over n floats, in the order of operations of the ops' definitions, so that the bits are
// theirs.
struct UpdateKernels {
  // p' = p - lr g.
  void (*sgd)(const float* p, const float* g, float lr, float* p_out, int64_t n);
  // v' = momentum v - lr g; p' = p + v', or with nesterov p + momentum v' - lr g.
  void (*sgd_momentum)(const float* p, const float* g, float lr, const float* v, float momentum,
                       bool nesterov, float* p_out, float* v_out, int64_t n);
  // A null g is 0. m' = m + (g - m)(1 - b1); v' = v + (g g - v)(1 - b2); p' = p - alpha m' /
  // (sqrt(v') + epsilon).
  void (*adam)(const float* p, const float* g, float alpha, const float* m, const float* v,
               AdamNumbers numbers, float* p_out, float* m_out, float* v_out, int64_t n);
};

}  // namespace deepcore
