// c = f c + i g; h = o tanh(c), and back. gates (rows, 4U): i, f, g, o.
// Hochreiter & Schmidhuber, "Long Short-Term Memory" (1997), with the forget gate of Gers (2000).
#pragma once

#include "deepcore/cpu/simd/recurrent_gates.h"
#include "deepcore/cpu/simd/recurrent_rows.h"

namespace deepcore::DEEPCORE_ISA {

static void lstm_step(const LstmStep& s) {
  const int64_t u = s.units;
  for (int64_t r = 0; r < s.rows; ++r) {
    const float* x = s.x + r * s.gate_row;
    float* p = s.product + r * 4 * u;
    float *h = s.h + r * s.state_row, *c = s.c + r * s.state_row;
    float* h_out = s.h_out ? s.h_out + r * s.h_row : nullptr;
    float* c_out = s.c_out ? s.c_out + r * s.h_row : nullptr;
    float* gates = s.gates ? s.gates + r * s.gate_row : p;
    const ptrdiff_t apart = s.gates ? s.gate_step : u;
    if (keeps_state(s, r)) {
      copy_row(h, h_out, u);
      copy_row(c, c_out, u);
      for (int64_t gate = 0; gate < 4; ++gate) clear_row(gates + gate * apart, u);
      continue;
    }
    // Two loops: a chain through all of it is so long that the CPU looks ahead too little of it.
    for_units(u, [&](int64_t j, int m) DC_LAMBDA {
      const auto sum = [&](int64_t gate) DC_LAMBDA {
        return load_n(x + gate * s.gate_step + j, m) + load_n(p + gate * u + j, m);
      };
      store_n(gates + j, gate_sigmoid(sum(0)), m);
      store_n(gates + apart + j, gate_sigmoid(sum(1)), m);
      store_n(gates + 2 * apart + j, gate_tanh(sum(2)), m);
      store_n(gates + 3 * apart + j, gate_sigmoid(sum(3)), m);
    });
    for_units(u, [&](int64_t j, int m) DC_LAMBDA {
      const F32 i = load_n(gates + j, m), f = load_n(gates + apart + j, m),
                g = load_n(gates + 2 * apart + j, m), o = load_n(gates + 3 * apart + j, m);
      const F32 cell = mul_add(f, load_n(c + j, m), i * g);
      const F32 state = o * gate_tanh(cell);
      store_n(c + j, cell, m);
      store_n(h + j, state, m);
      if (h_out) store_n(h_out + j, state, m);
      if (c_out) store_n(c_out + j, cell, m);
    });
  }
}

static void lstm_step_grad(const LstmStepGrad& s) {
  const int64_t u = s.units;
  for (int64_t r = 0; r < s.rows; ++r) {
    const float* gates = s.gates + r * s.gate_row;
    const float *c = s.c + r * s.h_row, *gh = s.gh + r * s.h_row;
    const float* gc_in = s.gc_in ? s.gc_in + r * s.h_row : nullptr;
    const float* before = s.c_before + r * s.before_row;
    float *gx = s.gx ? s.gx + r * s.gate_row : nullptr, *product = s.product + r * 4 * u;
    float *g_state = s.g + r * u, *g_cell = s.gc + r * u;
    if (keeps_state(s, r)) {
      add_row(g_state, gh, u);
      if (gc_in) add_row(g_cell, gc_in, u);
      clear_row(gx, 4 * u);
      clear_row(product, 4 * u);
      continue;
    }
    for_units(u, [&](int64_t j, int m) DC_LAMBDA {
      const F32 i = load_n(gates + j, m), f = load_n(gates + u + j, m),
                g = load_n(gates + 2 * u + j, m), o = load_n(gates + 3 * u + j, m);
      const F32 to_state = load_n(g_state + j, m) + load_n(gh + j, m);
      F32 to_cell = load_n(g_cell + j, m);
      if (gc_in) to_cell = to_cell + load_n(gc_in + j, m);
      const F32 squashed = gate_tanh(load_n(c + j, m));
      to_cell = mul_add(to_state * o, tanh_slope(squashed), to_cell);
      const F32 gi = to_cell * g * sigmoid_slope(i);
      const F32 gf = to_cell * load_n(before + j, m) * sigmoid_slope(f);
      const F32 gg = to_cell * i * tanh_slope(g);
      const F32 go = to_state * squashed * sigmoid_slope(o);
      const auto put = [&](int64_t gate, F32 value) DC_LAMBDA {
        if (gx) store_n(gx + gate * u + j, value, m);
        store_n(product + gate * u + j, value, m);
      };
      put(0, gi);
      put(1, gf);
      put(2, gg);
      put(3, go);
      store_n(g_cell + j, to_cell * f, m);
      store_n(g_state + j, zero(), m);
    });
  }
}

}  // namespace deepcore::DEEPCORE_ISA
