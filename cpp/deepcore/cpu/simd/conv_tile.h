// y[pixel][j] = act(sum over taps, k of x[pixel][tap][k] * b[tap][k][j] + bias[j]).
// x: runs of channels read where they lie in (N, H, W, C); b: panels (K, 2 registers).
// An implicit product as in "The Indirect Convolution Algorithm", Dukhan 2019: pointers to input
// pixels take the place of im2col, and taps that fall outside the image are left out.
#pragma once

#include "deepcore/cpu/kernels/conv.h"
#include "deepcore/cpu/simd/math.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

DC_INLINE F32 conv_activate(F32 v, Kind activation) {
  switch (activation) {
    case Kind::kRelu:
      return max(v, zero());
    case Kind::kTanh:
      return tanh(v);
    case Kind::kSigmoid:
      return sigmoid(v);
    default:
      return v;
  }
}

// Adds one tap to the accumulators. Six rows by two registers: 12 sums hide the latency of two
// multiply-adds a cycle, and the two loads of b serve all six rows.
DC_INLINE void conv_tap(F32 (&acc)[kConvRows][2], const ConvTap& tap, const ConvPanel& panel) {
  const float* b = panel.b + tap.b * (2 * kLanes);
  const float* x0 = tap.x[0] + panel.shift;
  const float* x1 = tap.x[1] + panel.shift;
  const float* x2 = tap.x[2] + panel.shift;
  const float* x3 = tap.x[3] + panel.shift;
  const float* x4 = tap.x[4] + panel.shift;
  const float* x5 = tap.x[5] + panel.shift;
  const int64_t run = panel.run;
  for (int64_t k = 0; k < run; ++k, b += 2 * kLanes) {
    const F32 b0 = load(b), b1 = load(b + kLanes);
    const auto row = [&](F32(&sum)[2], float x) __attribute__((always_inline)) {
      const F32 a = set(x);
      sum[0] = mul_add(a, b0, sum[0]);
      sum[1] = mul_add(a, b1, sum[1]);
    };
    row(acc[0], x0[k]);
    row(acc[1], x1[k]);
    row(acc[2], x2[k]);
    row(acc[3], x3[k]);
    row(acc[4], x4[k]);
    row(acc[5], x5[k]);
  }
}

static void conv_panel(const ConvPanel& panel, const ConvTile* tiles, int64_t count) {
  const int n0 = panel.n < kLanes ? panel.n : kLanes, n1 = panel.n - n0;
  F32 bias0 = zero(), bias1 = zero();
  if (panel.bias) {
    bias0 = load_n(panel.bias, n0);
    bias1 = load_n(panel.bias + n0, n1);
  }
  for (const ConvTile* tile = tiles; tile != tiles + count; ++tile) {
    F32 acc[kConvRows][2] = {};
    if (panel.accumulate)
      for (int r = 0; r < kConvRows; ++r) {
        const float* y = tile->y[r] + panel.column;
        acc[r][0] = load_n(y, n0);
        acc[r][1] = load_n(y + n0, n1);
      }
    for (const ConvTap* tap = tile->taps; tap != tile->taps + tile->count; ++tap)
      conv_tap(acc, *tap, panel);
    for (int r = 0; r < kConvRows; ++r) {
      float* y = tile->y[r] + panel.column;
      F32 v0 = acc[r][0], v1 = acc[r][1];
      if (panel.bias) {
        v0 = v0 + bias0;
        v1 = v1 + bias1;
      }
      if (panel.activation != Kind::kIdentity) {
        v0 = conv_activate(v0, panel.activation);
        v1 = conv_activate(v1, panel.activation);
      }
      store_n(y, v0, n0);
      store_n(y + n0, v1, n1);
    }
  }
}

}  // namespace deepcore::DEEPCORE_ISA
