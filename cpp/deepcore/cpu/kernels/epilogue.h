// What the matmul and convolution loops do to a sum on its way out: act(sum * scale + bias +
// residual), each step rounded as it would be alone: the bits are those of the ops one by one.
// Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include "deepcore/ops/program.h"

namespace deepcore {

// A null pointer leaves its step out. The residual lies as the result does, and comes beside it.
struct Finish {
  const float* scale = nullptr;       // a value a column
  const float* bias = nullptr;        // a value a column
  Kind activation = Kind::kIdentity;  // or kRelu, kRelu6, kTanh, kSigmoid

  Finish from_column(int64_t column) const {
    return {scale ? scale + column : nullptr, bias ? bias + column : nullptr, activation};
  }
};

}  // namespace deepcore
