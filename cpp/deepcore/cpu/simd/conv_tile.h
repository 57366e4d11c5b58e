// y[pixel][j] = finish(sum over taps, k of x[pixel][tap][k] * b[tap][k][j]).
// x: runs of channels read where they lie in (N, H, W, C); b: panels (K, 2 registers).
// An implicit product as in "The Indirect Convolution Algorithm", Dukhan 2019: pointers to input
// pixels take the place of im2col, and taps that fall outside the image are left out.
#pragma once

#include "deepcore/cpu/kernels/conv.h"
#include "deepcore/cpu/simd/epilogue.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

// 12 sums hide the latency of two multiply-adds a cycle, and the two loads of b serve all rows.
// With 32 registers 24 sums halve the loads a multiply-add needs.
#if defined(__AVX512F__)
constexpr int kConvRows = 12;
#else
constexpr int kConvRows = 6;
#endif
static_assert(kConvRows <= kMostConvRows);

// The next line to fetch: one for each step along k, as fast as memory gives them.
struct ConvAhead {
  const float* at;
  ptrdiff_t step;
};

// Adds one tap to the accumulators of R pixels by V registers; at(r, k) reads a pixel's run.
template <int R, int V, class At>
DC_INLINE void conv_run(F32 (&acc)[R][V], int64_t run, const float* b, ConvAhead& ahead,
                        const At& at) {
  const float* next = ahead.at;
  const ptrdiff_t step = ahead.step;
  for (int64_t k = 0; k < run; ++k, b += 2 * kLanes, next += step) {
    prefetch(next);
    F32 cols[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) cols[v] = load(b + v * kLanes);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      const F32 a = set(at(r, k));
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) acc[r][v] = mul_add(a, cols[v], acc[r][v]);
    }
  }
  ahead.at = next;
}

template <int R, int V>
DC_INLINE void conv_tap(F32 (&acc)[R][V], const ConvTap& tap, const ConvPanel& panel,
                        ConvAhead& ahead) {
  const float* b = panel.b + tap.b * (2 * kLanes);
  if (tap.step != 0) {  // every pixel is one addressing mode from a few pointers
    const ptrdiff_t step = tap.step;
    const float* x[(R + 2) / 3];
#pragma GCC unroll 4
    for (int i = 0; i < (R + 2) / 3; ++i) x[i] = tap.x[0] + panel.shift + 3 * i * step;
    conv_run(acc, panel.run, b, ahead, [&](int r, int64_t k) __attribute__((always_inline)) {
      return x[r / 3][r % 3 * step + k];
    });
  } else {  // more pointers than there are registers for them
    const float* x[R];
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) x[r] = tap.x[r] + panel.shift;
    conv_run(acc, panel.run, b, ahead,
             [&](int r, int64_t k) __attribute__((always_inline)) { return x[r][k]; });
  }
}

// R pixels of a tile by V registers. kFull: all lanes of the last register exist.
template <int R, int V, bool kFull>
DC_INLINE void conv_tile(const ConvPanel& panel, const ConvTile& tile, ConvAhead& ahead) {
  const int edge = panel.n - (V - 1) * kLanes;
  const auto get = [&](const float* p, int v) __attribute__((always_inline)) {
    return kFull || v + 1 < V ? load(p + v * kLanes) : load_n(p + v * kLanes, edge);
  };
  F32 acc[R][V] = {};
  if (panel.accumulate) {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) acc[r][v] = get(tile.y[r] + panel.column, v);
  }
  for (const ConvTap* tap = tile.taps; tap != tile.taps + tile.count; ++tap)
    conv_tap(acc, *tap, panel, ahead);
  finish_tile(acc, panel.finish, panel.residual, get,
              [&](int r, int v) __attribute__((always_inline)) {
                return get(tile.residual[r] + panel.column, v);
              });
  if (kFull && panel.past) {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) stream(tile.y[r] + panel.column + v * kLanes, acc[r][v]);
    return;
  }
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) {
    float* y = tile.y[r] + panel.column;
    if (V > 1) store(y, acc[r][0]);
    float* last = y + (V - 1) * kLanes;
    kFull ? store(last, acc[r][V - 1]) : store_n(last, acc[r][V - 1], edge);
  }
  if (finishes_later(panel.finish.activation))
    for (int r = 0; r < R; ++r)
      finish_stored(tile.y[r] + panel.column, panel.n, panel.finish.activation);
}

// The least even number of rows that holds the tile's.
template <int R, int V, bool kFull>
DC_INLINE void conv_tile_of(const ConvPanel& panel, const ConvTile& tile, ConvAhead& ahead) {
  if constexpr (R > kLeastConvRows)
    if (tile.rows <= R - 2) return conv_tile_of<R - 2, V, kFull>(panel, tile, ahead);
  conv_tile<R, V, kFull>(panel, tile, ahead);
}

template <int V, bool kFull>
static void conv_tiles(const ConvPanel& panel, const ConvTile* tiles, int64_t count) {
  const ConvAhead nothing{panel.b, 0};
  ConvAhead ahead = panel.ahead_floats > 0 ? ConvAhead{panel.ahead, kLineFloats} : nothing;
  for (const ConvTile* tile = tiles; tile != tiles + count; ++tile) {
    conv_tile_of<kConvRows, V, kFull>(panel, *tile, ahead);
    if (ahead.step && ahead.at >= panel.ahead + panel.ahead_floats) ahead = nothing;
  }
}

static void conv_panel(const ConvPanel& panel, const ConvTile* tiles, int64_t count) {
  if (panel.n == 2 * kLanes)
    conv_tiles<2, true>(panel, tiles, count);
  else if (panel.n > kLanes)
    conv_tiles<2, false>(panel, tiles, count);
  else if (panel.n == kLanes)
    conv_tiles<1, true>(panel, tiles, count);
  else
    conv_tiles<1, false>(panel, tiles, count);
  if (panel.past) stream_end();
}

}  // namespace deepcore::DEEPCORE_ISA
