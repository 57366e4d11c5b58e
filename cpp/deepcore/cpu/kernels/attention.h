// The loops of attention between its products, as plain functions of pointers and sizes.
// Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace deepcore {

// A block of scores times log2(e), (rows, keys), and what changes them.
struct AttentionScores {
  int64_t rows, keys;
  float* s;
  ptrdiff_t s_row;
  const bool* mask;  // or null, as the bias; neighbours 1 apart, or 0 where broadcast
  ptrdiff_t mask_row, mask_key;
  const float* bias;
  ptrdiff_t bias_row, bias_key;
  bool causal;      // row r sees keys below `visible` + r alone
  int64_t visible;  // may be negative
};

struct AttentionKernels {
  // s = 2^(s - new max); max and sum, of what came before in the row, are brought up to date, and
  // correction = 2^(old max - new max) is what all earlier is to be multiplied with.
  void (*softmax)(const AttentionScores& block, float* max, float* sum, float* correction);
  // s = 2^(s - max) inverse, the weights; ds = scale s (ds - delta), of the slopes of the weights.
  void (*softmax_grad)(const AttentionScores& block, const float* max, const float* inverse,
                       const float* delta, float scale, float* ds);
  // y[i] = y[i] by, rows of n `row` apart, each by its own number.
  void (*scale_rows)(float* y, int64_t rows, int64_t n, ptrdiff_t row, const float* by);
  // out[r] = sum of a b over rows of n, `row` apart.
  void (*dot_rows)(const float* a, const float* b, int64_t rows, int64_t n, ptrdiff_t row,
                   float* out);
};

// What a masked score becomes here: finite, so that a row of nothing else comes out even.
inline constexpr float kMaskedAttention = -0.7f * 3.38953e38f;

}  // namespace deepcore
