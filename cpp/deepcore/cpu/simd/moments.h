// Mean and squared deviations of columns, in one trip to memory.
// A block's deviations are taken from the mean of all rows before it, the first block's from that
// of its first rows, and blocks are combined as Chan, Golub & LeVeque (1983) do: a mean far from
// zero costs no digits. Where a block's mean lies far from that centre, so do the rows that gave
// it, and the whole deviation is as large as what the block's own loses.
#pragma once

#include "deepcore/cpu/simd/reduce.h"

namespace deepcore::DEEPCORE_ISA {

// mean[c] = that of a column's first rows.
static void first_centres(const float* x, int64_t rows, int64_t stride, int64_t cols,
                          double* mean) {
  constexpr int64_t kFirst = 8;
  const int64_t n = rows < kFirst ? rows : kFirst;
  for (int64_t c = 0; c < cols; ++c) mean[c] = 0;
  for (int64_t r = 0; r < n; ++r)
    for (int64_t c = 0; c < cols; ++c) mean[c] += (double)x[r * stride + c];
  for (int64_t c = 0; c < cols; ++c) mean[c] /= (double)n;
}

// The deviations of a strip from `mean`, and at the end of a block the mean and m2 with them.
template <int V>
DC_INLINE void moments_strip(const StripRows& strip, double* mean, double* m2) {
  constexpr int S = kStripChains / 2 / V, N = V * S;
  float centres[V * kLanes] = {};
  for (int c = 0; c < strip.cols; ++c) centres[c] = (float)mean[c];
  F32 centre[V], off[N], squares[N];
  for (int v = 0; v < V; ++v) centre[v] = load(centres + v * kLanes);
  for (int i = 0; i < N; ++i) {
    off[i] = strip.first() ? zero() : load(strip.state + i * kLanes);
    squares[i] = strip.first() ? zero() : load(strip.state + (N + i) * kLanes);
  }
  // Sums of a few rows each, and of those: errors grow with either length, not with their product.
  for (int64_t begin = strip.begin; begin < strip.end; begin += kSweptRows) {
    const int64_t end = begin + kSweptRows < strip.end ? begin + kSweptRows : strip.end;
    F32 d_sum[N] = {}, d_squares[N] = {};
    each_chain<V, S>(
        begin, end,
        [&](int64_t r, int v) {
          // The next strip, which L2 has by now.
          if (strip.ahead) prefetch_near(strip.x + r * strip.stride + (V + v) * kLanes);
          return strip_at<V>(strip, r, v);
        },
        [&](int i, int v, F32 x) {
          const F32 d = x - centre[v];
          d_sum[i] = d_sum[i] + d;
          d_squares[i] = mul_add(d, d, d_squares[i]);
        });
    for (int i = 0; i < N; ++i) {
      off[i] = off[i] + d_sum[i];
      squares[i] = squares[i] + d_squares[i];
    }
  }
  if (!strip.last()) {
    for (int i = 0; i < N; ++i) {
      store(strip.state + i * kLanes, off[i]);
      store(strip.state + (N + i) * kLanes, squares[i]);
    }
    return;
  }
  join_chains<SumOp, V, S>(off);
  join_chains<SumOp, V, S>(squares);
  float o[V * kLanes], s[V * kLanes];
  for (int v = 0; v < V; ++v) {
    store(o + v * kLanes, off[v]);
    store(s + v * kLanes, squares[v]);
  }
  const double rows = (double)(strip.block_end - strip.block_begin), one = 1.0 / rows;
  const double share = rows / (double)strip.block_end;
  const double between = (double)strip.block_begin * share;
  for (int c = 0; c < strip.cols; ++c) {
    const double block_mean = (double)centres[c] + (double)o[c] * one;
    const double block_m2 = (double)s[c] - (double)o[c] * (double)o[c] * one;
    const double delta = block_mean - mean[c];
    mean[c] += delta * share;
    m2[c] += block_m2 + delta * delta * between;
  }
}

static void column_moments(const float* x, int64_t rows, int64_t stride, int64_t cols,
                           int64_t readable, double* mean, double* m2) {
  first_centres(x, rows, stride, cols, mean);
  for (int64_t c = 0; c < cols; ++c) m2[c] = 0;
  sweep_columns(x, rows, stride, cols, readable,
                [&]<int V>(const StripRows& strip, int64_t first) __attribute__((always_inline)) {
                  moments_strip<V>(strip, mean + first, m2 + first);
                });
}

}  // namespace deepcore::DEEPCORE_ISA
