// A row of a depthwise 3 x 3 convolution: y[i][c] = finish(sum over a, b of x[a][i stride + b][c] *
// w[3 a + b][c]). Neighbouring pixels share what they read: each cell is loaded once for a group of
// pixels, and channels go innermost, so that memory is read in order.
#pragma once

#include "deepcore/cpu/simd/conv_tile.h"

namespace deepcore::DEEPCORE_ISA {

// As many chains as hide a multiply-add's latency, with the cells of a row of them in registers.
#if defined(__AVX512F__)
constexpr int kDepthwisePixels = 8;
#else
constexpr int kDepthwisePixels = 4;
#endif

// One register of channels of P pixels from pixel i on, n lanes of it.
template <int P, int S, bool kFull>
DC_INLINE void depthwise_group(const DepthwiseRow& row, int64_t i, int64_t c, int n) {
  constexpr int kCells = (P - 1) * S + 3;
  const ptrdiff_t step = row.column;
  const auto get = [&](const float* p)
                       __attribute__((always_inline)) { return kFull ? load(p) : load_n(p, n); };
  if (row.ahead) {
    const float* ahead = row.ahead + i * S * step + c;
#pragma GCC unroll 16
    for (int j = 0; j < P * S; ++j) prefetch(ahead + j * step);
  }
  F32 acc[P][1] = {};
#pragma GCC unroll 3
  for (int a = 0; a < 3; ++a) {
    if (!row.x[a]) continue;
    const float* x = row.x[a] + i * S * step + c;
    F32 cell[kCells];
#pragma GCC unroll 17
    for (int j = 0; j < kCells; ++j) cell[j] = get(x + j * step);
#pragma GCC unroll 3
    for (int b = 0; b < 3; ++b) {
      const F32 w = get(row.w + (3 * a + b) * row.w_step + c);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) acc[p][0] = mul_add(cell[p * S + b], w, acc[p][0]);
    }
  }
  finish_tile(
      acc, row.finish, row.residual != nullptr,
      [&](const float* values, int) __attribute__((always_inline)) { return get(values + c); },
      [&](int p, int)
          __attribute__((always_inline)) { return get(row.residual + (i + p) * step + c); });
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    float* to = row.y + (i + p) * step + c;
    if (kFull && row.past)
      stream(to, acc[p][0]);
    else
      store_n(to, acc[p][0], kFull ? kLanes : n);
  }
}

template <int P, int S>
static void depthwise_channels(const DepthwiseRow& row, int64_t i) {
  int64_t c = 0;
  for (; c + kLanes <= row.channels; c += kLanes) depthwise_group<P, S, true>(row, i, c, kLanes);
  if (c < row.channels) depthwise_group<P, S, false>(row, i, c, (int)(row.channels - c));
}

// Groups of P pixels; the last one reaches back over pixels that are done, to the same bits.
template <int P, int S>
DC_INLINE void depthwise_groups(const DepthwiseRow& row) {
  if constexpr (P > 1)
    if (row.pixels < P) return depthwise_groups<P / 2, S>(row);
  int64_t i = 0;
  for (; i + P <= row.pixels; i += P) depthwise_channels<P, S>(row, i);
  if constexpr (P > 1) {
    if (i == row.pixels) return;
    if (row.pixels - i <= P / 2)
      depthwise_channels<P / 2, S>(row, row.pixels - P / 2);
    else
      depthwise_channels<P, S>(row, row.pixels - P);
  }
}

static void conv_depthwise_row(const DepthwiseRow& row) {
  row.stride == 1 ? depthwise_groups<kDepthwisePixels, 1>(row)
                  : depthwise_groups<kDepthwisePixels, 2>(row);
  if (row.past) stream_end();
  if (finishes_later(row.finish.activation))
    for (int64_t i = 0; i < row.pixels; ++i)
      finish_stored(row.y + i * row.column, row.channels, row.finish.activation);
}

}  // namespace deepcore::DEEPCORE_ISA
