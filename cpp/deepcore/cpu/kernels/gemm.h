// Packing and micro-kernels of matrix products: C (M, N) = finish(A (M, K) B (K, N)).
// Read by the SIMD files too, so nothing here may need the C++ library. Strides count elements.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "deepcore/cpu/kernels/epilogue.h"

namespace deepcore {

// What every kernel below does to an element of C: one chain of multiply-adds over rising k, from 0
// or from what c holds, then its epilogue. The bits of an element depend on nothing else: not on m,
// n, its position, nor on which of the kernels ran.
struct GemmResult {
  float* c;
  ptrdiff_t c_row;                  // c(i, j) = c[i * c_row + j]; only m x n of it is touched
  bool accumulate = false;          // go on from c: for the second and later blocks of k
  Finish finish = {};               // to be given with the last block of k alone, as the residual
  const float* residual = nullptr;  // its rows are c_row apart too
  bool past = false;                // past the caches: c begins a line, c_row and n take whole ones
};

// Memory that is needed soon, brought into L2 while tiles compute, each its share of the rows. The
// first area is fetched evenly over k, the others, which are to be short, before the tile. (Tiles
// of less than 4 rows leave the first one: their loads set the pace.)
struct GemmAhead {
  struct Area {
    const float* first = nullptr;
    ptrdiff_t row = 0;   // elements between rows
    int64_t floats = 0;  // of each row
  };
  int64_t rows = 0;
  int count = 0;
  Area areas[4] = {};
};

// A block of C. Any m, n, k >= 0; loops over tiles of rows x cols inside, one panel of B after
// another.
struct GemmBlock {
  int64_t m, n, k;
  // a(i, k) = a[i / rows * a_panel + i % rows * a_row + k * a_k]. Row-major (M, K): a_row = lda,
  // a_k = 1, a_panel = rows * lda. Stored (K, M): a_row = 1, a_k = lda, a_panel = rows. Packed: 1,
  // rows, rows * K.
  const float* a;
  ptrdiff_t a_row, a_k, a_panel;
  // b(k, j) = b[j / cols * b_panel + k * b_k + j % cols]. Row-major (K, N): b_k = ldb, b_panel =
  // cols. Packed: b_k = cols, b_panel = cols * K.
  const float* b;
  ptrdiff_t b_k, b_panel;
  bool b_padded;  // the last panel can be read to its full width (packed): no partial loads
  GemmResult to;
  const GemmAhead* ahead = nullptr;
};

struct GemmKernels {
  int rows;  // of a tile, and of a packed panel of A
  int cols;  // of a tile, and of a packed panel of B: two registers
  void (*block)(const GemmBlock& block);
  // Panels of k x rows, one after another, missing rows as zeros: ceil(m / rows) * rows * k floats.
  void (*pack_a)(int64_t m, int64_t k, const float* a, ptrdiff_t a_row, ptrdiff_t a_k, float* out);
  // Panels of k x cols, missing columns as zeros: ceil(n / cols) * cols * k floats; `out_panel`
  // apart (at least cols * k). b(k, j) = b[k * b_k + j * b_col]: b_col = 1 for (K, N), b_k = 1 for
  // (N, K).
  void (*pack_b)(int64_t k, int64_t n, const float* b, ptrdiff_t b_k, ptrdiff_t b_col, float* out,
                 ptrdiff_t out_panel);
};

}  // namespace deepcore
