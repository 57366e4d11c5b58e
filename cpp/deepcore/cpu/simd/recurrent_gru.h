// h = z h + (1 - z) n, and back. gates (rows, 3U): z, r, n.
// Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014).
#pragma once

#include "deepcore/cpu/simd/recurrent_gates.h"
#include "deepcore/cpu/simd/recurrent_rows.h"

namespace deepcore::DEEPCORE_ISA {

static void gru_open(const GruStep& s) {
  const int64_t u = s.units;
  for (int64_t r = 0; r < s.rows; ++r) {
    const float* x = s.x + r * s.x_row;
    const float *product = s.product + r * s.product_row, *h = s.h + r * u;
    float *gates = s.gates + r * s.gate_row, *reset = s.reset + r * u;
    if (keeps_state(s, r)) {
      if (!s.reset_after) clear_row(reset, u);
      continue;
    }
    for_units(u, [&](int64_t j, int m) DC_LAMBDA {
      const F32 z = gate_sigmoid(load_n(x + j, m) + load_n(product + j, m));
      const F32 gate = gate_sigmoid(load_n(x + u + j, m) + load_n(product + u + j, m));
      store_n(gates + j, z, m);
      store_n(gates + u + j, gate, m);
      if (!s.reset_after) store_n(reset + j, gate * load_n(h + j, m), m);
    });
  }
}

static void gru_close(const GruStep& s) {
  const int64_t u = s.units;
  for (int64_t r = 0; r < s.rows; ++r) {
    const float *x = s.x + r * s.x_row, *inner = s.inner + r * s.inner_row;
    float *gates = s.gates + r * s.gate_row, *h = s.h + r * u;
    float* h_out = s.h_out ? s.h_out + r * s.h_row : nullptr;
    float* keep = s.keep ? s.keep + r * s.h_row : nullptr;
    if (keeps_state(s, r)) {
      copy_row(h, h_out, u);
      clear_row(gates, 3 * u);
      clear_row(keep, u);
      continue;
    }
    for_units(u, [&](int64_t j, int m) DC_LAMBDA {
      const F32 z = load_n(gates + j, m), q = load_n(inner + j, m);
      const F32 second = s.reset_after ? load_n(gates + u + j, m) * q : q;
      const F32 n = gate_tanh(load_n(x + 2 * u + j, m) + second);
      const F32 state = mul_add(z, load_n(h + j, m), (1.0f - z) * n);
      store_n(gates + 2 * u + j, n, m);
      if (keep) store_n(keep + j, q, m);
      store_n(h + j, state, m);
      if (h_out) store_n(h_out + j, state, m);
    });
  }
}

static void gru_close_grad(const GruStepGrad& s) {
  const int64_t u = s.units;
  const bool after = s.inner != nullptr;
  for (int64_t r = 0; r < s.rows; ++r) {
    const float *gates = s.gates + r * s.gate_row, *gh = s.gh + r * s.h_row;
    const float* inner = after ? s.inner + r * s.h_row : nullptr;
    const float* before = s.h_before + r * s.before_row;
    float *gx = s.gx + r * s.gx_row, *g = s.g + r * u, *product = s.product + r * s.product_row;
    float* out = s.product_out ? s.product_out + r * s.gate_row : nullptr;
    if (keeps_state(s, r)) {
      add_row(g, gh, u);
      clear_row(gx, 3 * u);
      clear_row(product, 3 * u);
      clear_row(out, 3 * u);
      continue;
    }
    for_units(u, [&](int64_t j, int m) DC_LAMBDA {
      const F32 z = load_n(gates + j, m), gate = load_n(gates + u + j, m),
                n = load_n(gates + 2 * u + j, m);
      const F32 to_state = load_n(g + j, m) + load_n(gh + j, m);
      const F32 gn = to_state * (1.0f - z) * tanh_slope(n);
      const F32 gz = to_state * (load_n(before + j, m) - n) * sigmoid_slope(z);
      store_n(g + j, to_state * z, m);
      store_n(gx + j, gz, m);
      store_n(product + j, gz, m);
      if (after) {
        const F32 gr = gn * load_n(inner + j, m) * sigmoid_slope(gate);
        store_n(gx + u + j, gr, m);
        store_n(product + u + j, gr, m);
        store_n(product + 2 * u + j, gn * gate, m);
        if (out) {
          store_n(out + j, gz, m);
          store_n(out + u + j, gr, m);
          store_n(out + 2 * u + j, gn * gate, m);
        }
      } else {
        store_n(product + 2 * u + j, gn, m);
        // r itself waits in the middle of gx for the second half.
        store_n(gx + u + j, gate, m);
      }
      store_n(gx + 2 * u + j, gn, m);
    });
  }
}

static void gru_open_grad(const GruStepGrad& s) {
  const int64_t u = s.units;
  for (int64_t r = 0; r < s.rows; ++r) {
    if (keeps_state(s, r)) continue;
    const float *before = s.h_before + r * s.before_row, *of = s.of_product + r * u;
    float *gx = s.gx + r * s.gx_row, *g = s.g + r * u, *product = s.product + r * s.product_row;
    for_units(u, [&](int64_t j, int m) DC_LAMBDA {
      const F32 gate = load_n(gx + u + j, m), q = load_n(of + j, m);
      const F32 gr = q * load_n(before + j, m) * sigmoid_slope(gate);
      store_n(gx + u + j, gr, m);
      store_n(product + u + j, gr, m);
      store_n(g + j, mul_add(q, gate, load_n(g + j, m)), m);
    });
  }
}

}  // namespace deepcore::DEEPCORE_ISA
