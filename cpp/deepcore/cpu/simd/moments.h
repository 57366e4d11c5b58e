// Mean and squared deviations of columns, in one trip to memory.
// Blocks of 128 rows stay in L1 for their two passes; blocks are combined as Chan, Golub & LeVeque
// (1983) do, so that a mean far from zero costs no digits.
#pragma once

#include "deepcore/cpu/simd/reduce.h"

namespace deepcore::DEEPCORE_ISA {

// V vectors of columns at a time; only the first `cols` are kept.
template <int V>
DC_INLINE void moments_strip(const float* x, int64_t rows, int64_t stride, int cols,
                             int64_t readable, double* mean, double* m2) {
  constexpr int S = 4 / V;
  const Mask mask = first_n(cols);
  const auto at = [&](int64_t r, int v) {
    const float* p = x + r * stride + v * kLanes;
    if (V > 1 || r * stride + kLanes <= readable) return load(p);
    return load_masked(p, mask);
  };
  for (int64_t begin = 0; begin < rows; begin += kColumnBlock) {
    const int64_t end = begin + kColumnBlock < rows ? begin + kColumnBlock : rows;
    const float n = (float)(end - begin);
    F32 sum[V * S], centre[V], off[V * S], squares[V * S];
    for (int i = 0; i < V * S; ++i) sum[i] = off[i] = squares[i] = set(0.0f);
    each_chain<V, S>(begin, end, at, [&](int i, int, F32 x) { sum[i] = sum[i] + x; });
    join_chains<SumOp, V, S>(sum);
    for (int v = 0; v < V; ++v) centre[v] = sum[v] / set(n);
    // The rounded centre is a little off the mean: `off` says by how much.
    each_chain<V, S>(begin, end, at, [&](int i, int v, F32 x) {
      const F32 d = x - centre[v];
      off[i] = off[i] + d;
      squares[i] = mul_add(d, d, squares[i]);
    });
    join_chains<SumOp, V, S>(off);
    join_chains<SumOp, V, S>(squares);
    float c[V * kLanes], o[V * kLanes], s[V * kLanes];
    for (int v = 0; v < V; ++v) {
      store(c + v * kLanes, centre[v]);
      store(o + v * kLanes, off[v]);
      store(s + v * kLanes, squares[v]);
    }
    const double share = (double)(end - begin) / (double)end;
    const double between = (double)begin * share, one = 1.0 / (double)(end - begin);
    for (int i = 0; i < cols; ++i) {
      const double block_mean = (double)c[i] + (double)o[i] * one;
      const double block_m2 = (double)s[i] - (double)o[i] * (double)o[i] * one;
      const double delta = block_mean - mean[i];
      mean[i] += delta * share;
      m2[i] += block_m2 + delta * delta * between;
    }
  }
}

static void column_moments(const float* x, int64_t rows, int64_t stride, int64_t cols,
                           int64_t readable, double* mean, double* m2) {
  constexpr int kWide = 4;
  for (int64_t c = 0; c < cols; ++c) mean[c] = m2[c] = 0;
  int64_t c = 0;
  for (; c + kWide * kLanes <= cols; c += kWide * kLanes)
    moments_strip<kWide>(x + c, rows, stride, kWide * kLanes, readable - c, mean + c, m2 + c);
  for (; c + 2 * kLanes <= cols; c += 2 * kLanes)
    moments_strip<2>(x + c, rows, stride, 2 * kLanes, readable - c, mean + c, m2 + c);
  for (; c < cols; c += kLanes)
    moments_strip<1>(x + c, rows, stride, (int)(cols - c < kLanes ? cols - c : kLanes),
                     readable - c, mean + c, m2 + c);
}

}  // namespace deepcore::DEEPCORE_ISA
