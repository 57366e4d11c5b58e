// Philox, uniform, normal, dropout.
#pragma once

#include "deepcore/cpu/kernels/random.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

static constexpr RandomKernels random_kernels = {};

}  // namespace deepcore::DEEPCORE_ISA
