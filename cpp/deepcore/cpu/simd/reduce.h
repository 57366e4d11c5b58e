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

// The same in an instruction each, of operands that are no NaN.
struct FastMaxOp : MaxOp {
  DC_INLINE F32 apply(F32 a, F32 b) { return fast_max(a, b); }
};
struct FastMinOp : MinOp {
  DC_INLINE F32 apply(F32 a, F32 b) { return fast_min(a, b); }
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

// Wide rows are read a few at a time, strip after strip, and fetched in the order of memory: down a
// whole block a strip's rows lie pages apart, and many places read at once are slower than one.
constexpr int64_t kSweptRows = 8, kSweptColumns = 1024, kSweptAhead = 8192;
// What a strip keeps from one few rows to the next: 8 registers.
constexpr int kStripChains = 8;
constexpr int64_t kStripState = kStripChains * kLanes;

// Calls f<V>(first column, columns) for strips of V = 4, 2 or 1 registers; the last may be
// narrower.
template <class F>
DC_INLINE void each_strip(int64_t cols, const F& f) {
  int64_t c = 0;
  for (; c + 4 * kLanes <= cols; c += 4 * kLanes) f.template operator()<4>(c, 4 * kLanes);
  for (; c + 2 * kLanes <= cols; c += 2 * kLanes) f.template operator()<2>(c, 2 * kLanes);
  for (; c < cols; c += kLanes)
    f.template operator()<1>(c, cols - c < kLanes ? (int)(cols - c) : kLanes);
}

// The rows [begin, end) of a strip of V registers of columns, of a block that ends at row
// `block_end`.
struct StripRows {
  const float* x;  // row 0 of the strip
  int64_t begin, end, block_begin, block_end, stride;
  int cols;
  int64_t readable;
  float* state;
  const float* ahead;  // fetched meanwhile, as much as is read; null without

  bool first() const { return begin == block_begin; }
  bool last() const { return end == block_end; }
};
template <int V>
DC_INLINE F32 strip_at(const StripRows& rows, int64_t r, int v) {
  const float* p = rows.x + r * rows.stride + v * kLanes;
  if (rows.ahead) prefetch(rows.ahead + ((r - rows.begin) * V + v) * kLanes);
  // Reading on into the next row is cheaper than a partial load, and safe but for the last rows.
  if (V > 1 || r * rows.stride + kLanes <= rows.readable) return load(p);
  return load_masked(p, first_n(rows.cols));
}

// Calls f<V>(rows, first column): blocks of rows in their order, within them a few rows after the
// other, within those strip after strip.
template <class F>
DC_INLINE void sweep_columns(const float* x, int64_t rows, int64_t stride, int64_t cols,
                             int64_t readable, const F& f) {
  float state[(kSweptColumns / (4 * kLanes) + 3) * kStripState];
  for (int64_t left = 0; left < cols; left += kSweptColumns) {
    const int64_t width = cols - left < kSweptColumns ? cols - left : kSweptColumns;
    const bool swept = width > 4 * kLanes;
    const int64_t step = swept ? kSweptRows : kColumnBlock;
    for (int64_t block = 0; block < rows; block += kColumnBlock) {
      const int64_t block_end = block + kColumnBlock < rows ? block + kColumnBlock : rows;
      for (int64_t r = block; r < block_end; r += step) {
        const int64_t end = r + step < block_end ? r + step : block_end;
        float* strip_state = state;
        each_strip(width, [&]<int V>(int64_t c, int strip_cols) __attribute__((always_inline)) {
          const int64_t at = left + c;
          const int64_t next = (r + step) * stride + left + kSweptAhead + c * step;
          const float* ahead = swept && next < readable ? x + next : nullptr;
          f.template operator()<V>(StripRows{x + at, r, end, block, block_end, stride, strip_cols,
                                             readable - at, strip_state, ahead},
                                   at);
          strip_state += kStripState;
        });
      }
    }
  }
}

template <class O>
static void reduce_columns(const float* x, int64_t rows, int64_t stride, int64_t cols,
                           int64_t readable, double* total) {
  sweep_columns(x, rows, stride, cols, readable,
                [&]<int V>(const StripRows& strip, int64_t first) __attribute__((always_inline)) {
                  constexpr int S = kStripChains / V;
                  F32 chains[V * S];
                  for (int i = 0; i < V * S; ++i)
                    chains[i] = strip.first() ? set(O::kIdentity) : load(strip.state + i * kLanes);
                  each_chain<V, S>(
                      strip.begin, strip.end,
                      [&](int64_t r, int v) { return strip_at<V>(strip, r, v); },
                      [&](int i, int, F32 value) { chains[i] = O::apply(chains[i], value); });
                  if (!strip.last()) {
                    for (int i = 0; i < V * S; ++i) store(strip.state + i * kLanes, chains[i]);
                    return;
                  }
                  join_chains<O, V, S>(chains);
                  float t[V * kLanes];
                  for (int v = 0; v < V; ++v) store(t + v * kLanes, chains[v]);
                  double* to = total + first;
                  for (int c = 0; c < strip.cols; ++c) to[c] = O::apply(to[c], (double)t[c]);
                });
}

}  // namespace deepcore::DEEPCORE_ISA
