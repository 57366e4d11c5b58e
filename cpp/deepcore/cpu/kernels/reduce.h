// The loops of this family as plain functions of pointers and sizes: sums, products and extremes.
// Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace deepcore {

// Of a row's sum, this many addends at a time are added up in float.
constexpr int64_t kRowBlock = 1024;

struct ReduceKernels {
  // In the order of ReduceKind.
  enum { kSum, kProd, kMax, kMin, kKinds };

  // out[r] = x[r, 0] o x[r, 1] o ...; x: (count, n). Combined in float within blocks of kRowBlock,
  // in double across them, in an order that depends on n alone. An empty row gives the identity.
  using Rows = void (*)(const float* x, int64_t count, int64_t n, double* out);
  Rows rows[kKinds];

  // total[c] = total[c] o x[0, c] o x[1, c] ...; x: (rows, cols) with rows `stride` apart. In float
  // within blocks of 128 rows, in double across them; a column's order depends on `rows` alone.
  // x[0, readable) is memory that may be read, though not used.
  using Columns = void (*)(const float* x, int64_t rows, int64_t stride, int64_t cols,
                           int64_t readable, double* total);
  Columns columns[kKinds];

  // mean[c] and m2[c] = sum of (x[r, c] - mean[c])^2, for cols columns of x: (rows > 0, cols) with
  // rows `stride` apart. Within blocks of 128 rows in float, from the mean of the rows before or of
  // the first few, in double across them.
  void (*moments)(const float* x, int64_t rows, int64_t stride, int64_t cols, int64_t readable,
                  double* mean, double* m2);

  // at[r]: the position of the first largest (smallest) of the n > 0 floats of a row; of the first
  // NaN, if there is one.
  void (*first_extremes)(const float* x, int64_t rows, int64_t n, bool largest, int32_t* at);
};

}  // namespace deepcore
