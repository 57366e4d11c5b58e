// Copies A and B into panels: what a tile reads for one k lies together, and panels follow each
// other. a (M, K) -> (M / rows, K, rows); b (K, N) -> (N / cols, K, cols), zeros where a panel has
// no row or column.
#pragma once

#include "deepcore/cpu/simd/gemm_tile.h"
#include "deepcore/cpu/simd/transpose.h"

namespace deepcore::DEEPCORE_ISA {

// k rows of a whole panel whose A is stored by columns: a register each, whose surplus lanes the
// next one overwrites.
DC_INLINE void gemm_copy_rows(int64_t k, const float* a, ptrdiff_t a_k, float* out) {
  int64_t t = 0;
  if constexpr (kLanes == 8) {
    const Mask mask = first_n(kGemmRows);
    for (; t + 1 < k; ++t) store(out + t * kGemmRows, load_masked(a + t * a_k, mask));
  }
  for (; t < k; ++t) __builtin_memcpy(out + t * kGemmRows, a + t * a_k, kGemmRows * sizeof(float));
}

// Four rows by a register of k, turned over.
DC_INLINE void gemm_turn(const float* a, ptrdiff_t a_row, float* out) {
  F32 row[4], turned[4];
  for (int i = 0; i < 4; ++i) row[i] = load(a + i * a_row);
  transpose_quads(row, turned);
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c)
#pragma GCC unroll 4
    for (int t = c; t < kLanes; t += 4)
      __builtin_memcpy(out + t * kGemmRows, (const float*)&turned[c] + (t - c), 4 * sizeof(float));
}
// A whole panel whose A is stored by rows, four rows at a time: those stay in L1 however far apart
// they lie. The last four may overlap those before.
DC_INLINE void gemm_turn_panel(int64_t k, const float* a, ptrdiff_t a_row, float* out) {
  const int64_t whole = k / kLanes * kLanes;
  for (int64_t t = 0; t < whole; t += kLanes)
    for (int r = 0; r < kGemmRows; r += 4) {
      const int first = r < kGemmRows - 4 ? r : kGemmRows - 4;
      gemm_turn(a + first * a_row + t, a_row, out + t * kGemmRows + first);
    }
  for (int64_t t = whole; t < k; ++t)
    for (int r = 0; r < kGemmRows; ++r) out[t * kGemmRows + r] = a[r * a_row + t];
}

static void gemm_pack_a(int64_t m, int64_t k, const float* a, ptrdiff_t a_row, ptrdiff_t a_k,
                        float* out) {
  int64_t done = 0;
  if (a_row == 1) {
    // Eight of k at a time for all panels: a cache line of A holds rows of three, and must not be
    // lost between.
    done = m / kGemmRows * kGemmRows;
    for (int64_t t = 0; t < k; t += 8)
      for (int64_t i = 0; i < done; i += kGemmRows)
        gemm_copy_rows(k - t < 8 ? k - t : 8, a + i + t * a_k, a_k, out + i * k + t * kGemmRows);
  } else if (a_k == 1) {
    done = m / kGemmRows * kGemmRows;
    for (int64_t i = 0; i < done; i += kGemmRows)
      gemm_turn_panel(k, a + i * a_row, a_row, out + i * k);
  }
  for (int64_t i = done; i < m; i += kGemmRows)
    for (int64_t t = 0; t < k; ++t)
      for (int r = 0; r < kGemmRows; ++r)
        out[i * k + t * kGemmRows + r] = i + r < m ? a[(i + r) * a_row + t * a_k] : 0.0f;
}

// One register of columns of a panel, of which n are there.
DC_INLINE void gemm_pack_register(int64_t k, int n, const float* b, ptrdiff_t b_k, ptrdiff_t b_col,
                                  float* out) {
  if (b_col == 1) {
    const Mask mask = first_n(n);
    if (n == kLanes) {
      for (int64_t t = 0; t < k; ++t) store(out + t * kGemmCols, load(b + t * b_k));
    } else {
      for (int64_t t = 0; t < k; ++t) store(out + t * kGemmCols, load_masked(b + t * b_k, mask));
    }
    return;
  }
  int64_t t = 0;
  if (b_k == 1 && n == kLanes) {
    for (; t + 4 <= k; t += 4) {
      F32 col[4];
      load_columns(b + t, b_col, col);
      for (int c = 0; c < 4; ++c) store(out + (t + c) * kGemmCols, col[c]);
    }
  }
  for (; t < k; ++t)
    for (int j = 0; j < kLanes; ++j) out[t * kGemmCols + j] = j < n ? b[t * b_k + j * b_col] : 0.0f;
}

static void gemm_pack_b(int64_t k, int64_t n, const float* b, ptrdiff_t b_k, ptrdiff_t b_col,
                        float* out, ptrdiff_t out_panel) {
  // Rows that lie together are read a few at a time across all panels, so that memory streams.
  const int64_t step = b_col == 1 ? 8 : k;
  for (int64_t t = 0; t < k; t += step) {
    const int64_t depth = k - t < step ? k - t : step;
    float* to = out + t * kGemmCols;
    for (int64_t j = 0; j < n; j += kGemmCols, to += out_panel) {
      for (int half = 0; half < kGemmCols; half += kLanes) {
        const int64_t left = n - j - half;
        gemm_pack_register(depth,
                           left <= 0       ? 0
                           : left < kLanes ? (int)left
                                           : kLanes,
                           b + t * b_k + (j + half) * b_col, b_k, b_col, to + half);
      }
    }
  }
}

}  // namespace deepcore::DEEPCORE_ISA
