// y[pixel][c] = act(sum over taps of x[pixel][tap][c] * w[tap][c] + bias[c]): every channel alone.
// x: pixels of (N, H, W, C); w: (taps, C). Channels fill the registers, six pixels share each w.
#pragma once

#include "deepcore/cpu/simd/conv_tile.h"

namespace deepcore::DEEPCORE_ISA {

// Channels [c, c + n) of one tile, V registers of them; with V = 1 there may be fewer than a
// register.
template <int V>
DC_INLINE void depthwise_block(const DepthwisePanel& panel, const ConvTile& tile, int64_t c,
                               int n) {
  F32 acc[kConvRows][V] = {};
  const auto get = [&](const float* p)
                       __attribute__((always_inline)) { return V > 1 ? load(p) : load_n(p, n); };
  for (const ConvTap* tap = tile.taps; tap != tile.taps + tile.count; ++tap) {
    F32 w[V];
    for (int v = 0; v < V; ++v) w[v] = get(panel.w + tap->b + c + v * kLanes);
    for (int r = 0; r < kConvRows; ++r)
      for (int v = 0; v < V; ++v)
        acc[r][v] = mul_add(get(tap->x[r] + c + v * kLanes), w[v], acc[r][v]);
  }
  for (int v = 0; v < V; ++v) {
    const int64_t at = c + v * kLanes;
    const F32 bias = panel.bias ? get(panel.bias + at) : zero();
    for (int r = 0; r < kConvRows; ++r) {
      F32 y = acc[r][v];
      if (panel.bias) y = y + bias;
      y = conv_activate(y, panel.activation);
      store_n(tile.y[r] + at, y, V > 1 ? kLanes : n);
    }
  }
}

static void conv_depthwise(const DepthwisePanel& panel, const ConvTile* tiles, int64_t count) {
  for (const ConvTile* tile = tiles; tile != tiles + count; ++tile) {
    int64_t c = 0;
    for (; c + 2 * kLanes <= panel.channels; c += 2 * kLanes)
      depthwise_block<2>(panel, *tile, c, kLanes);
    for (; c < panel.channels; c += kLanes) {
      const int64_t left = panel.channels - c;
      depthwise_block<1>(panel, *tile, c, left < kLanes ? (int)left : kLanes);
    }
  }
}

}  // namespace deepcore::DEEPCORE_ISA
