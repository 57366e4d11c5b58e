// The gradient of a convolution with respect to its kernel: out[k][o] = sum over p of x[p][k]
// gy[p][o]. x: a copy of input pixels with its padding, so that every kernel cell k reads it at a
// fixed distance from the pixel; gy: (pixels, O). The sum runs over rising p.
#pragma once

#include "deepcore/cpu/kernels/conv.h"
#include "deepcore/cpu/simd/conv_tile.h"

namespace deepcore::DEEPCORE_ISA {

template <int V>
DC_INLINE void conv_filter_registers(const FilterPanel& panel) {
  constexpr int kCols = 2 * kLanes;
  const ptrdiff_t gy_row = panel.gy_row;
  for (int64_t first = 0; first < panel.rows; first += kConvRows) {
    const int32_t* row = panel.row + first;
    float* out = panel.out + first * kCols;
    F32 acc[kConvRows][V] = {};
    if (panel.accumulate)
#pragma GCC unroll 12
      for (int r = 0; r < kConvRows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) acc[r][v] = load(out + r * kCols + v * kLanes);
    const float* x[kConvRows];
#pragma GCC unroll 12
    for (int r = 0; r < kConvRows; ++r) x[r] = panel.x + row[r];
    const int32_t* const range = panel.range + first / kConvRows * 2;
    const float* gy = panel.gy + range[0] * gy_row;
    for (int64_t p = range[0]; p < range[1]; ++p, gy += gy_row) {
      F32 g[V];
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) g[v] = load(gy + v * kLanes);
      const int64_t at = panel.pixel[p];
#pragma GCC unroll 12
      for (int r = 0; r < kConvRows; ++r) {
        const F32 a = set(x[r][at]);
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) acc[r][v] = mul_add(a, g[v], acc[r][v]);
      }
    }
#pragma GCC unroll 12
    for (int r = 0; r < kConvRows; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) store(out + r * kCols + v * kLanes, acc[r][v]);
  }
}

static void conv_filter(const FilterPanel& panel) {
  panel.n > kLanes ? conv_filter_registers<2>(panel) : conv_filter_registers<1>(panel);
}

}  // namespace deepcore::DEEPCORE_ISA
