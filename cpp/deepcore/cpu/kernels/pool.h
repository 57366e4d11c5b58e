// The loops of this family as plain functions of pointers and sizes: pooling and its gradients.
// Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace deepcore {

// One row of windows over (H, W, C). Cells outside the image don't exist: they are no candidates
// for a maximum, and averages don't count them.
struct PoolRow {
  int64_t rows;               // of the image that the windows see
  int64_t w, c;               // of the image
  int64_t windows;            // y and gy are (windows, C)
  int64_t size, stride, pad;  // along W
};

// x, v and gx begin at the first row that the windows see. The gradients add to gx.
struct PoolKernels {
  void (*max)(const PoolRow& row, const float* x, float* y);
  void (*max_take)(const PoolRow& row, const float* x, const float* v, float* y);
  void (*max_grad)(const PoolRow& row, const float* x, const float* gy, float* gx);
  void (*average)(const PoolRow& row, const float* x, float* y);
  void (*average_grad)(const PoolRow& row, const float* gy, float* gx);
};

}  // namespace deepcore
