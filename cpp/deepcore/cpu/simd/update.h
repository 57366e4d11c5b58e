// Optimizer steps.
#pragma once

#include "deepcore/cpu/kernels/update.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

static constexpr UpdateKernels update_kernels = {};

}  // namespace deepcore::DEEPCORE_ISA
