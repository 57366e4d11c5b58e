// The loops of this family as plain functions of pointers and sizes: Philox, uniform, normal,
// dropout. Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace deepcore {

// The key of a draw: block b is Philox4x32-10 of key `seed` at counter (b, stream), low words
// first.
struct RandomKey {
  uint64_t seed, stream;
};

// Element i is made of word i % 4 of block i / 4 alone. `block` is that of out[0], x[0]: a task
// starts at a multiple of 4.
struct RandomKernels {
  // The words themselves.
  void (*words)(RandomKey key, uint64_t block, uint32_t* out, int64_t n);
  // The upper 24 bits / 2^24: [0, 1), the same bits on every instruction set.
  void (*uniform)(RandomKey key, uint64_t block, float* out, int64_t n);
  // The normal quantile of (word + 1/2) / 2^32.
  void (*normal)(RandomKey key, uint64_t block, float* out, int64_t n);
  // The same, of what lies in [-2, 2].
  void (*truncated_normal)(RandomKey key, uint64_t block, float* out, int64_t n);
  // y = uniform >= rate ? x scale : 0; y may be x.
  void (*dropout)(RandomKey key, uint64_t block, const float* x, float* y, int64_t n, float rate,
                  float scale);
};

}  // namespace deepcore
