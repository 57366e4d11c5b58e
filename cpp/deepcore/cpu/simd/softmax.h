// Rows: softmax, log-softmax, cross-entropy.
#pragma once

#include "deepcore/cpu/kernels/softmax.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

static constexpr SoftmaxKernels softmax_kernels = {};

}  // namespace deepcore::DEEPCORE_ISA
