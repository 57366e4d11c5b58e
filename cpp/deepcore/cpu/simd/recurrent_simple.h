// h = act(x + product), and back by the result alone.
#pragma once

#include "deepcore/cpu/simd/recurrent_rows.h"

namespace deepcore::DEEPCORE_ISA {

DC_INLINE F32 recurrent_act(Kind kind, F32 x) {
  if (kind == Kind::kTanh) return tanh(x);
  if (kind == Kind::kSigmoid) return sigmoid(x);
  return kind == Kind::kRelu ? fast_max(zero(), x) : x;  // NaN stays
}
DC_INLINE F32 recurrent_slope(Kind kind, F32 y, F32 g) {
  if (kind == Kind::kTanh) return g * tanh_slope(y);
  if (kind == Kind::kSigmoid) return g * sigmoid_slope(y);
  return kind == Kind::kRelu ? select(y > 0.0f, g, zero()) : g;
}

static void simple_step(const SimpleStep& s) {
  const int64_t u = s.units;
  for (int64_t r = 0; r < s.rows; ++r) {
    const float *x = s.x + r * s.h_row, *product = s.product + r * u;
    float *h = s.h + r * u, *h_out = s.h_out + r * s.h_row;
    if (keeps_state(s, r)) {
      copy_row(h, h_out, u);
      continue;
    }
    for_units(u, [&](int64_t j, int m) DC_LAMBDA {
      const F32 y = recurrent_act(s.activation, load_n(x + j, m) + load_n(product + j, m));
      store_n(h + j, y, m);
      store_n(h_out + j, y, m);
    });
  }
}

static void simple_step_grad(const SimpleStepGrad& s) {
  const int64_t u = s.units;
  for (int64_t r = 0; r < s.rows; ++r) {
    const float *h = s.h + r * s.h_row, *gh = s.gh + r * s.h_row;
    float* gx = s.gx ? s.gx + r * s.h_row : nullptr;
    float *g = s.g + r * u, *product = s.product + r * u;
    if (keeps_state(s, r)) {
      add_row(g, gh, u);
      clear_row(gx, u);
      clear_row(product, u);
      continue;
    }
    for_units(u, [&](int64_t j, int m) DC_LAMBDA {
      const F32 grad =
          recurrent_slope(s.activation, load_n(h + j, m), load_n(g + j, m) + load_n(gh + j, m));
      if (gx) store_n(gx + j, grad, m);
      store_n(product + j, grad, m);
      store_n(g + j, zero(), m);
    });
  }
}

}  // namespace deepcore::DEEPCORE_ISA
