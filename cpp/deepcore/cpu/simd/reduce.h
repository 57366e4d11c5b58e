// Sums, products and extremes.
#pragma once

#include "deepcore/cpu/kernels/reduce.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

static constexpr ReduceKernels reduce_kernels = {};

}  // namespace deepcore::DEEPCORE_ISA
