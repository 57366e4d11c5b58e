// The loops of this family as plain functions of pointers and sizes: rows: softmax, log-softmax,
// cross-entropy. Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace deepcore {

// What a label may be beside a class of [0, n).
inline constexpr int64_t kIgnoredLabel = -1;  // loss and gradient are 0
inline constexpr int64_t kBadLabel = -2;      // loss and gradient are NaN

// x: (rows, n). A row's result depends on that row alone, and one that holds NaN or +inf, or -inf
// alone, comes out as NaN where the formula says so.
struct SoftmaxKernels {
  // y = exp(x - max x) / sum exp(x - max x); y may be x.
  void (*softmax)(const float* x, float* y, int64_t rows, int64_t n);
  // y = x - max x - log sum exp(x - max x); y may be x.
  void (*log_softmax)(const float* x, float* y, int64_t rows, int64_t n);
  // gx = y (gy - sum gy y)
  void (*softmax_grad)(const float* y, const float* gy, float* gx, int64_t rows, int64_t n);
  // loss[r] = log sum exp(x[r]) - x[r, label[r]]
  void (*cross_entropy)(const float* x, const int64_t* label, float* loss, int64_t rows, int64_t n);
  // gx[r] = g[r] (softmax(x[r]) - onehot(label[r]))
  void (*cross_entropy_grad)(const float* x, const int64_t* label, const float* g, float* gx,
                             int64_t rows, int64_t n);
  // y = -log(clip(p, 1e-7, 1 - 1e-7)); NaN stays.
  void (*clipped_loss)(const float* p, float* y, int64_t n);
};

}  // namespace deepcore
