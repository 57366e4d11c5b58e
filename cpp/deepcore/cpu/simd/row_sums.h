// Walks over the registers of a row, and sums of what is computed there.
// As in reduce.h: float within blocks of 1,024, double across them.
#pragma once

#include "deepcore/cpu/simd/reduce.h"

namespace deepcore::DEEPCORE_ISA {

#define DC_LAMBDA __attribute__((always_inline))

// Calls f(i, lanes) for each register of [0, n): only the last may have fewer than kLanes.
template <class F>
DC_INLINE void for_each_register(int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, kLanes);
  if (i < n) f(i, (int)(n - i));
}

// The sums of K numbers at each place of a row: f(i, lanes, v) gives a register of each, whose
// other lanes must be 0. Two chains each.
template <int K, class F>
DC_INLINE void row_sums(int64_t n, double (&total)[K], F f) {
  for (double& t : total) t = 0;
  for (int64_t begin = 0; begin < n; begin += kRowBlock) {
    F32 even[K], odd[K], v[K];
    for (int k = 0; k < K; ++k) even[k] = odd[k] = zero();
    const auto add = [&](F32(&sums)[K], int64_t i, int m) DC_LAMBDA {
      f(i, m, v);
      for (int k = 0; k < K; ++k) sums[k] = sums[k] + v[k];
    };
    const int64_t end = n - begin < kRowBlock ? n : begin + kRowBlock;
    int64_t i = begin;
    for (; i + 2 * kLanes <= end; i += 2 * kLanes) {
      add(even, i, kLanes);
      add(odd, i + kLanes, kLanes);
    }
    for_each_register(end - i, [&](int64_t j, int m) DC_LAMBDA { add(even, i + j, m); });
    for (int k = 0; k < K; ++k) total[k] += (double)fold<SumOp>(even[k] + odd[k]);
  }
}
template <class F>
DC_INLINE double row_sum(int64_t n, F f) {
  double total[1];
  row_sums(n, total, [&](int64_t i, int m, F32* v) DC_LAMBDA { v[0] = f(i, m); });
  return total[0];
}

// How far behind a register of a row that to fetch lies which is read next, with `rows` rows of n
// after this one: some pages at least, as a short row is over before anything has come from memory.
DC_INLINE int64_t row_ahead(int64_t rows, int64_t n) {
  constexpr int64_t kAhead = 1024;
  const int64_t far = n < kAhead ? kAhead : n;
  return rows * n < far ? rows * n : far;
}

}  // namespace deepcore::DEEPCORE_ISA
