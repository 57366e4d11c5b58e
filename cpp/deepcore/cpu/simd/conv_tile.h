// y[pixel][j] = act(sum over taps, k of x[pixel][tap][k] * b[tap][k][j] + bias[j]).
// x: runs of channels read where they lie in (N, H, W, C); b: panels (K, 2 registers).
// An implicit product as in "The Indirect Convolution Algorithm", Dukhan 2019: pointers to input
// pixels take the place of im2col, and taps that fall outside the image are left out.
#pragma once

#include "deepcore/cpu/kernels/conv.h"
#include "deepcore/cpu/simd/math.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

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

// tanh and sigmoid are too long to sit in every tile: over the stored tile, in L1.
__attribute__((noinline, unused)) static void conv_activate(float* y, int64_t n, Kind activation) {
  for (int64_t j = 0; j < n; j += kLanes) {
    const int lanes = n - j < kLanes ? (int)(n - j) : kLanes;
    const F32 v = load_n(y + j, lanes);
    store_n(y + j, activation == Kind::kTanh ? tanh(v) : sigmoid(v), lanes);
  }
}

// kFull: all columns of the panel exist.
template <bool kFull>
DC_INLINE void conv_tiles(const ConvPanel& panel, const ConvTile* tiles, int64_t count) {
  const int n0 = panel.n < kLanes ? panel.n : kLanes, n1 = panel.n - n0;
  const auto get = [&](const float* p, int v) __attribute__((always_inline)) {
    return kFull ? load(p + v * kLanes) : v == 0 ? load_n(p, n0) : load_n(p + n0, n1);
  };
  const bool relu = panel.activation == Kind::kRelu;
  for (const ConvTile* tile = tiles; tile != tiles + count; ++tile) {
    F32 acc[kConvRows][2] = {};
    if (panel.accumulate) {
#pragma GCC unroll 8
      for (int r = 0; r < kConvRows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < 2; ++v) acc[r][v] = get(tile->y[r] + panel.column, v);
    }
    for (const ConvTap* tap = tile->taps; tap != tile->taps + tile->count; ++tap)
      conv_tap(acc, *tap, panel);
    if (panel.bias) {
      const F32 bias[2] = {get(panel.bias, 0), get(panel.bias, 1)};
#pragma GCC unroll 8
      for (int r = 0; r < kConvRows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < 2; ++v) acc[r][v] = acc[r][v] + bias[v];
    }
    if (relu) {
#pragma GCC unroll 8
      for (int r = 0; r < kConvRows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < 2; ++v) acc[r][v] = fast_max(zero(), acc[r][v]);  // NaN and -0 stay
    }
#pragma GCC unroll 8
    for (int r = 0; r < kConvRows; ++r) {
      float* y = tile->y[r] + panel.column;
      if (kFull) {
        store(y, acc[r][0]);
        store(y + kLanes, acc[r][1]);
      } else {
        store_n(y, acc[r][0], n0);
        store_n(y + n0, acc[r][1], n1);
      }
    }
    if (panel.activation != Kind::kIdentity && !relu)
      for (int r = 0; r < kConvRows; ++r)
        conv_activate(tile->y[r] + panel.column, panel.n, panel.activation);
  }
}

static void conv_panel(const ConvPanel& panel, const ConvTile* tiles, int64_t count) {
  if (panel.n == 2 * kLanes)
    conv_tiles<true>(panel, tiles, count);
  else
    conv_tiles<false>(panel, tiles, count);
}

}  // namespace deepcore::DEEPCORE_ISA
