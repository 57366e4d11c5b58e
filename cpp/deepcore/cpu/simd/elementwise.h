// The Program interpreter and conversions.
#pragma once

#include "deepcore/cpu/kernels/elementwise.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

static constexpr ElementwiseKernels elementwise_kernels = {};

}  // namespace deepcore::DEEPCORE_ISA
