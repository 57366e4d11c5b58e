// Sums, products and extremes of rows and columns.
// Blocked summation: error grows with the block, not with the whole (Higham 1993, "The accuracy of
// floating point summation"); the few block results are carried in double.
#pragma once

#include "deepcore/cpu/kernels/reduce.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

struct SumOp {
  static constexpr float kIdentity = 0;
  DC_INLINE F32 apply(F32 a, F32 b) { return a + b; }
  DC_INLINE float apply(float a, float b) { return a + b; }
  DC_INLINE double apply(double a, double b) { return a + b; }
};
struct ProdOp {
  static constexpr float kIdentity = 1;
  DC_INLINE F32 apply(F32 a, F32 b) { return a * b; }
  DC_INLINE float apply(float a, float b) { return a * b; }
  DC_INLINE double apply(double a, double b) { return a * b; }
};
struct MaxOp {  // NaN wins
  static constexpr float kIdentity = -__builtin_inff();
  DC_INLINE F32 apply(F32 a, F32 b) { return max(a, b); }
  DC_INLINE float apply(float a, float b) { return a > b || a != a ? a : b; }
  DC_INLINE double apply(double a, double b) { return a > b || a != a ? a : b; }
};
struct MinOp {
  static constexpr float kIdentity = __builtin_inff();
  DC_INLINE F32 apply(F32 a, F32 b) { return min(a, b); }
  DC_INLINE float apply(float a, float b) { return a < b || a != a ? a : b; }
  DC_INLINE double apply(double a, double b) { return a < b || a != a ? a : b; }
};

// The lanes combined as a tree, in registers: short rows end here often.
template <class O, int kHalf = kLanes / 2>
DC_INLINE float fold(F32 v) {
  if constexpr (kHalf == 0) {
    return v[0];
  } else {
    return fold<O, kHalf / 2>(O::apply(v, rotate<kHalf>(v)));
  }
}

constexpr int64_t kRowBlock = 1024;
constexpr int64_t kColumnBlock = 128;

template <class O>
DC_INLINE F32 row_block(const float* x, int64_t n) {
  // 4 chains cover the latency of an addition on two ports.
  F32 a[4];
  for (F32& v : a) v = set(O::kIdentity);
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes)
    for (int k = 0; k < 4; ++k) a[k] = O::apply(a[k], load(x + i + k * kLanes));
  for (; i + kLanes <= n; i += kLanes) a[0] = O::apply(a[0], load(x + i));
  if (i < n) {
    const Mask mask = first_n((int)(n - i));
    a[1] = O::apply(a[1], select(mask, load_masked(x + i, mask), set(O::kIdentity)));
  }
  return O::apply(O::apply(a[0], a[1]), O::apply(a[2], a[3]));
}

template <class O>
static void reduce_rows(const float* x, int64_t count, int64_t n, double* out) {
  for (int64_t r = 0; r < count; ++r, x += n) {
    double total = O::kIdentity;
    for (int64_t i = 0; i < n; i += kRowBlock)
      total = O::apply(total,
                       (double)fold<O>(row_block<O>(x + i, n - i < kRowBlock ? n - i : kRowBlock)));
    out[r] = total;
  }
}

// f(chain, v, x) for the V vectors of every row; rows take turns at S chains a vector, so that
// narrow rows have as many as the latency of an addition asks for.
template <int V, int S, class At, class F>
DC_INLINE void each_chain(int64_t begin, int64_t end, const At& at, const F& f) {
  int64_t r = begin;
  for (; r + S <= end; r += S)
    for (int s = 0; s < S; ++s)
      for (int v = 0; v < V; ++v) f(s * V + v, v, at(r + s, v));
  for (; r < end; ++r)
    for (int v = 0; v < V; ++v) f(v, v, at(r, v));
}
template <class O, int V, int S>
DC_INLINE void join_chains(F32* chains) {
  for (int half = S / 2; half > 0; half /= 2)
    for (int i = 0; i < half * V; ++i) chains[i] = O::apply(chains[i], chains[i + half * V]);
}

// V vectors of columns at a time, 8 chains. Only the first `cols` are kept.
template <class O, int V>
DC_INLINE void column_strip(const float* x, int64_t rows, int64_t stride, int cols,
                            int64_t readable, double* total) {
  constexpr int S = 8 / V;
  const Mask mask = first_n(cols);
  const auto at = [&](int64_t r, int v) {
    const float* p = x + r * stride + v * kLanes;
    // Reading on into the next row is cheaper than a partial load, and safe but for the last rows.
    if (V > 1 || r * stride + kLanes <= readable) return load(p);
    return load_masked(p, mask);
  };
  for (int64_t begin = 0; begin < rows; begin += kColumnBlock) {
    const int64_t end = begin + kColumnBlock < rows ? begin + kColumnBlock : rows;
    F32 chains[V * S];
    for (F32& chain : chains) chain = set(O::kIdentity);
    each_chain<V, S>(begin, end, at,
                     [&](int i, int, F32 value) { chains[i] = O::apply(chains[i], value); });
    join_chains<O, V, S>(chains);
    float t[V * kLanes];
    for (int v = 0; v < V; ++v) store(t + v * kLanes, chains[v]);
    for (int c = 0; c < cols; ++c) total[c] = O::apply(total[c], (double)t[c]);
  }
}

template <class O>
static void reduce_columns(const float* x, int64_t rows, int64_t stride, int64_t cols,
                           int64_t readable, double* total) {
  constexpr int kWide = 4;
  int64_t c = 0;
  for (; c + kWide * kLanes <= cols; c += kWide * kLanes)
    column_strip<O, kWide>(x + c, rows, stride, kWide * kLanes, readable - c, total + c);
  for (; c + 2 * kLanes <= cols; c += 2 * kLanes)
    column_strip<O, 2>(x + c, rows, stride, 2 * kLanes, readable - c, total + c);
  for (; c < cols; c += kLanes)
    column_strip<O, 1>(x + c, rows, stride, (int)(cols - c < kLanes ? cols - c : kLanes),
                       readable - c, total + c);
}

}  // namespace deepcore::DEEPCORE_ISA
