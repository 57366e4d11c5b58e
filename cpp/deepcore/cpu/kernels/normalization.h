// The loops of this family as plain functions of pointers and sizes: rows of mean 0 and spread 1.
// Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace deepcore {

struct NormRows {
  int64_t rows, n;
  const float* x;      // (rows, n)
  const float* gamma;  // (n), or null
  float epsilon;
  bool centred;
};

// A row's result depends on that row alone; each is read from memory once.
struct NormKernels {
  // y = (x - mean) / spread gamma + beta; beta may be null, y may be x.
  void (*normalize)(const NormRows& in, const float* beta, float* y);
  // gx, which may be gy, or null; and for at most 128 rows the sums down the columns of gy (x -
  // mean) / spread and gy, added to ggamma and gbeta: (n) of double, or null.
  void (*normalize_grad)(const NormRows& in, const float* gy, float* gx, double* ggamma,
                         double* gbeta, float* sums /* 2 n */);
};

}  // namespace deepcore
