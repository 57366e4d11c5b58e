// Packing and micro-kernels of matrix products.
#pragma once

#include "deepcore/cpu/kernels/gemm.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

static constexpr GemmKernels gemm_kernels = {};

}  // namespace deepcore::DEEPCORE_ISA
