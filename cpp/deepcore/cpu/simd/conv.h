// Convolution loops that are not plain gemm.
#pragma once

#include "deepcore/cpu/kernels/conv.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

static constexpr ConvKernels conv_kernels = {};

}  // namespace deepcore::DEEPCORE_ISA
