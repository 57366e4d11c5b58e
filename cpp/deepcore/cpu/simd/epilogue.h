// act(sum * scale + bias + residual) over a tile of R rows by V registers, before it is stored.
#pragma once

#include "deepcore/cpu/kernels/epilogue.h"
#include "deepcore/cpu/simd/math.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

// column(p, v): the register v of what p holds for the columns; residual(r, v): the tile's.
template <int R, int V, class Column, class Residual>
DC_INLINE void finish_tile(F32 (&tile)[R][V], const Finish& finish, bool has_residual,
                           const Column& column, const Residual& residual) {
  if (finish.scale) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      const F32 scale = column(finish.scale, v);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) tile[r][v] = tile[r][v] * scale;
    }
  }
  if (finish.bias) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      const F32 bias = column(finish.bias, v);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) tile[r][v] = tile[r][v] + bias;
    }
  }
  if (has_residual) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) tile[r][v] = tile[r][v] + residual(r, v);
  }
  if (finish.activation == Kind::kRelu || finish.activation == Kind::kRelu6) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) tile[r][v] = fast_max(zero(), tile[r][v]);  // NaN and -0 stay
  }
  if (finish.activation == Kind::kRelu6) {
    const F32 six = set(6.0f);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) tile[r][v] = fast_min(six, tile[r][v]);
  }
}

// tanh and sigmoid are too long to sit in every tile: they go over the stored tile, in L1.
DC_INLINE bool finishes_later(Kind activation) {
  return activation == Kind::kTanh || activation == Kind::kSigmoid;
}
__attribute__((noinline, unused)) static void finish_stored(float* y, int64_t n, Kind activation) {
  for (int64_t j = 0; j < n; j += kLanes) {
    const int lanes = n - j < kLanes ? (int)(n - j) : kLanes;
    const F32 v = load_n(y + j, lanes);
    store_n(y + j, activation == Kind::kTanh ? tanh(v) : sigmoid(v), lanes);
  }
}

}  // namespace deepcore::DEEPCORE_ISA
