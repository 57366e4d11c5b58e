// The products of one Winograd plane: c[tile][j] (+)= sum over k of a[tile][k] b[k][j], each
// element one chain of multiply-adds over rising k. Products are many and short (as many as 36
// times the blocks of a layer, over some tens of channels), so a tile is as tall as the registers
// allow and nothing is asked twice.
#pragma once

#include "deepcore/cpu/simd/conv_tile.h"

namespace deepcore::DEEPCORE_ISA {

template <int R, int V>
DC_INLINE void winograd_product(const WinogradProduct& p, int64_t plane, int64_t row,
                                int64_t panel) {
  const ptrdiff_t a_row = p.a_row, c_row = p.c_row;
  const float* b = p.b + plane * p.b_plane + panel * p.b_panel;
  float* c = p.c + plane * p.c_plane + row * c_row + panel * (2 * kLanes);
  // Every row is one addressing mode from four pointers.
  const float* a[4];
  for (int i = 0; i < 4; ++i) a[i] = p.a + plane * p.a_plane + (row + 3 * i) * a_row;
  F32 acc[R][V] = {};
  if (p.accumulate) {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) acc[r][v] = load(c + r * c_row + v * kLanes);
  }
  for (int64_t k = 0; k < p.k; ++k, b += 2 * kLanes) {
    F32 cols[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) cols[v] = load(b + v * kLanes);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      const F32 x = set(a[r / 3][r % 3 * a_row + k]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) acc[r][v] = mul_add(x, cols[v], acc[r][v]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(c + r * c_row + v * kLanes, acc[r][v]);
}

// All planes of `rows` tiles: at most R.
template <int R>
static void winograd_rows(const WinogradProduct& p, int64_t row, int rows) {
  if constexpr (R > 1)
    if (rows < R) return winograd_rows<R - 1>(p, row, rows);
  for (int64_t plane = 0; plane < kWinogradPlanes; ++plane) {
    const int64_t ahead = row > 0 ? 0 : p.ahead_floats;
    for (int64_t i = ahead * plane / kWinogradPlanes; i < ahead * (plane + 1) / kWinogradPlanes;
         i += kLineFloats)
      prefetch(p.ahead + i);
    for (int64_t j = 0; j < p.n; j += 2 * kLanes) {
      if (p.n - j > kLanes)
        winograd_product<R, 2>(p, plane, row, j / (2 * kLanes));
      else
        winograd_product<R, 1>(p, plane, row, j / (2 * kLanes));
    }
  }
}

static void winograd_products(const WinogradProduct& p) {
  const int64_t groups = (p.m + kConvRows - 1) / kConvRows;
  for (int64_t i = 0; i < groups; ++i) {
    const int64_t row = p.m * i / groups;
    winograd_rows<kConvRows>(p, row, (int)(p.m * (i + 1) / groups - row));
  }
}

}  // namespace deepcore::DEEPCORE_ISA
